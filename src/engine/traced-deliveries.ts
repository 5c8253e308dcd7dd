/**
 * The spans of deliveries that are not settled, by task. A worker that is gone leaves its span open until the task is delivered again,
 * which ends it; so there is never more than one for a task, and never more than TRACED_DELIVERIES_MAX.
 */

import { isFinal } from '../task/lifecycle.ts'
import { TRACED_DELIVERIES_MAX } from '../task/limits.ts'
import type { Lease, Outcome } from '../task/outcome.ts'
import { EarlierSpans } from '../telemetry/earlier-spans.ts'
import { startSpan, type TaskSpan } from '../telemetry/spans.ts'
import type { Delivery, Settlement } from './engine.ts'

interface Open {
  readonly epoch: number
  readonly span: TaskSpan
}

export class TracedDeliveries {
  readonly #open = new Map<string, Open>()
  readonly #earlier = new EarlierSpans()

  /** The delivery as its worker gets it: it follows on the span that begins here. */
  begin(delivery: Delivery, attributes: Readonly<Record<string, string>>): Delivery {
    const { id, epoch, attempt, metadata } = delivery
    this.#end(id, { error: { name: 'lost', message: 'nothing more was heard of this delivery' } }, true)
    const span = startSpan({
      operation: 'deliver',
      task: delivery,
      metadata,
      attributes: { 'chasqui.task.attempt': attempt, ...attributes },
      links: this.#earlier.take(id),
    })
    if (span.isRecording) this.#add(id, { epoch, span })
    else span.end()
    return { ...delivery, metadata: span.inject(metadata) }
  }

  #add(id: string, open: Open): void {
    this.#open.set(id, open)
    if (this.#open.size <= TRACED_DELIVERIES_MAX) return
    const [oldest] = this.#open.keys()
    this.#end(oldest!, {}, false)
  }

  revoked({ id, epoch }: Lease): void {
    if (this.#open.get(id)?.epoch !== epoch) return
    this.#end(id, { error: { name: 'revoked', message: 'it was cancelled, or its lease has lapsed' } }, true)
  }

  settled(outcome: Outcome, { accepted, state }: Settlement): void {
    const { id, epoch, kind } = outcome
    if (!accepted || this.#open.get(id)?.epoch !== epoch) return
    const willRunAgain = state !== null && !isFinal(state)
    this.#end(
      id,
      {
        attributes: { 'chasqui.outcome': kind, ...(state !== null && { 'chasqui.task.state': state }) },
        ...('error' in outcome && { error: outcome.error }),
      },
      willRunAgain,
    )
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.#end(id, {}, false)
  }

  #end(id: string, end: Parameters<TaskSpan['end']>[0], keep: boolean): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    this.#open.delete(id)
    open.span.end(end)
    if (keep) this.#earlier.keep(id, open.span.context)
  }
}
