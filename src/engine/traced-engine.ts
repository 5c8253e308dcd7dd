/**
 * The engine with spans around it, where traces were asked for: one for each task that is taken in, one for each delivery until it is
 * settled. Backends know nothing of traces, and without traces this is not there.
 *
 * A task without a trace begins one here, so that what other programs submit can be followed, too. Invariant: what is submitted,
 * delivered and answered is otherwise what it would be without.
 */

import type { Lease, Outcome } from '../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../task/task.ts'
import { type SpanError, startSpan, type TaskSpan } from '../telemetry/spans.ts'
import type { ConsumeRequest, Consumer, Delivery, DeliverySink, Settlement } from './engine.ts'
import { ForwardingEngine } from './forwarding-engine.ts'
import { TracedDeliveries } from './traced-deliveries.ts'

export class TracedEngine extends ForwardingEngine {
  readonly #deliveries = new TracedDeliveries()

  override async submit(
    batch: readonly Submission[],
    durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    const spans = batch.map((submission) => this.#accept(submission))
    const traced = batch.map((submission, at) => withTraceOf(submission, spans[at]!))
    try {
      const answers = await this.inner.submit(traced, durability)
      for (const [at, answer] of answers.entries()) spans[at]!.end(endOf(answer, batch.length))
      return answers
    } catch (error) {
      for (const span of spans) span.end({ error: error as SpanError })
      throw error
    }
  }

  #accept(submission: Submission): TaskSpan {
    return startSpan({
      operation: 'accept',
      task: submission,
      metadata: submission.options?.metadata ?? null,
      attributes: { 'chasqui.engine': this.inner.kind },
    })
  }

  override consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    const { id, host } = request.worker
    const attributes = {
      'chasqui.engine': this.inner.kind,
      'chasqui.worker.id': id,
      'chasqui.worker.host': host,
    }
    return this.inner.consume(request, {
      deliver: (deliveries: readonly Delivery[]) =>
        sink.deliver(deliveries.map((delivery) => this.#deliveries.begin(delivery, attributes))),
      revoke: (leases: readonly Lease[]) => {
        for (const lease of leases) this.#deliveries.revoked(lease)
        sink.revoke(leases)
      },
      drain: () => sink.drain?.(),
    })
  }

  override async settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    const settlements = await this.inner.settle(outcomes)
    for (const [at, settlement] of settlements.entries()) this.#deliveries.settled(outcomes[at]!, settlement)
    return settlements
  }

  override close(): Promise<void> {
    this.#deliveries.close()
    return super.close()
  }
}

/** Who follows on is told of the task's own trace: the client's span, where there is one. */
function withTraceOf(submission: Submission, span: TaskSpan): Submission {
  const { options } = submission
  const metadata = options?.metadata ?? null
  if (metadata !== null && 'traceparent' in metadata) return submission
  const told = span.inject(metadata)
  return told === null || told === metadata
    ? submission
    : { ...submission, options: { ...options, metadata: told } }
}

function endOf(answer: Receipt | Refusal, batch: number): Parameters<TaskSpan['end']>[0] {
  const attributes = { 'chasqui.submit.batch': batch }
  if ('refused' in answer) {
    return { attributes, error: { name: answer.refused.code, message: answer.refused.message } }
  }
  const { durability, duplicate, state } = answer
  return {
    attributes: {
      ...attributes,
      'chasqui.receipt.durability': durability,
      'chasqui.receipt.duplicate': duplicate,
      'chasqui.task.state': state,
    },
  }
}
