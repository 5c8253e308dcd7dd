/**
 * Who takes tasks: a ring of seats, one a consumer, served in turn so that work spreads evenly over those with free credit.
 */

import { CREDIT_MAX } from '../../task/limits.ts'
import { mustRunAlone } from '../budget.ts'
import type { ConsumeRequest, ConsumerEnd, ConsumerReport, Delivery, DeliverySink } from '../engine.ts'
import type { Entry, Holder } from './entry.ts'
import type { Line } from './lanes.ts'

export interface Seat extends Holder {
  readonly id: string
  readonly request: ConsumeRequest
  readonly connectedAtMs: number
  slots: number
  prefetch: number
  credit: number
  delivered: number
  /** What it holds must run alone. */
  alone: boolean
  /** The lines whose tasks it may take. */
  readonly lines: Line[]
  /** This turn's picks, and what is handed over of them after the commit. */
  picks: Entry[]
  deliveries: Delivery[]
  readonly end: (end: ConsumerEnd) => void
}

export function createSeat(
  id: string,
  request: ConsumeRequest,
  sink: DeliverySink,
  workerNo: number,
  connectedAtMs: number,
): { seat: Seat; ended: Promise<ConsumerEnd> } {
  const { promise: ended, resolve: end } = Promise.withResolvers<ConsumerEnd>()
  const { slots, prefetch } = request
  const seat: Seat = {
    id,
    request,
    sink,
    workerNo,
    connectedAtMs,
    slots,
    prefetch,
    credit: creditOf(slots, prefetch),
    held: 0,
    delivered: 0,
    settled: 0,
    gone: false,
    alone: false,
    lines: [],
    picks: [],
    deliveries: [],
    end,
  }
  return { seat, ended }
}

export function reportOfSeat(seat: Seat): ConsumerReport {
  const { id, slots, prefetch, held, connectedAtMs, delivered, settled } = seat
  const { worker, queues, types } = seat.request
  return { id, worker, queues, types, slots, prefetch, held, connectedAtMs, delivered, settled }
}

export function creditOf(slots: number, prefetch: number): number {
  return Math.min(CREDIT_MAX, slots * prefetch)
}

export class Roster {
  readonly seats: Seat[] = []
  #next = 0
  /** Gets nothing until it holds nothing, and then a task that must run alone. One at a time: the others go on as ever. */
  #kept: Seat | null = null

  add(seat: Seat, lines: readonly Line[], names: (line: Line) => { queue: string; type: string }): void {
    for (const line of lines) if (suits(seat, names(line))) seat.lines.push(line)
    this.seats.push(seat)
  }

  /** A queue or type that was never seen before got its line. */
  addLine(line: Line, name: { queue: string; type: string }): void {
    for (const seat of this.seats) if (suits(seat, name)) seat.lines.push(line)
  }

  remove(seat: Seat): void {
    const at = this.seats.indexOf(seat)
    if (at < 0) return
    this.seats.splice(at, 1)
    if (this.#kept === seat) this.#kept = null
    if (at < this.#next) this.#next--
  }

  /**
   * Serves one task a seat in turn until none has free credit or none finds a task; goes on next time where it stopped.
   * @param take gives the best task of a seat to it, false when there is none
   */
  serve(take: (seat: Seat) => boolean): void {
    const count = this.seats.length
    let idle = 0
    while (idle < count) {
      if (this.#next >= count) this.#next = 0
      const seat = this.seats[this.#next++]!
      if (seat.held < seat.credit && take(seat)) idle = 0
      else idle++
    }
  }

  /** The best task that this seat may have now, with the line that it is to be taken from; null: none. */
  bestFor(seat: Seat): { line: Line; entry: Entry } | null {
    if (seat.held === 0) seat.alone = false
    if (seat.alone) return null
    const line = bestOf(seat.lines, false)
    const entry = line?.first() ?? null
    if (entry !== null && seat.held > 0 && mustRunAlone(entry)) {
      this.#kept ??= seat
      return this.#kept === seat ? null : this.#bestBesideOthers(seat)
    }
    if (this.#kept === seat) this.#kept = null
    return entry === null ? null : { line: line!, entry }
  }

  #bestBesideOthers(seat: Seat): { line: Line; entry: Entry } | null {
    const line = bestOf(seat.lines, true)
    return line === null ? null : { line, entry: line.firstSociable()! }
  }
}

function suits(seat: Seat, name: { queue: string; type: string }): boolean {
  const { queues, types } = seat.request
  return queues.includes(name.queue) && (types === null || types.includes(name.type))
}

/** The line with the best task: highest priority first, then the longest due, then the first accepted; null when all are empty. */
function bestOf(lines: readonly Line[], sociable: boolean): Line | null {
  let best: Entry | null = null
  let bestLine: Line | null = null
  for (const line of lines) {
    const entry = sociable ? line.firstSociable() : line.first()
    if (entry !== null && (best === null || comesBefore(entry, best))) {
      best = entry
      bestLine = line
    }
  }
  return bestLine
}

function comesBefore(a: Entry, b: Entry): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.runAtMs !== b.runAtMs) return a.runAtMs < b.runAtMs
  return a.seq < b.seq
}
