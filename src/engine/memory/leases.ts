/**
 * Deliveries in workers' hands: who holds which, and until when.
 *
 * A lease is `current` while its row points to it. A cancelled one is void but still held: its handler may run on, so it occupies its
 * consumer's credit until the worker gives it back or its time passes. Invariant: a lease is in its consumer's `held`, in
 * the deadline queue and in `#all` together, or in none of them.
 */

import type { Clock } from '../../task/clock.ts'
import { DeadlineQueue } from '../deadline-queue.ts'
import type { Lease, Row, Seat } from './row.ts'

export class Leases {
  readonly #all = new Map<string, Lease>()
  readonly #deadlines: DeadlineQueue<Lease>
  #lastEpoch = 0

  /** @param lapsed is called for each lease whose time has passed; it is held no more. */
  constructor(clock: Clock, lapsed: (lease: Lease) => void) {
    this.#deadlines = new DeadlineQueue(clock, (due) => {
      for (const lease of due) {
        this.end(lease)
        lapsed(lease)
      }
    })
  }

  get size(): number {
    return this.#all.size
  }

  grant(row: Row, seat: Seat, untilMs: number): Lease {
    const lease: Lease = {
      row,
      epoch: ++this.#lastEpoch,
      seat,
      atMs: 0,
      heapIndex: -1,
    }
    this.#all.set(keyOf(row.submission.id, lease.epoch), lease)
    seat.held.add(lease)
    this.#deadlines.set(lease, untilMs)
    return lease
  }

  /** The lease with this id and epoch while it is held, current or void. */
  find(id: string, epoch: number): Lease | undefined {
    return this.#all.get(keyOf(id, epoch))
  }

  renew(lease: Lease, untilMs: number): void {
    this.#deadlines.set(lease, untilMs)
  }

  /** Brings the end nearer, never further away. */
  shorten(lease: Lease, untilMs: number): void {
    if (untilMs < lease.atMs) this.#deadlines.set(lease, untilMs)
  }

  adopt(lease: Lease, seat: Seat): void {
    lease.seat.held.delete(lease)
    lease.seat = seat
    seat.held.add(lease)
  }

  end(lease: Lease): void {
    this.#all.delete(keyOf(lease.row.submission.id, lease.epoch))
    lease.seat.held.delete(lease)
    this.#deadlines.delete(lease)
  }

  close(): void {
    this.#deadlines.clear()
  }
}

function keyOf(id: string, epoch: number): string {
  return `${epoch} ${id}`
}
