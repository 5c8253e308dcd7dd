/**
 * How much work may wait: unfinished tasks (scheduled, queued, running) of one queue, and of all. Beyond it new ones hear RETRY_AFTER and nothing
 * is dropped.
 *
 * Counted from the ledger's rows of counts, once a second while tasks come in, plus what this process has let in since. So several processes
 * together may go over a limit by what the others let in within that second: a limit against floods, not a quota. Bytes are the mean of a queue's
 * newest unfinished tasks, times how many there are.
 */

import { BACKLOG_LOOK_MS, BACKLOG_RETRY_AFTER_MS, QUEUE_BYTES_SCAN_MAX } from '../../task/limits.ts'
import { refusalBy } from '../../task/queue.ts'
import type { Refusal, Submission } from '../../task/task.ts'
import type { Core } from './core.ts'
import { numbers } from './ledger/columns.ts'
import { COUNTS } from './ledger/look-statements.ts'
import { MEAN_BYTES } from './ledger/queue-statements.ts'

export interface BacklogLimits {
  readonly tasksMax?: number | undefined
  readonly queueTasksMax?: number | undefined
}

export class Backlog {
  readonly #core: Pick<Core, 'ledger' | 'queues' | 'lanes'>
  readonly #tasksMax: number
  readonly #queueTasksMax: number
  #total = 0
  #byQueue = new Map<string, number>()
  /** Of queues whose bytes are limited. */
  #bytesByQueue = new Map<string, number>()
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | null = null

  constructor(core: Core, { tasksMax, queueTasksMax }: BacklogLimits) {
    this.#core = core
    this.#tasksMax = tasksMax ?? Number.POSITIVE_INFINITY
    this.#queueTasksMax = queueTasksMax ?? Number.POSITIVE_INFINITY
  }

  /** null: it is known well enough. Otherwise resolves when it is. Rejects with STORE_FAILED. */
  look(): Promise<void> | null {
    const isLimited = Math.min(this.#tasksMax, this.#queueTasksMax) < Number.POSITIVE_INFINITY
    if (
      (!isLimited && !this.#core.queues.hasLimits) ||
      performance.now() - this.#lookedAtMs < BACKLOG_LOOK_MS
    )
      return null
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    const byQueue = new Map<string, number>()
    let total = 0
    const bytesByQueue = new Map<string, number>()
    const { look } = this.#core.ledger
    for (const row of await look.repeat(COUNTS, [])) {
      const [queue, submitted, , , ...final] = row as unknown as [string, ...number[]]
      const unfinished = final.reduce((rest, count) => rest - count, submitted!)
      byQueue.set(queue, unfinished)
      total += unfinished
    }
    const weighed = [...this.#core.lanes.all].filter(
      ({ queue }) => this.#core.queues.of(queue).bytesMax !== null,
    )
    if (weighed.length > 0) {
      const lanes = numbers(weighed.map(({ no }) => no))
      const means = await look.repeat<[string, number]>(MEAN_BYTES, [lanes, QUEUE_BYTES_SCAN_MAX])
      for (const [queue, bytes] of means) bytesByQueue.set(queue, bytes * (byQueue.get(queue) ?? 0))
    }
    this.#bytesByQueue = bytesByQueue
    this.#byQueue = byQueue
    this.#total = total
    this.#lookedAtMs = performance.now()
  }

  /** Lets one more task in, or says why not. */
  enter(submission: Submission): Refusal | null {
    const { id, queue } = submission
    const ofQueue = this.#byQueue.get(queue) ?? 0
    const settings = this.#core.queues.of(queue)
    const bytes = this.#bytesByQueue.get(queue) ?? 0
    const refused = refusalBy(settings, submission, () => ({ tasks: ofQueue, bytes }))
    if (refused !== null) return refused
    if (ofQueue >= this.#queueTasksMax) {
      return refusal(id, `queue ${queue} holds its limit of ${this.#queueTasksMax} unfinished tasks`)
    }
    if (this.#total >= this.#tasksMax) {
      return refusal(id, `the engine holds its limit of ${this.#tasksMax} unfinished tasks`)
    }
    this.#byQueue.set(queue, ofQueue + 1)
    this.#total++
    if (settings.bytesMax !== null)
      this.#bytesByQueue.set(queue, bytes + Buffer.byteLength(submission.dataText))
    return null
  }
}

function refusal(id: string, message: string): Refusal {
  return { id, refused: { code: 'RETRY_AFTER', message, retryAfterMs: BACKLOG_RETRY_AFTER_MS } }
}
