/**
 * What is known of the queues of one engine: the settings of those that somebody said something about. Shared by the engines; the truth is
 * in their stores.
 *
 * Invariant: asking costs one comparison while there are none, for it is asked for every task.
 */

import { PLAIN_QUEUE, type QueueSettings } from '../task/queue.ts'
import type { QueueReport } from './engine.ts'

export interface Retention {
  readonly retentionMs: number
  readonly failedRetentionMs: number
}

export class QueueBook {
  readonly #byName = new Map<string, QueueSettings>()

  of(queue: string): QueueSettings {
    return this.#byName.size === 0 ? PLAIN_QUEUE : (this.#byName.get(queue) ?? PLAIN_QUEUE)
  }

  /** Some queue may not hold more than it is told. */
  get hasLimits(): boolean {
    for (const { tasksMax, bytesMax } of this.#byName.values())
      if (tasksMax !== null || bytesMax !== null) return true
    return false
  }

  isPaused(queue: string): boolean {
    return this.of(queue).mode === 'paused'
  }

  /** How long final tasks of the queue are kept. */
  retention(queue: string, general: Retention): Retention {
    const { retentionMs, failedRetentionMs } = this.of(queue)
    if (retentionMs === null && failedRetentionMs === null) return general
    return {
      retentionMs: retentionMs ?? general.retentionMs,
      failedRetentionMs: failedRetentionMs ?? general.failedRetentionMs,
    }
  }

  set(queue: string, settings: QueueSettings): void {
    this.#byName.set(queue, settings)
  }

  /** All that the store knows. */
  replace(all: Iterable<readonly [string, QueueSettings]>): void {
    this.#byName.clear()
    for (const [queue, settings] of all) this.#byName.set(queue, settings)
  }

  entries(): IterableIterator<[string, QueueSettings]> {
    return this.#byName.entries()
  }

  /** Adds to the counts of queues what is known of them, and those that have no task yet. */
  complete(counted: readonly Omit<QueueReport, 'settings'>[]): QueueReport[] {
    const known = new Set(counted.map(({ queue }) => queue))
    const others = [...this.#byName.keys()].filter((queue) => !known.has(queue))
    return [...counted, ...others.map(emptyReport)].map(({ queue, ...counts }) => ({
      queue,
      settings: this.of(queue),
      ...counts,
    }))
  }
}

function emptyReport(queue: string): Omit<QueueReport, 'settings'> {
  return {
    queue,
    scheduled: 0,
    blocked: 0,
    queued: 0,
    running: 0,
    oldestQueuedAtMs: null,
    totals: { submitted: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 },
  }
}
