/** Who takes tasks: the consumers in a ring, served one task each in turn, going on where the last turn stopped. */

import { CREDIT_MAX } from '../../task/limits.ts'
import type { ConsumeRequest, ConsumerReport, DeliverySink } from '../engine.ts'
import { isForOneAlone, type Row, type Seat } from './row.ts'

export class Seats {
  #ring: Seat[] = []
  #next = 0
  /** Gets nothing until it holds nothing, and then a task that must run alone. One at a time: the others go on as ever. */
  #kept: Seat | null = null

  /** Those that take tasks. */
  get all(): readonly Seat[] {
    return this.#ring
  }

  add(seat: Seat): void {
    this.#ring.push(seat)
  }

  /** @returns false when it takes no tasks any more */
  remove(seat: Seat): boolean {
    const at = this.#ring.indexOf(seat)
    if (at < 0) return false
    this.#ring.splice(at, 1)
    if (this.#kept === seat) this.#kept = null
    if (at < this.#next) this.#next--
    return true
  }

  /** A worker is to leave. @returns how many seats it has */
  drain(worker: string): number {
    const own = this.#ring.filter((seat) => seat.request.worker.id === worker)
    for (const seat of own) {
      seat.leaving = true
      seat.sink.drain?.()
    }
    return own.length
  }

  find(id: string | undefined): Seat | undefined {
    return id === undefined ? undefined : this.#ring.find((seat) => seat.id === id)
  }

  /**
   * Serves until nobody with free credit finds a task.
   * @param give hands one task to a seat; false: there is none for it
   */
  serve(give: (seat: Seat) => boolean): void {
    for (let unserved = 0; unserved < this.#ring.length; ) {
      const seat = this.#ring[this.#next % this.#ring.length]!
      this.#next = (this.#next + 1) % this.#ring.length
      unserved = hasCredit(seat) && give(seat) ? 0 : unserved + 1
    }
  }

  /**
   * The best row that this seat may have now.
   * @param first the best row for it of all, or of those that may run beside others
   */
  bestFor(seat: Seat, first: (sociable: boolean) => Row | null): Row | null {
    if (seat.held.size === 0) seat.alone = false
    if (seat.alone) return null
    const row = first(false)
    if (row !== null && seat.held.size > 0 && isForOneAlone(row)) {
      this.#kept ??= seat
      return this.#kept === seat ? null : first(true)
    }
    if (this.#kept === seat) this.#kept = null
    return row
  }
}

function hasCredit(seat: Seat): boolean {
  return !seat.leaving && seat.held.size < Math.min(CREDIT_MAX, seat.slots * seat.prefetch)
}

export function seatReport(seat: Seat): ConsumerReport {
  const { id, slots, prefetch, connectedAtMs, delivered, settled } = seat
  const { worker, queues, types } = seat.request
  return {
    id,
    worker,
    queues,
    types,
    slots,
    prefetch,
    held: seat.held.size,
    connectedAtMs,
    delivered,
    settled,
  }
}

export function createSeat(
  id: string,
  request: ConsumeRequest,
  sink: DeliverySink,
  end: Seat['end'],
  connectedAtMs: number,
): Seat {
  const { slots, prefetch } = request
  return {
    id,
    request,
    sink,
    connectedAtMs,
    end,
    slots,
    prefetch,
    held: new Set(),
    alone: false,
    leaving: false,
    delivered: 0,
    settled: 0,
  }
}
