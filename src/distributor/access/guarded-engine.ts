/**
 * The engine as one identity may see it: the port, with everything left out that is none of its business. So no command has to think of rights, and none
 * can forget them.
 *
 * Invariants: a task of a queue or key that may not be read is answered exactly like one that does not exist; what may be seen and not done is FORBIDDEN;
 * where a right is without bounds nothing is looked at, and the call goes straight through.
 */

import type { Cron } from '../../engine/cron.ts'
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
} from '../../engine/engine.ts'
import { withoutTakers } from '../../engine/explain.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Explanation } from '../../task/explanation.ts'
import { LIST_LIMIT_MAX, RETRY_BATCH_MAX, STORED_RETRY_AFTER_MS } from '../../task/limits.ts'
import type { Lease, Outcome } from '../../task/outcome.ts'
import type { QueueAnswer, QueueOrder } from '../../task/queue.ts'
import type { Durability, Receipt, Refusal, Submission, TaskRecord } from '../../task/task.ts'
import { EventFilter } from './event-filter.ts'
import { GuardedCron } from './guarded-cron.ts'
import { HeldTasks } from './held-tasks.ts'
import type { OnRefused } from './on-refused.ts'
import type { Rate } from './rate.ts'
import { allows, type Identity, mayAlways, onlyKey, type Right } from './rights.ts'
import type { StoredBytes } from './stored-bytes.ts'

/** What limits who may do it all the same; null: nothing does. */
export interface Limits {
  readonly rate: Rate | null
  readonly stored: StoredBytes | null
}

export class GuardedEngine implements Engine {
  readonly #engine: Engine
  readonly #identity: Identity
  readonly #limits: Limits
  readonly #onRefused: OnRefused
  readonly #held = new HeldTasks()
  readonly cron: Cron

  constructor(engine: Engine, identity: Identity, limits: Limits, onRefused: OnRefused) {
    this.#engine = engine
    this.#identity = identity
    this.#limits = limits
    this.#onRefused = onRefused
    this.cron = new GuardedCron(engine.cron, identity, onRefused)
  }

  get kind(): string {
    return this.#engine.kind
  }

  async submit(
    batch: readonly Submission[],
    durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    const { rate, stored } = this.#limits
    if (rate === null && stored === null && this.#always('submit'))
      return this.#engine.submit(batch, durability)
    const looking = stored?.ready() ?? null
    if (looking !== null) await looking
    const refusals = new Map<number, Refusal>()
    const allowed: Submission[] = []
    batch.forEach((given, index) => {
      const submission = this.#own(given)
      const refusal = this.#refusal(submission)
      if (refusal === null) allowed.push(submission)
      else refusals.set(index, refusal)
    })
    if (allowed.length === 0) return batch.map((_, index) => refusals.get(index)!)
    try {
      const answers = await this.#engine.submit(allowed, durability)
      let next = 0
      return batch.map((_, index) => refusals.get(index) ?? answers[next++]!)
    } finally {
      for (const { options } of allowed) stored?.answered(options?.owned?.[1] ?? 0)
    }
  }

  /** Somebody with one key only need not say it, and dedupe keys of others are none of his. */
  #own(submission: Submission): Submission {
    const { queue, options } = submission
    const key = onlyKey(this.#identity, 'submit', queue)
    if (key === null) return this.#owned(submission)
    const dedupeKey = options?.dedupeKey
    const scoped = dedupeKey === undefined ? {} : { dedupeKey: `${key}:${dedupeKey}` }
    return this.#owned({ ...submission, options: { key, ...options, ...scoped } })
  }

  #owned(submission: Submission): Submission {
    const { stored } = this.#limits
    if (stored === null) return submission
    const owned = [stored.account, Buffer.byteLength(submission.dataText)] as const
    return { ...submission, options: { ...submission.options, owned } }
  }

  #refusal({ id, queue, dataText, options }: Submission): Refusal | null {
    if (!allows(this.#identity, 'submit', queue, options?.key ?? null)) {
      this.#onRefused('task.submit', { ids: [id], queue })
      return {
        id,
        refused: { code: 'FORBIDDEN', message: `${this.#who} may not submit this to queue "${queue}"` },
      }
    }
    const { rate, stored } = this.#limits
    const bytes = options?.owned?.[1] ?? 0
    if (stored !== null && bytes > stored.limit) {
      const message = `${this.#who} may store ${stored.limit} bytes, and these are ${bytes}`
      return { id, refused: { code: 'INVALID_PARAMS', message } }
    }
    if (stored !== null && !stored.take(bytes)) {
      const message = `${this.#who} stores as much as it may: ${stored.limit} bytes`
      return { id, refused: { code: 'RETRY_AFTER', message, retryAfterMs: STORED_RETRY_AFTER_MS } }
    }
    const retryAfterMs = rate?.take(dataText.length) ?? 0
    if (retryAfterMs === 0) return null
    stored?.giveBack(bytes)
    const message = `${this.#who} has submitted as much as it may for now`
    return { id, refused: { code: 'RETRY_AFTER', message, retryAfterMs } }
  }

