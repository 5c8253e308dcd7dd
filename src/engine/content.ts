/**
 * Whether a submission says the same as a task that exists: what makes submitting twice safe. Shared by all engines.
 *
 * Times are not compared (a delay counts from the first acceptance), and neither is the trace that it was submitted in: whoever submits
 * again does so in another one; nor whose account it is on. Data is compared as JSON, not as text: a client that writes
 * the same value with other spaces or another order of keys means the same task.
 */

import { isDeepStrictEqual } from 'node:util'
import { PRIORITY_DEFAULT } from '../task/limits.ts'
import type { Submission, TaskOptions } from '../task/task.ts'
import { TRACEPARENT, TRACESTATE } from '../telemetry/trace-context.ts'

export type Content = Pick<Submission, 'type' | 'queue' | 'priority' | 'dataText' | 'options'>

export function isSameContent(a: Content, b: Content): boolean {
  const [ownA, ownB] = [own(a), own(b)]
  return (
    a.type === b.type &&
    a.queue === b.queue &&
    ownA.priority === ownB.priority &&
    isDeepStrictEqual(saidBy(ownA.options), saidBy(ownB.options)) &&
    // The text is nearly always the same; only a difference is worth parsing.
    (a.dataText === b.dataText || isDeepStrictEqual(JSON.parse(a.dataText), JSON.parse(b.dataText)))
  )
}

/** The options without what is not compared. */
function saidBy(options: TaskOptions | null): TaskOptions {
  const { expiresAtMs: _, owned: __, metadata, ...rest } = options ?? {}
  if (metadata === undefined) return rest
  const { [TRACEPARENT]: ___, [TRACESTATE]: ____, ...own } = metadata
  return Object.keys(own).length === 0 ? rest : { ...rest, metadata: own }
}

/** What was said by whoever submitted it, without what its queue added. */
function own({ priority, options }: Content): Pick<Content, 'priority' | 'options'> {
  if (options?.ofQueue === undefined) return { priority, options }
  const { ofQueue } = options
  const said = Object.entries(options).filter(([name]) => name !== 'ofQueue' && !ofQueue.includes(name))
  return {
    priority: ofQueue.includes('priority') ? PRIORITY_DEFAULT : priority,
    options: Object.fromEntries(said),
  }
}
