/**
 * An engine that is measured: the port around the port. Backends hold no line of this; what is counted and how is in task-measures.ts.
 *
 * Invariant: calls, answers, errors and their order are those of the engine inside.
 */

import { type Clock, systemClock } from '../task/clock.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../task/task.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import type {
  Change,
  ConsumeRequest,
  Consumer,
  DeliverySink,
  Engine,
  RetryAnswer,
  RetrySelection,
  Settlement,
} from './engine.ts'
import { ForwardingEngine } from './forwarding-engine.ts'
import { TaskMeasures } from './task-measures.ts'

export class InstrumentedEngine extends ForwardingEngine {
  readonly #measures: TaskMeasures

  constructor(engine: Engine, metrics: Metrics, clock: Clock = systemClock) {
    super(engine)
    this.#measures = new TaskMeasures(metrics, clock)
  }

  override async submit(
    batch: readonly Submission[],
    durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    const beganMs = performance.now()
    this.#measures.submitted(batch)
    try {
      const answers = await this.inner.submit(batch, durability)
      this.#measures.answered(batch, answers, durability, performance.now() - beganMs)
      return answers
    } catch (error) {
      this.#measures.failed(batch.length, error)
      throw error
    }
  }

  override async settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    const settlements = await this.inner.settle(outcomes)
    this.#measures.settled(outcomes, settlements)
    return settlements
  }

  override async cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    const changes = await this.inner.cancel(ids)
    this.#measures.canceled(changes)
    return changes
  }

  override async retry(selection: RetrySelection): Promise<RetryAnswer> {
    const answer = await this.inner.retry(selection)
    this.#measures.revived(answer.tasks)
    return answer
  }

  override consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    return this.inner.consume(request, {
      deliver: (deliveries) => {
        this.#measures.delivered(deliveries)
        sink.deliver(deliveries)
      },
      revoke: (leases) => sink.revoke(leases),
      drain: () => sink.drain?.(),
    })
  }
}
