/**
 * Whether a submission says the same as a task that exists: what makes submitting twice safe. Shared by all engines.
 *
 * Times are not compared (a delay counts from the first acceptance). Data is compared as JSON, not as text: a client that writes
 * the same value with other spaces or another order of keys means the same task.
 */

import { isDeepStrictEqual } from 'node:util'
import type { Submission, TaskOptions } from '../task/task.ts'

export type Content = Pick<Submission, 'type' | 'queue' | 'priority' | 'dataText' | 'options'>

export function isSameContent(a: Content, b: Content): boolean {
  return (
    a.type === b.type &&
    a.queue === b.queue &&
    a.priority === b.priority &&
    isDeepStrictEqual(withoutTimes(a.options), withoutTimes(b.options)) &&
    // The text is nearly always the same; only a difference is worth parsing.
    (a.dataText === b.dataText || isDeepStrictEqual(JSON.parse(a.dataText), JSON.parse(b.dataText)))
  )
}

function withoutTimes(options: TaskOptions | null): Omit<TaskOptions, 'expiresAtMs'> {
  const { expiresAtMs: _, ...rest } = options ?? {}
  return rest
}
