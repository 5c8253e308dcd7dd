/**
 * How many tasks are where, by queue: kept in memory as they move. The totals and the scheduled ones are also in the file, in the
 * transactions that change them; how many are ready follows from them, so that opening a store counts no rows.
 */

import type { FinalState } from '../../task/lifecycle.ts'
import type { Totals } from './count-rows.ts'
import type { Store } from './store.ts'

export interface QueueCount {
  scheduled: number
  /** Ready and not leased. */
  queued: number
  running: number
  readonly totals: Totals
  dirty: boolean
}

export class Counts {
  readonly byQueue = new Map<number, QueueCount>()
  #dirty: number[] = []

  of(queueNo: number): QueueCount {
    let count = this.byQueue.get(queueNo)
    if (count === undefined) {
      count = {
        scheduled: 0,
        queued: 0,
        running: 0,
        totals: { submitted: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 },
        dirty: false,
      }
      this.byQueue.set(queueNo, count)
    }
    return count
  }

  add(queueNo: number, total: 'submitted' | FinalState, by: number): void {
    const count = this.of(queueNo)
    count.totals[total] += by
    this.#changed(queueNo, count)
  }

  addScheduled(queueNo: number, by: 1 | -1): void {
    const count = this.of(queueNo)
    count.scheduled += by
    this.#changed(queueNo, count)
  }

  #changed(queueNo: number, count: QueueCount): void {
    if (!count.dirty) {
      count.dirty = true
      this.#dirty.push(queueNo)
    }
  }

  /** Writes the totals that changed in this transaction. */
  save(store: Store): void {
    for (const queueNo of this.#dirty) {
      const count = this.byQueue.get(queueNo)!
      count.dirty = false
      store.counts.writeTotals(queueNo, count.totals, count.scheduled)
    }
    this.#dirty = []
  }

  /** Reads the counts of the file. `leased`: queue numbers of the running tasks, one entry a task. */
  load(store: Store, leased: Iterable<number>): void {
    this.byQueue.clear()
    this.#dirty = []
    for (const { queueNo, totals, scheduled } of store.counts.readTotals()) {
      const count = this.of(queueNo)
      Object.assign(count.totals, totals)
      count.scheduled = scheduled
      const final = totals.succeeded + totals.failed + totals.canceled + totals.expired
      count.queued = totals.submitted - final - scheduled
    }
    for (const queueNo of leased) {
      const count = this.of(queueNo)
      count.queued--
      count.running++
    }
  }
}
