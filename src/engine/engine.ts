/**
 * The narrow waist: everything above (distributor, worker, client, commands) talks to this port, and four backends
 * implement it: memory, embedded, cluster, remote. test/conformance runs one suite on all of them; what is written
 * here is what that suite tests.
 *
 * Batches everywhere: one promise a batch, never one a task. Answers come in the order of what was asked.
 *
 * Errors: a method rejects with a ChasquiError only when the whole call failed (STORE_FAILED, RETRY_AFTER, CLOSED,
 * CONNECTION_LOST …); what concerns one task of a batch is a value in the answer.
 *
 * Invariants:
 *  - Rows are the truth; deliveries, cancel notices and events are hints that may be lost or repeated.
 *  - A confirmed task is in the store at the durability that its receipt names.
 *  - A settle is recorded before it is answered; the first final result stays; an old epoch changes nothing.
 */

import type { Explanation } from '../task/explanation.ts'
import type { FinalState, TaskState } from '../task/lifecycle.ts'
import type { Lease, Outcome } from '../task/outcome.ts'
import type { QueueAnswer, QueueOrder, QueueSettings } from '../task/queue.ts'
import type {
  Durability,
  Progress,
  Receipt,
  Refusal,
  Submission,
  TaskRecord,
  WorkerIdentity,
} from '../task/task.ts'
import type { Cron } from './cron.ts'

export interface Engine {
  /** 'memory' | 'embedded' | 'cluster' | 'remote': for people; no code may depend on it. */
  readonly kind: string

  /**
   * Accepts tasks. Idempotent by id: the same id with the same type, queue, priority, data and options is answered
   * `duplicate: true` with the state that the task is in; with other content it is refused with ID_CONFLICT (times are not
   * compared: a delay counts from the first acceptance; nor is the trace in `metadata`). The same id twice in one batch: likewise.
   * A dedupe key that is held by a younger-than-window task of the same queue answers with that task, `duplicate: true`.
   * Resolves after the tasks are safe at the durability asked for.
   */
  submit(batch: readonly Submission[], durability: Durability): Promise<readonly (Receipt | Refusal)[]>

  /** Unknown ids answer null. */
  get(ids: readonly string[], options?: GetOptions): Promise<readonly (TaskRecord | null)[]>

  /** Newest first. May return fewer than `limit` with a cursor when many rows had to be looked at. */
  list(query: ListQuery): Promise<TaskPage>

  /**
   * Resolves as soon as all of the tasks are final or unknown (null), and at the deadline at the latest, with the states reached then.
   * Aborting resolves at once likewise.
   */
  wait(
    ids: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly (TaskRecord | null)[]>

  /** Events after this call resolves. Hints: they may be lost or repeated, so look at the truth for what matters. */
  watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch>

  /**
   * Cancels at once in every state that is not final; answers with the state really reached. A running task is recorded as canceled,
   * its epoch fenced off, and its consumer told to stop the handler. Unknown ids answer null.
   */
  cancel(ids: readonly string[]): Promise<readonly (Change | null)[]>

  /**
   * Puts failed, canceled or expired tasks back in the queue with fresh attempt and crash budgets and without expiry.
   * Others are left as they are (`changed: false`). By filter: only failed ones, RETRY_BATCH_MAX at a time, oldest failure first.
   */
  retry(selection: RetrySelection): Promise<RetryAnswer>

  /**
   * Steers a queue, durably; it need not have had a task yet. Resolves when the order holds: after a pause no delivery of the queue begins,
   * on any process that the engine consists of and that can be heard of; what was delivered before goes on. Retried by hand, and given
   * back, tasks enter a queue also when it is full or draining. A purge cancels what waits, newest first, QUEUE_PURGE_MAX at a time, and nothing
   * that runs.
   */
  steer(order: QueueOrder): Promise<QueueAnswer>

  /**
   * Tells a worker, by its id, to leave: its consumers get nothing more, and hear of it (`DeliverySink.drain`). What it holds stays its own.
   * @returns how many consumers those were; 0: no such worker is known. On another process it is a hint, which may be lost.
   */
  drainWorker(worker: string): Promise<number>

  /**
   * Starts taking tasks: at most `slots × prefetch` deliveries unsettled at a time, highest priority first, then the longest due,
   * spread round-robin over all consumers with free credit. Deliveries reach the sink synchronously and in batches.
   * A task that one more worker death would make fail is delivered only to a consumer that holds nothing, which then gets nothing else.
   */
  consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer>

  /**
   * Records outcomes, once durable. `accepted: false` when the epoch is not the current one or the task is final: then nothing
   * was changed, and `state` says what it is in (null: unknown task). Repeating the settle that made a task final answers
   * `accepted: true` again (the answer to the first may have been lost on the way).
   */
  settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]>

