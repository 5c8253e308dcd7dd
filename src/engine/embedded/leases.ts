/**
 * Who holds what: the running tasks by id, and the batches in which they were delivered.
 *
 * All tasks of one delivery share one epoch and one `lease` row, so that a lease costs a row a batch and not a write a task.
 * Invariant: after each commit the row of a batch names exactly its tasks that are leased and not final, so that an epoch
 * that was fenced off stays fenced off after a restart.
 */

import type { Entry, LeaseBatch } from './entry.ts'
import type { Seat } from './roster.ts'

/** A cancelled or lapsed delivery whose handler may still run: it occupies its seat until the worker says otherwise. */
export interface Ghost {
  readonly epoch: number
  readonly seat: Seat
}

export class Leases {
  readonly byId = new Map<string, Entry>()
  readonly ghosts = new Map<string, Ghost>()
  /** Batches touched in this turn that may need a row deleted or written again. */
  touched: LeaseBatch[] = []

  grant(entry: Entry, batch: LeaseBatch, seat: Seat | null, untilMs: number): void {
    entry.batch = batch
    entry.holder = seat
    entry.leaseUntilMs = untilMs
    entry.startedAtMs = batch.startedAtMs
    this.byId.set(entry.id, entry)
  }

  /** The lease ends. `final`: a result row says so; otherwise the row of the batch has to. */
  end(entry: Entry, final: boolean): void {
    this.byId.delete(entry.id)
    const batch = entry.batch!
    batch.open--
    if (!final) batch.dirty = true
    if (batch.open === 0 || batch.dirty) this.touched.push(batch)
  }

  /** Undoes `end`, after a commit that failed. */
  restore(entry: Entry): void {
    this.byId.set(entry.id, entry)
    entry.batch!.open++
  }

  isOpen(entry: Entry): boolean {
    return this.byId.get(entry.id) === entry
  }

  /** The earliest end of a lease; Infinity when nothing runs. */
  earliestEndMs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const entry of this.byId.values()) if (entry.leaseUntilMs < earliest) earliest = entry.leaseUntilMs
    return earliest
  }
}
