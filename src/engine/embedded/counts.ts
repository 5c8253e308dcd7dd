/** How many tasks are where, by queue: kept in memory as they move, the totals also in the file. */

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

  add(queueNo: number, total: 'submitted' | FinalState, by: 1 | -1): void {
    const count = this.of(queueNo)
    count.totals[total] += by
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
      store.counts.writeTotals(queueNo, count.totals)
    }
    this.#dirty = []
  }

  /** Counts again from the file. `leased`: queue numbers of the running tasks, one entry a task. */
  load(store: Store, leased: Iterable<number>): void {
    this.byQueue.clear()
    this.#dirty = []
    for (const { queueNo, totals } of store.counts.readTotals())
      Object.assign(this.of(queueNo).totals, totals)
    for (const { queueNo, count } of store.counts.countReady()) this.of(queueNo).queued = count
    for (const { queueNo, count } of store.counts.countScheduled()) this.of(queueNo).scheduled = count
    for (const queueNo of leased) {
      const count = this.of(queueNo)
      count.queued--
      count.running++
    }
  }
}