  /**
   * Renews leases for another `leaseMs`; also how a worker that comes back after a lost connection, or after a restart of the
   * distributor, takes up its leases again (`consumer`: now theirs). `accepted: false`: stop working on it.
   */
  extend(leases: readonly Lease[], consumer?: string): Promise<readonly LeaseAnswer[]>

  /** Progress and log lines of running attempts. Progress is kept in memory and with hints; log lines are stored. */
  report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]>

  /** Why it is not running, with the reason that matters most first (task/explanation.ts); null: unknown id. */
  explain(id: string): Promise<Explanation | null>

  /** Log lines of a task with a number greater than `after` (start with 0), oldest first, at most LOG_LINES_MAX. */
  log(id: string, after: number): Promise<readonly LogLine[]>

  /** Schedules: tasks that submit themselves. Closed with the engine. */
  readonly cron: Cron

  /** A look at queues, consumers and totals; cheap enough for once a second. */
  inspect(): Promise<EngineReport>

  /**
   * Stops delivering, finishes what was asked, releases everything. Pending waits resolve with the states reached, consumers end with
   * reason 'closed'; running leases stay valid for the next opening of the same store. Later calls reject with CLOSED. Repeatable.
   */
  close(): Promise<void>
}

export interface GetOptions {
  /** Include `dataText`. */
  readonly data?: boolean
}

export interface ListQuery {
  readonly states?: readonly TaskState[]
  readonly types?: readonly string[]
  readonly queues?: readonly string[]
  readonly limit: number
  /** From an earlier page; opaque. */
  readonly cursor?: string
  readonly data?: boolean
}

export interface TaskPage {
  readonly tasks: readonly TaskRecord[]
  /** null at the end. */
  readonly cursor: string | null
}

/** All given fields must match; none given: everything. */
export interface WatchQuery {
  readonly ids?: readonly string[]
  readonly types?: readonly string[]
  readonly queues?: readonly string[]
  readonly states?: readonly TaskState[]
}

export interface Watch {
  /** Resolves once no further event will come. Repeatable. */
  close(): Promise<void>
}

export interface TaskEvent {
  readonly atMs: number
  readonly id: string
  readonly type: string
  readonly queue: string
  readonly state: TaskState
  readonly attempt: number
  /** Set when this is news of a running attempt and not a change of state. */
  readonly progress?: Progress
  readonly lines?: readonly LogLine[]
  /** Events that were dropped before this one because the reader was slow. */
  readonly dropped?: number
}

export interface Change {
  readonly id: string
  readonly state: TaskState
  /** Whether this call changed it. */
  readonly changed: boolean
}

export type RetrySelection =
  | { readonly ids: readonly string[] }
  | { readonly filter: { readonly types?: readonly string[]; readonly queues?: readonly string[] } }

export interface RetryAnswer {
  /** By ids: in the order asked, null for unknown. By filter: what was taken up. */
  readonly tasks: readonly (Change | null)[]
  /** By filter: there may be more. */
  readonly more: boolean
}

export interface ConsumeRequest {
  readonly queues: readonly string[]
  /** null: every type. */
  readonly types: readonly string[] | null
  readonly slots: number
  /** Deliveries per slot. 0: none until it is resized, for a worker that has leases to take up first. */
  readonly prefetch: number
  readonly worker: WorkerIdentity
}

