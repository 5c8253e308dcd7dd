/**
 * Who holds what: the running tasks by id, and the batches in which they were delivered.
 *
 * All tasks of one delivery share one epoch and one `lease` row, so that a lease costs a row a batch and not a write a task.
 * Invariant: after each commit the row of a batch names its tasks that are leased and, of the others, at most those that have
 * succeeded (for ever, so that the hot path writes no row again), so that an epoch that was fenced off stays so after a restart.
 */

import type { Lease } from '../../task/outcome.ts'
import type { Entry, Holder, LeaseBatch } from './entry.ts'

/** A cancelled delivery whose handler may still run. */
export interface Ghost {
  readonly id: string
  readonly epoch: number
  readonly holder: Holder
  readonly untilMs: number
}

export class Leases {
  readonly byId = new Map<string, Entry>()
  readonly #ghosts = new Map<string, Ghost>()
  /** Batches touched in this turn that may need a row deleted or written again. */
  touched: LeaseBatch[] = []

  grant(entry: Entry, batch: LeaseBatch, holder: Holder | null, untilMs: number): void {
    entry.batch = batch
    entry.holder = holder
    entry.leaseUntilMs = untilMs
    entry.startedAtMs = batch.startedAtMs
    this.byId.set(entry.id, entry)
  }

  /** The lease ends. `forGood`: a result row says so; otherwise the row of the batch has to. */
  end(entry: Entry, forGood: boolean): void {
    this.byId.delete(entry.id)
    const batch = entry.batch!
    batch.open--
    if (!forGood) batch.dirty = true
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

  /** The caller has raised the holder's count. */
  addGhost(entry: Entry, holder: Holder): Ghost {
    const ghost = { id: entry.id, epoch: entry.batch!.epoch, holder, untilMs: entry.leaseUntilMs }
    this.#ghosts.set(ghostKey(ghost), ghost)
    return ghost
  }

  dropGhost(lease: Lease): void {
    if (this.#ghosts.size === 0) return
    const key = ghostKey(lease)
    const ghost = this.#ghosts.get(key)
    if (ghost !== undefined && this.#ghosts.delete(key)) ghost.holder.held--
  }

  dropGhostsUntil(nowMs: number): void {
    for (const ghost of this.#ghosts.values()) if (ghost.untilMs <= nowMs) this.dropGhost(ghost)
  }

  /** The earliest end of a lease or a ghost; Infinity when nothing runs. */
  earliestEndMs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const entry of this.byId.values()) if (entry.leaseUntilMs < earliest) earliest = entry.leaseUntilMs
    for (const ghost of this.#ghosts.values()) if (ghost.untilMs < earliest) earliest = ghost.untilMs
    return earliest
  }
}

/** One task can have several: cancelled, retried by hand, delivered and cancelled again. */
function ghostKey({ id, epoch }: Lease): string {
  return `${epoch} ${id}`
}
