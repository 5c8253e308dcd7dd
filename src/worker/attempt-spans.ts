/**
 * The spans of attempts: begun when a delivery is handed to a thread, ended with what the attempt came to. The handler is told the span
 * in its metadata, so that its own spans, in its own thread, follow on it.
 */

import type { Outcome } from '../task/outcome.ts'
import { EarlierSpans } from '../telemetry/earlier-spans.ts'
import { startSpan, type TaskSpan } from '../telemetry/spans.ts'
import { traceFields } from '../telemetry/trace-context.ts'
import type { Held } from './held.ts'

export class AttemptSpans {
  readonly #earlier = new EarlierSpans()
  readonly #worker: string

  constructor(worker: string) {
    this.#worker = worker
  }

  readonly begin = ({ delivery }: Held): TaskSpan =>
    startSpan({
      operation: 'process',
      task: delivery,
      metadata: delivery.metadata,
      attributes: {
        'messaging.client.id': this.#worker,
        'messaging.message.body.size': Buffer.byteLength(delivery.dataText),
        'chasqui.task.attempt': delivery.attempt,
        'chasqui.task.max_attempts': delivery.maxAttempts,
      },
      links: this.#earlier.take(delivery.id),
    })

  end({ span, delivery, runMs, thread }: Held, outcome: Outcome): void {
    if (span === null) return
    // The thread began it when it came to it, which may have been later than it was handed over.
    if (runMs > 0) span.event('chasqui.handler.started', Date.now() - runMs)
    span.end({
      attributes: { 'chasqui.outcome': outcome.kind, 'chasqui.run_ms': runMs, 'chasqui.thread': thread },
      ...('error' in outcome && { error: outcome.error }),
    })
    if (outcome.kind !== 'returned') this.#earlier.keep(delivery.id, span.context)
  }
}

/** For log lines about it: the attempt's own span, or the trace that its task came with. */
export function traceOf({ span, delivery }: Held): ReturnType<typeof traceFields> {
  return traceFields(span === null ? delivery.metadata : span.inject(delivery.metadata))
}
