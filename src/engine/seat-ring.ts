/**
 * Who takes tasks: a ring of seats, one a consumer, served in turn so that work spreads evenly over those with free credit. Shared by the
 * engines that keep their ready tasks in lines.
 */

import { CREDIT_MAX } from '../task/limits.ts'
import type { ConsumeRequest, Consumer, ConsumerEnd, ConsumerReport } from './engine.ts'

export interface Ready {
  readonly seq: number
  /** 0 to 9; higher runs first. */
  readonly priority: number
  readonly runAtMs: number
}

/** Ready tasks of one kind, in their order. */
export interface ReadyLine<E> {
  /** Its queue delivers nothing. */
  readonly isPaused: boolean
  first(): E | null
  /** The first that may run beside others, as far as one can see. */
  firstSociable(): E | null
}

export interface RingSeat<L> {
  credit: number
  /** Deliveries not settled yet. */
  held: number
  /** What it holds must run alone. */
  alone: boolean
  /** It was told to leave: it gets no credit any more. */
  leaving: boolean
  /** The lines whose tasks it may take. */
  readonly lines: L[]
  readonly request: Pick<ConsumeRequest, 'queues' | 'types' | 'worker'>
}

export class SeatRing<E extends Ready, L extends ReadyLine<E>, S extends RingSeat<L>> {
  readonly seats: S[] = []
  readonly #mustRunAlone: (entry: E) => boolean
  #next = 0
  /** Gets nothing until it holds nothing, and then a task that must run alone. One at a time: the others go on as ever. */
  #kept: S | null = null

  constructor(mustRunAlone: (entry: E) => boolean) {
    this.#mustRunAlone = mustRunAlone
  }

  add(seat: S, lines: Iterable<L>, names: (line: L) => { queue: string; type: string }): void {
    for (const line of lines) if (suits(seat.request, names(line))) seat.lines.push(line)
    this.seats.push(seat)
  }

  /** A queue or type that was never seen before got its line. */
  addLine(line: L, name: { queue: string; type: string }): void {
    for (const seat of this.seats) if (suits(seat.request, name)) seat.lines.push(line)
  }

  /** A worker is to leave: its seats get nothing more. @returns them, to be told */
  drain(worker: string): S[] {
    const own = this.seats.filter((seat) => seat.request.worker.id === worker)
    for (const seat of own) {
      seat.leaving = true
      seat.credit = 0
    }
    return own
  }

  remove(seat: S): void {
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
  serve(take: (seat: S) => boolean): void {
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
  bestFor(seat: S): { line: L; entry: E } | null {
    if (seat.held === 0) seat.alone = false
    if (seat.alone) return null
    const line = this.#bestOf(seat.lines, false)
    const entry = line?.first() ?? null
    if (entry !== null && seat.held > 0 && this.#mustRunAlone(entry)) {
      this.#kept ??= seat
      return this.#kept === seat ? null : this.#bestBesideOthers(seat)
    }
    if (this.#kept === seat) this.#kept = null
    return entry === null ? null : { line: line!, entry }
  }

  #bestBesideOthers(seat: S): { line: L; entry: E } | null {
    const line = this.#bestOf(seat.lines, true)
    return line === null ? null : { line, entry: line.firstSociable()! }
  }

  /** The line with the best task: highest priority first, then the longest due, then the first accepted; null when all are empty. */
  #bestOf(lines: readonly L[], sociable: boolean): L | null {
    let best: E | null = null
    let bestLine: L | null = null
    for (const line of lines) {
      if (line.isPaused) continue
      const entry = sociable ? line.firstSociable() : line.first()
      if (entry !== null && (best === null || comesBefore(entry, best))) {
        best = entry
        bestLine = line
      }
    }
    return bestLine
  }
}

export function creditOf(slots: number, prefetch: number): number {
  return Math.min(CREDIT_MAX, slots * prefetch)
}

/** The consumer of a seat. `leave`: it takes nothing more; its worker is `lost`, or not. */
export function consumerOf(
  seat: { readonly id: string; readonly leaving: boolean; slots: number; prefetch: number; credit: number },
  ended: Promise<ConsumerEnd>,
  hooks: { readonly wake: () => void; readonly leave: (lost: boolean) => void },
): Consumer {
  return {
    id: seat.id,
    ended,
    resize: (slots, prefetch) => {
      seat.slots = slots
      seat.prefetch = prefetch
      seat.credit = seat.leaving ? 0 : creditOf(slots, prefetch)
      hooks.wake()
    },
    stop: async (options) => hooks.leave(options?.lost === true),
  }
}

/** What people see of a seat. */
export function reportOfSeat(
  seat: Omit<ConsumerReport, 'worker' | 'queues' | 'types'> & { readonly request: ConsumeRequest },
): ConsumerReport {
  const { id, slots, prefetch, held, connectedAtMs, delivered, settled } = seat
  const { worker, queues, types } = seat.request
  return { id, worker, queues, types, slots, prefetch, held, connectedAtMs, delivered, settled }
}

export function suits(
  { queues, types }: Pick<ConsumeRequest, 'queues' | 'types'>,
  name: { readonly queue: string; readonly type: string },
): boolean {
  return queues.includes(name.queue) && (types === null || types.includes(name.type))
}

function comesBefore(a: Ready, b: Ready): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.runAtMs !== b.runAtMs) return a.runAtMs < b.runAtMs
  return a.seq < b.seq
}
