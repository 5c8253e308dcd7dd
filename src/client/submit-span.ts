/** A submission with a span around it: from `submit` to its confirmation. Its trace is what the task travels with. */

import type { Durability, Submission } from '../task/task.ts'
import { type SpanError, startSpan } from '../telemetry/spans.ts'
import type { Submissions, Submitter } from './submissions.ts'

/** As `Submissions.add`; only where somebody traces. */
export function addTraced(
  submissions: Submissions,
  submission: Submission,
  durability: Durability,
  submitter: Submitter,
): void {
  const metadata = submission.options?.metadata ?? null
  const span = startSpan({
    operation: 'submit',
    task: submission,
    metadata,
    attributes: { 'messaging.message.body.size': Buffer.byteLength(submission.dataText) },
  })
  const told = span.inject(metadata)
  const traced =
    told === null ? submission : { ...submission, options: { ...submission.options, metadata: told } }
  try {
    submissions.add(traced, durability, {
      confirm(receipt) {
        span.end({ attributes: { 'chasqui.receipt.duplicate': receipt.duplicate } })
        submitter.confirm(receipt)
      },
      fail(error) {
        span.end({ error: errorOf(error) })
        submitter.fail(error)
      },
    })
  } catch (error) {
    span.end({ error: errorOf(error) })
    throw error
  }
}

function errorOf(error: unknown): SpanError {
  const { code, name = 'Error', message } = error as Error & { readonly code?: string }
  return { name: code ?? name, message }
}
