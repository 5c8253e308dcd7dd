/** Who takes tasks: the consumers in a ring, served one task each in turn, going on where the last turn stopped. */

import { CREDIT_MAX } from '../../task/limits.ts'
import type { ConsumerReport } from '../engine.ts'
import type { Seat } from './row.ts'

export class Seats {
  #ring: Seat[] = []
  #next = 0

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
    if (at < this.#next) this.#next--
    return true
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
}

function hasCredit(seat: Seat): boolean {
  return seat.held.size < Math.min(CREDIT_MAX, seat.slots * seat.prefetch)
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