  async get(ids: readonly string[], options?: GetOptions): Promise<readonly (TaskRecord | null)[]> {
    const records = await this.#engine.get(ids, options)
    if (this.#always('read')) return records
    const hidden = records.flatMap((record) => (record === null || this.#sees(record) ? [] : [record.id]))
    if (hidden.length > 0) this.#onRefused('task.get', { ids: hidden })
    return this.#readable(records)
  }

  async list(query: ListQuery): Promise<TaskPage> {
    if (this.#always('read')) return this.#engine.list(query)
    const page = await this.#engine.list(query)
    return { ...page, tasks: page.tasks.filter((record) => this.#sees(record)) }
  }

  async wait(
    ids: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly (TaskRecord | null)[]> {
    if (this.#always('read')) return this.#engine.wait(ids, timeoutMs, signal)
    const known = await this.get(ids)
    const seen = ids.filter((_, index) => known[index] !== null)
    const records = seen.length === 0 ? [] : this.#readable(await this.#engine.wait(seen, timeoutMs, signal))
    let next = 0
    return known.map((record) => (record === null ? null : records[next++]!))
  }

  async watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch> {
    if (this.#always('read')) return this.#engine.watch(query, listener)
    const filter = new EventFilter(this.#identity, this.#engine, listener)
    return this.#engine.watch(query, (events) => filter.hear(events))
  }

  async cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    return this.#change('cancel', ids, (allowed) => this.#engine.cancel(allowed))
  }

  async retry(selection: RetrySelection): Promise<RetryAnswer> {
    if (this.#always('retry')) return this.#engine.retry(selection)
    const retryIds = async (ids: readonly string[]) => (await this.#engine.retry({ ids })).tasks
    if ('ids' in selection) {
      return { tasks: await this.#change('retry', selection.ids, retryIds), more: false }
    }
    const { ids, more } = await this.#failedIds(selection.filter)
    return { tasks: ids.length === 0 ? [] : await retryIds(ids), more }
  }

  /** A queue is steered for all of its tasks: who may see some keys only does not steer it. */
  async steer(order: QueueOrder): Promise<QueueAnswer> {
    if (!allows(this.#identity, 'admin', order.queue, null))
      throw forbidden(`${this.#who} may not ${order.kind} queue "${order.queue}"`)
    return this.#engine.steer(order)
  }

  /** A worker is told for all of its queues; of one that takes from none that it may steer, nothing is known. */
  async drainWorker(worker: string): Promise<number> {
    const { consumers } = await this.#engine.inspect()
    const queues = new Set(consumers.flatMap((one) => (one.worker.id === worker ? one.queues : [])))
    const foreign = [...queues].filter((queue) => !allows(this.#identity, 'admin', queue, null))
    if (foreign.length === 0) return this.#engine.drainWorker(worker)
    if (foreign.length === queues.size) return 0
    throw forbidden(`${this.#who} may not steer queue "${foreign[0]}", of which this worker takes tasks`)
  }

  /** Those that it may retry, by looking at them: a filter of queues cannot say which keys. */
  async #failedIds(filter: Pick<ListQuery, 'types' | 'queues'>): Promise<{ ids: string[]; more: boolean }> {
    const ids: string[] = []
    let cursor: string | null = null
    do {
      const query: ListQuery = { ...filter, states: ['failed'], limit: LIST_LIMIT_MAX }
      const page: TaskPage = await this.#engine.list(cursor === null ? query : { ...query, cursor })
      for (const record of page.tasks) if (this.#may('retry', record)) ids.push(record.id)
      cursor = page.cursor
    } while (cursor !== null && ids.length < RETRY_BATCH_MAX)
    return { ids, more: cursor !== null }
  }

  async #change(
    right: Right,
    ids: readonly string[],
    act: (ids: readonly string[]) => Promise<readonly (Change | null)[]>,
  ): Promise<readonly (Change | null)[]> {
    if (this.#always(right) && this.#always('read')) return act(ids)
    const records = await this.#engine.get(ids)
    const allowed: string[] = []
    const hidden: string[] = []
    for (const record of records) {
      if (record === null) continue
      if (this.#may(right, record)) allowed.push(record.id)
      else if (this.#sees(record)) throw forbidden(`${this.#who} may not ${right} task ${record.id}`)
      else hidden.push(record.id)
    }
    if (hidden.length > 0) this.#onRefused(`task.${right}`, { ids: hidden })
    const isAllowed = new Set(allowed)
    const changes = allowed.length === 0 ? [] : await act(allowed)
    let next = 0
    return ids.map((id) => (isAllowed.has(id) ? changes[next++]! : null))
  }

  async consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    if (this.#always('work')) return this.#engine.consume(request, sink)
    for (const queue of request.queues) {
      // Deliveries cannot be chosen by key: whoever works, works for all of a queue.
      if (!allows(this.#identity, 'work', queue, null))
        throw forbidden(`${this.#who} may not take tasks of queue "${queue}"`)
    }
    return this.#engine.consume(request, this.#held.watching(sink))
  }

  async settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    if (this.#always('work')) return this.#engine.settle(outcomes)
    const answers = await this.#ofOwnQueues(
      outcomes,
      (own) => this.#engine.settle(own),
      (id): Settlement => ({ id, accepted: false, state: null }),
    )
    this.#held.settled(answers)
    return answers
  }

  async extend(leases: readonly Lease[], consumer?: string): Promise<readonly LeaseAnswer[]> {
    if (this.#always('work')) return this.#engine.extend(leases, consumer)
    return this.#ofOwnQueues(leases, (own) => this.#engine.extend(own, consumer), notAccepted)
  }

  async report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]> {
    if (this.#always('work')) return this.#engine.report(reports)
    return this.#ofOwnQueues(reports, (own) => this.#engine.report(own), notAccepted)
  }

  /** Leases of queues that it may not work for are answered like those of unknown tasks. */
  async #ofOwnQueues<Item extends Lease, Answer>(
    items: readonly Item[],
    ask: (items: readonly Item[]) => Promise<readonly Answer[]>,
    unknown: (id: string) => Answer,
  ): Promise<readonly Answer[]> {
    // What came to this connection was looked at when it came; only leases that are taken up again are not known here.
    const strange = items.filter(({ id }) => !this.#held.has(id)).map(({ id }) => id)
    const records = strange.length === 0 ? [] : await this.#engine.get(strange)
    const refused = new Set<string>()
    for (const record of records) {
      if (record !== null && !allows(this.#identity, 'work', record.queue, null)) refused.add(record.id)
    }
    if (refused.size === 0) return ask(items)
    this.#onRefused('work.settle', { ids: [...refused] })
    const own = items.filter(({ id }) => !refused.has(id))
    const answers = own.length === 0 ? [] : await ask(own)
    let next = 0
    return items.map(({ id }) => (refused.has(id) ? unknown(id) : answers[next++]!))
  }

  async log(id: string, after: number): Promise<readonly LogLine[]> {
    if (!this.#always('read') && (await this.get([id]))[0] === null) return []
    return this.#engine.log(id, after)
  }

  /** Who works is for those who may observe; the rest is about the task itself. */
  async explain(id: string): Promise<Explanation | null> {
    if (!this.#always('read') && (await this.get([id]))[0] === null) return null
    const explanation = await this.#engine.explain(id)
    if (explanation === null || this.#always('observe')) return explanation
    const sees = (queue: string) => allows(this.#identity, 'observe', queue, null)
    return withoutTakers(explanation, sees)
  }

  /** Counts of a queue are those of all its tasks: who may see some keys only does not see it. */
  async inspect(): Promise<EngineReport> {
    const { owners: _, ...report } = await this.#engine.inspect()
    if (this.#always('observe')) return report
    const sees = (queue: string) => allows(this.#identity, 'observe', queue, null)
    return {
      ...report,
      queues: report.queues.filter(({ queue }) => sees(queue)),
      consumers: report.consumers
        .map((consumer) => ({ ...consumer, queues: consumer.queues.filter(sees) }))
        .filter(({ queues }) => queues.length > 0),
      store: {},
    }
  }

  /** It is not ours. */
  async close(): Promise<void> {}

  #readable(records: readonly (TaskRecord | null)[]): readonly (TaskRecord | null)[] {
    if (this.#always('read')) return records
    return records.map((record) => (record !== null && this.#sees(record) ? record : null))
  }

  #sees(record: TaskRecord): boolean {
    return this.#may('read', record)
  }

  #may(right: Right, { queue, key }: TaskRecord): boolean {
    return allows(this.#identity, right, queue, key ?? null)
  }

  #always(right: Right): boolean {
    return mayAlways(this.#identity, right)
  }

  get #who(): string {
    return JSON.stringify(this.#identity.name)
  }
}

function notAccepted(id: string): LeaseAnswer {
  return { id, accepted: false }
}

function forbidden(sentence: string): ChasquiError {
  return new ChasquiError('FORBIDDEN', sentence)
}
