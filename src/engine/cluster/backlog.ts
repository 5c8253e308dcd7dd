/**
 * How much work may wait: unfinished tasks (scheduled, queued, running) of one queue, and of all. Beyond it new ones hear RETRY_AFTER and nothing
 * is dropped.
 *
 * Counted from the ledger's rows of counts, once a second while tasks come in, plus what this process has let in since. So several processes
 * together may go over a limit by what the others let in within that second: a limit against floods, not a quota.
 */

import { BACKLOG_LOOK_MS, BACKLOG_RETRY_AFTER_MS } from '../../task/limits.ts'
import type { Refusal } from '../../task/task.ts'
import { COUNTS } from './ledger/look-statements.ts'
import type { Session } from './ledger/session.ts'

export interface BacklogLimits {
  readonly tasksMax?: number | undefined
  readonly queueTasksMax?: number | undefined
}

export class Backlog {
  readonly #session: Session
  readonly #tasksMax: number
  readonly #queueTasksMax: number
  #total = 0
  #byQueue = new Map<string, number>()
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | null = null

  constructor(session: Session, { tasksMax, queueTasksMax }: BacklogLimits) {
    this.#session = session
    this.#tasksMax = tasksMax ?? Number.POSITIVE_INFINITY
    this.#queueTasksMax = queueTasksMax ?? Number.POSITIVE_INFINITY
  }

  /** null: it is known well enough. Otherwise resolves when it is. Rejects with STORE_FAILED. */
  look(): Promise<void> | null {
    const isLimited = Math.min(this.#tasksMax, this.#queueTasksMax) < Number.POSITIVE_INFINITY
    if (!isLimited || performance.now() - this.#lookedAtMs < BACKLOG_LOOK_MS) return null
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    const byQueue = new Map<string, number>()
    let total = 0
    for (const row of await this.#session.repeat(COUNTS, [])) {
      const [queue, submitted, , , ...final] = row as unknown as [string, ...number[]]
      const unfinished = final.reduce((rest, count) => rest - count, submitted!)
      byQueue.set(queue, unfinished)
      total += unfinished
    }
    this.#byQueue = byQueue
    this.#total = total
    this.#lookedAtMs = performance.now()
  }

  /** Lets one more task in, or says why not. */
  enter(id: string, queue: string): Refusal | null {
    const ofQueue = this.#byQueue.get(queue) ?? 0
    if (ofQueue >= this.#queueTasksMax) {
      return refusal(id, `queue ${queue} holds its limit of ${this.#queueTasksMax} unfinished tasks`)
    }
    if (this.#total >= this.#tasksMax) {
      return refusal(id, `the engine holds its limit of ${this.#tasksMax} unfinished tasks`)
    }
    this.#byQueue.set(queue, ofQueue + 1)
    this.#total++
    return null
  }
}

function refusal(id: string, message: string): Refusal {
  return { id, refused: { code: 'RETRY_AFTER', message, retryAfterMs: BACKLOG_RETRY_AFTER_MS } }
}