export interface Delivery {
  readonly id: string
  readonly type: string
  readonly queue: string
  readonly priority: number
  readonly dataText: string
  readonly metadata: Readonly<Record<string, string>> | null
  readonly key: string | null
  /** 1 for the first. A delivery after a release or a crash has the number of the one before. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly timeoutMs: number | null
  readonly epoch: number
  readonly leaseMs: number
  /** What measures are made of, known where the tasks are: when it was accepted, when this attempt was due, and whether a worker had it before. */
  readonly createdAtMs?: number
  readonly dueAtMs?: number
  readonly again?: boolean
}

/** A sink that throws has no worker behind it: its consumer ends with reason 'failed', as if it was lost. */
export interface DeliverySink {
  deliver(deliveries: readonly Delivery[]): void
  /** These leases are void (cancelled, or lost): stop the handlers. A hint. */
  revoke(leases: readonly Lease[]): void
  /** Somebody wants this worker to leave: no delivery will come; hand back what was not started, finish the rest. */
  drain?(): void
}

export interface Consumer {
  readonly id: string
  /** Changes the credit; deliveries beyond a smaller one stay. */
  resize(slots: number, prefetch: number): void
  /**
   * No further deliveries. Unsettled leases stay valid until settled, released or lapsed.
   * `lost: true`: the worker is gone as far as one can see; its leases lapse after RECONNECT_GRACE_MS, counted as crashes.
   */
  stop(options?: { readonly lost?: boolean }): Promise<void>
  /** Resolves when no delivery will come any more: end of life is data. */
  readonly ended: Promise<ConsumerEnd>
}

export type ConsumerEnd = { readonly reason: 'stopped' | 'closed' | 'failed'; readonly error?: unknown }

export interface Settlement {
  readonly id: string
  readonly accepted: boolean
  readonly state: TaskState | null
}

export interface LeaseAnswer {
  readonly id: string
  readonly accepted: boolean
}

export type Report = Lease &
  (
    | { readonly progress: Progress }
    | { readonly lines: readonly { level: LogLevel; text: string; atMs: number }[] }
  )

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogLine {
  /** 1, 2, 3 … within the task. */
  readonly number: number
  readonly atMs: number
  readonly attempt: number
  readonly level: LogLevel
  readonly text: string
}

export interface EngineReport {
  readonly kind: string
  readonly durability: Durability
  readonly queues: readonly QueueReport[]
  readonly consumers: readonly ConsumerReport[]
  /** Sizes of the store, for people and gauges: bytes, rows … */
  readonly store: Readonly<Record<string, number | string>>
  /**
   * By account, the bytes of data of all its tasks that are still kept, final ones too. Costs the more the more there are, so it is only counted where it is asked
   * for. Absent: this engine cannot.
   */
  readonly owners?: () => Promise<Readonly<Record<string, number>>>
}

export interface QueueReport {
  readonly queue: string
  /** `paused` queues deliver nothing: that work waits in them is no trouble. */
  readonly settings: QueueSettings
  readonly scheduled: number
  readonly blocked: number
  readonly queued: number
  readonly running: number
  /** When the oldest queued task became due; null when none waits. */
  readonly oldestQueuedAtMs: number | null
  /** Types of which tasks are queued, WAITING_TYPES_MAX of them; absent: not known. */
  readonly waitingTypes?: readonly string[]
  /** Since the store was made; a task retried by hand leaves its total: submitted = all that wait or run + the final ones. */
  readonly totals: { readonly submitted: number } & Readonly<Record<FinalState, number>>
}

export interface ConsumerReport {
  readonly id: string
  readonly worker: WorkerIdentity
  readonly queues: readonly string[]
  readonly types: readonly string[] | null
  readonly slots: number
  readonly prefetch: number
  /** Deliveries not settled yet. */
  readonly held: number
  readonly connectedAtMs: number
  readonly delivered: number
  readonly settled: number
}
