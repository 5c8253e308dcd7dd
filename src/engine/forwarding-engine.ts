/** An engine around an engine that passes everything on: what decorators of the port begin with. */

import type { Explanation } from '../task/explanation.ts'
import type { Lease, Outcome } from '../task/outcome.ts'
import type { QueueAnswer, QueueOrder } from '../task/queue.ts'
import type { Durability, Receipt, Refusal, Submission, TaskRecord } from '../task/task.ts'
import type { Cron } from './cron.ts'
import type {
  Change,
  ConsumeRequest,
  Consumer,
  DeliverySink,
  Engine,
  EngineReport,
  GetOptions,
  LeaseAnswer,
  ListQuery,
  LogLine,
  Report,
  RetryAnswer,
  RetrySelection,
  Settlement,
  TaskEvent,
  TaskPage,
  Watch,
  WatchQuery,
} from './engine.ts'

export class ForwardingEngine implements Engine {
  protected readonly inner: Engine

  constructor(inner: Engine) {
    this.inner = inner
  }

  get kind(): string {
    return this.inner.kind
  }

  get cron(): Cron {
    return this.inner.cron
  }

  submit(batch: readonly Submission[], durability: Durability): Promise<readonly (Receipt | Refusal)[]> {
    return this.inner.submit(batch, durability)
  }

  get(ids: readonly string[], options?: GetOptions): Promise<readonly (TaskRecord | null)[]> {
    return this.inner.get(ids, options)
  }

  list(query: ListQuery): Promise<TaskPage> {
    return this.inner.list(query)
  }

  wait(
    ids: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly (TaskRecord | null)[]> {
    return this.inner.wait(ids, timeoutMs, signal)
  }

  watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch> {
    return this.inner.watch(query, listener)
  }

  cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    return this.inner.cancel(ids)
  }

  retry(selection: RetrySelection): Promise<RetryAnswer> {
    return this.inner.retry(selection)
  }

  steer(order: QueueOrder): Promise<QueueAnswer> {
    return this.inner.steer(order)
  }

  drainWorker(worker: string): Promise<number> {
    return this.inner.drainWorker(worker)
  }

  consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    return this.inner.consume(request, sink)
  }

  settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    return this.inner.settle(outcomes)
  }

  extend(leases: readonly Lease[], consumer?: string): Promise<readonly LeaseAnswer[]> {
    return this.inner.extend(leases, consumer)
  }

  report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]> {
    return this.inner.report(reports)
  }

  explain(id: string): Promise<Explanation | null> {
    return this.inner.explain(id)
  }

  log(id: string, after: number): Promise<readonly LogLine[]> {
    return this.inner.log(id, after)
  }

  inspect(): Promise<EngineReport> {
    return this.inner.inspect()
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}
