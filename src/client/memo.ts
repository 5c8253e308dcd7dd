/**
 * Results by contents, as middleware: what was submitted before with the same type, queue and data is not run again while its result is young.
 *
 * The store does the work: the contents become the dedupe key of the task. So it holds across clients, processes and restarts, and two
 * that submit the same at the same moment share one run.
 */

import { createHash, createHmac } from 'node:crypto'
import { canonicalText } from '../sealing/canonical-json.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { Middleware } from '../task/middleware.ts'
import type { Submission } from '../task/task.ts'

export interface MemoOptions {
  /** How long a task stands for others with the same contents, from its acceptance on. */
  readonly ttlMs: number
  /** Of these types only. Default: all. */
  readonly tasks?: readonly (TaskDefinition | string)[]
  /** What counts as the same, where that is not all of the data. */
  readonly memoKey?: (data: unknown, submission: Submission) => string
  /** Keeps those who read the store from finding out contents by trying: with encryption, give it. The same for all clients. */
  readonly secret?: string | Uint8Array
}

/** A task with a dedupe key of its own keeps that. Put it before encryption: it must see the data. */
export function memo({ ttlMs, tasks, memoKey, secret }: MemoOptions): Middleware {
  const types = tasks && new Set(tasks.map((task) => (typeof task === 'string' ? task : task.type)))
  return {
    name: 'memo',
    submit(submission, next) {
      const { type, dataText, options } = submission
      if (types?.has(type) === false || options?.dedupeKey !== undefined) return next(submission)
      const content =
        memoKey === undefined ? canonicalText(dataText) : memoKey(JSON.parse(dataText), submission)
      const hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret)
      const dedupeKey = `memo:${hash.update(JSON.stringify([type, content])).digest('base64url')}`
      return next({ ...submission, options: { ...options, dedupeKey, dedupeWindowMs: ttlMs } })
    },
  }
}
