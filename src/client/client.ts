/**
 * The client: submits tasks, follows them, and waits for their results. It talks to the engine port, so it is the same in front of a
 * distributor (`connect`), inside one process with an engine, and in the tests of users (`chasqui/testing`).
 *
 *   submit ──► submission (checked) ──► submissions (a frame a tick) ──► engine
 */

import type {
  Change,
  Engine,
  EngineReport,
  ListQuery,
  LogLine,
  RetryAnswer,
  RetrySelection,
  WatchQuery,
} from '../engine/engine.ts'
import { type Clock, systemClock } from '../task/clock.ts'
import { checkInput, type TaskDefinition } from '../task/definition.ts'
import { ChasquiError } from '../task/errors.ts'
import type { Explanation } from '../task/explanation.ts'
import {
  CLIENT_PENDING_BYTES_MAX,
  CLIENT_PENDING_TASKS_MAX,
  CLOSE_TIMEOUT_MS,
  CONFIRM_TIMEOUT_MS,
  LIST_LIMIT_DEFAULT,
  WAIT_MS_DEFAULT,
} from '../task/limits.ts'
import { type AroundSubmit, aroundSubmit, checkUse, type Use } from '../task/middleware.ts'
import type { Durability, Receipt, Submission } from '../task/task.ts'
import { isTraced } from '../telemetry/spans.ts'
import { EventStream, type TaskEvents } from './event-stream.ts'
import { ClientTaskHandle, type HandleHost, type TaskHandle, type WaitOptions } from './handle.ts'
import { createQueues, type Queues } from './queues.ts'
import { type Reading, readingOf } from './reading.ts'
import { createSchedules, type Schedules } from './schedules.ts'
import { snapshotOf, type TaskSnapshot } from './snapshot.ts'
import { createSubmission, dataTextOf, type SubmitOptions } from './submission.ts'
import { Submissions, type Submitter } from './submissions.ts'
import { addTraced } from './submit-span.ts'

export interface ClientOptions {
  /** Submissions that are not confirmed yet, and characters of their data; beyond it `submit` rejects with BUFFER_FULL. */
  readonly pendingTasksMax?: number
  readonly pendingBytesMax?: number
  /** How long `submit` waits for its confirmation. Default 30 s. */
  readonly confirmTimeoutMs?: number
  /** Middleware around what is submitted and read, from your code to the wire: docs/middleware.md. */
  readonly use?: Use
  readonly clock?: Clock
  /** Close the engine with the client. Default false. */
  readonly ownsEngine?: boolean
}

/** `data` may be left out where nothing, or anything, is expected. Only the definition tells the type, not what is passed. */
export type SubmitArguments<Input> = undefined extends Input
  ? [data?: NoInfer<Input>, options?: SubmitOptions]
  : [data: NoInfer<Input>, options?: SubmitOptions]

/** Options of all tasks, or of each. */
export type SubmitManyOptions<Input> = SubmitOptions | ((data: Input, index: number) => SubmitOptions)

export interface Client extends AsyncDisposable {
  /**
   * Submits one task and resolves when it is confirmed: on disk, unless `durability: 'relaxed'` was asked for; the receipt says so.
   * What is submitted in one tick travels together. Repeated by itself after a lost connection, under the same id.
   * @throws ChasquiError INVALID_INPUT (does not fit the schema; nothing was sent), INVALID_PARAMS, ID_CONFLICT, BUFFER_FULL,
   * RETRY_AFTER, DISK_LOW, FRAME_TOO_LARGE; TIMEOUT and CONNECTION_LOST (not confirmed: it may or may not be there, submitting again
   * under the same id is safe); CLOSED
   */
  submit<Input, Output, Data>(
    task: TaskDefinition<Input, Output, Data>,
    ...args: SubmitArguments<Input>
  ): Promise<TaskHandle<Output>>
  /** By the name of its type alone: nothing is checked here. */
  submit<Output = unknown>(type: string, data?: unknown, options?: SubmitOptions): Promise<TaskHandle<Output>>

  /**
   * Submits many, as fast as they are confirmed, and resolves with their handles in the order given. Waits where `submit` would
   * reject with BUFFER_FULL.
   * @throws ChasquiError that of the first that was refused, after all were answered; `details`:
   * `{submitted, refused: [{index, code, message}]}` (the first hundred)
   */
  submitMany<Input, Output, Data>(
    task: TaskDefinition<Input, Output, Data>,
    data: Iterable<NoInfer<Input>> | AsyncIterable<NoInfer<Input>>,
    options?: SubmitManyOptions<NoInfer<Input>>,
  ): Promise<TaskHandle<Output>[]>
  submitMany<Output = unknown>(
    type: string,
    data: Iterable<unknown> | AsyncIterable<unknown>,
    options?: SubmitManyOptions<unknown>,
  ): Promise<TaskHandle<Output>[]>

  /** Submissions that are not confirmed yet: what `submit` adds to and `pendingTasksMax` limits. */
  readonly pending: number

  /** A handle of a task that was submitted before, perhaps by someone else. Asks nothing. */
  task<Output = unknown>(id: string): TaskHandle<Output>

  /** In the order asked; null for unknown ids. `data: true` includes what was submitted. */
  get(ids: readonly string[], options?: { readonly data?: boolean }): Promise<(TaskSnapshot | null)[]>
  /** Newest first. A page may be short, or empty, and not be the last: that is told by `cursor: null`. Default limit 100. */
  list(
    query?: Partial<ListQuery>,
  ): Promise<{ readonly tasks: TaskSnapshot[]; readonly cursor: string | null }>
  /** Resolves when all are final or unknown (null), at the deadline with the states reached. Default 30 s. */
  wait(ids: readonly string[], options?: WaitOptions): Promise<(TaskSnapshot | null)[]>
  /** In the order asked, each with the state really reached; null for unknown ids. */
  cancel(ids: readonly string[]): Promise<(Change | null)[]>
  /** By ids, or failed ones by filter: then call again while it says `more`. */
  retry(selection: RetrySelection): Promise<RetryAnswer>
  /** Why it is not running, the reason that matters most first; null: unknown id. */
  explain(id: string): Promise<Explanation | null>
  /** Log lines with a number greater than `after`, oldest first. */
  log(id: string, after?: number): Promise<readonly LogLine[]>
  /** Pauses, drains, resumes or defines a queue: see Queues. */
  readonly queues: Queues
  /** Tasks that submit themselves: see Schedules. */
  readonly cron: Schedules
  /** Events of all tasks that match; begins at once (`started`). See TaskEvents for what happens to a slow reader. */
  watch(query?: WatchQuery): TaskEvents
  /** Tells a worker, by its id, to leave after what it runs. Resolves with how many of its consumers were told; 0: no such worker. */
  drainWorker(worker: string): Promise<number>
  /** Queues, workers and totals. */
  stats(): Promise<EngineReport>

  /** Waits for confirmations that are under way, up to `timeoutMs` (default 5 s), then ends everything. Repeatable. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>
}

/** A client of an engine that is open already. The engine stays the caller's to close, unless `ownsEngine` is set. */
export function createClient(engine: Engine, options: ClientOptions = {}): Client {
  return new EngineClient(engine, options)
}

/** Refusals that the error of `submitMany` lists. */
const REFUSED_SHOWN_MAX = 100

class EngineClient implements Client, HandleHost {
  readonly engine: Engine
  readonly queues: Queues
  readonly cron: Schedules
  readonly #clock: Clock
  readonly #ownsEngine: boolean
  readonly #submissions: Submissions
  readonly #around: AroundSubmit | null
  readonly reading: Reading
  readonly #streams = new Set<EventStream>()
  #closing: Promise<void> | null = null

  constructor(engine: Engine, options: ClientOptions) {
    this.engine = engine
    this.queues = createQueues((order) => {
      this.mustBeOpen()
      return engine.steer(order)
    })
    this.#clock = options.clock ?? systemClock
    this.cron = createSchedules(() => {
      this.mustBeOpen()
      return engine.cron
    }, this.#clock)
    this.#ownsEngine = options.ownsEngine ?? false
    const use = options.use === undefined ? [] : usable(options.use)
    this.#around = aroundSubmit(use)
    this.reading = readingOf(engine, use)
    this.#submissions = new Submissions({
      engine,
      clock: this.#clock,
      pendingTasksMax: options.pendingTasksMax ?? CLIENT_PENDING_TASKS_MAX,
      pendingBytesMax: options.pendingBytesMax ?? CLIENT_PENDING_BYTES_MAX,
      confirmTimeoutMs: options.confirmTimeoutMs ?? CONFIRM_TIMEOUT_MS,
    })
  }

  // ---- submitting -------------------------------------------------------------------------------------------

  submit<Output>(
    task: TaskDefinition | string,
    data?: unknown,
    options?: SubmitOptions,
  ): Promise<TaskHandle<Output>> {
    // Not async: one promise a task is what this may cost.
    return new Promise((resolve, reject) => {
      this.mustBeOpen()
      const checked =
        typeof task === 'string' || task.input === undefined ? undefined : checkInput(task, data)
      if (!(checked instanceof Promise)) this.#add(task, data, options, resolve, reject)
      else checked.then(() => this.#add(task, data, options, resolve, reject)).catch(reject)
    })
  }

  #add<Output>(
    task: TaskDefinition | string,
    data: unknown,
    options: SubmitOptions | undefined,
    resolve: (handle: TaskHandle<Output>) => void,
    reject: (error: unknown) => void,
  ): void {
    const submission = createSubmission(task, dataTextOf(data), options, this.#clock.nowMs())
    const durability = options?.durability ?? 'disk'
    const submitter: Submitter = {
      confirm: (receipt) => resolve(new ClientTaskHandle<Output>(this, receipt.id, receipt)),
      fail: reject,
    }
    if (this.#around === null) this.#send(submission, durability, submitter)
    else {
      this.#around(submission, (now) => this.#sent(now, durability)).then(submitter.confirm, submitter.fail)
    }
  }

  #sent(submission: Submission, durability: Durability): Promise<Receipt> {
    return new Promise((confirm, fail) => {
      this.mustBeOpen()
      this.#send(submission, durability, { confirm, fail })
    })
  }

  #send(submission: Submission, durability: Durability, submitter: Submitter): void {
    if (isTraced()) addTraced(this.#submissions, submission, durability, submitter)
    else this.#submissions.add(submission, durability, submitter)
  }

  async submitMany<Output>(
    task: TaskDefinition | string,
    data: Iterable<unknown> | AsyncIterable<unknown>,
    options?: SubmitManyOptions<unknown>,
  ): Promise<TaskHandle<Output>[]> {
    this.mustBeOpen()
    const submitting: Promise<TaskHandle<Output> | Refused>[] = []
    for await (const entry of data) {
      const index = submitting.length
      await this.#submissions.room()
      const own = typeof options === 'function' ? options(entry, index) : options
      submitting.push(this.submit<Output>(task, entry, own).catch((error: unknown) => ({ index, error })))
    }
    const answers = await Promise.all(submitting)
    const refused = answers.filter((answer) => 'error' in answer)
    if (refused.length > 0) throw refusedError(refused, answers.length)
    return answers as TaskHandle<Output>[]
  }

  get pending(): number {
    return this.#submissions.size
  }

  // ---- following --------------------------------------------------------------------------------------------

  task<Output>(id: string): TaskHandle<Output> {
    return new ClientTaskHandle<Output>(this, id, null)
  }

  async get(ids: readonly string[], options?: { readonly data?: boolean }): Promise<(TaskSnapshot | null)[]> {
    this.mustBeOpen()
    const records = await this.reading.get(ids, options)
    return records.map((record) => record && snapshotOf(record))
  }

  async list(query: Partial<ListQuery> = {}): Promise<{ tasks: TaskSnapshot[]; cursor: string | null }> {
    this.mustBeOpen()
    const { tasks, cursor } = await this.reading.list({ limit: LIST_LIMIT_DEFAULT, ...query })
    return { tasks: tasks.map((record) => snapshotOf(record)), cursor }
  }

  async wait(ids: readonly string[], options: WaitOptions = {}): Promise<(TaskSnapshot | null)[]> {
    this.mustBeOpen()
    const records = await this.reading.wait(ids, options.timeoutMs ?? WAIT_MS_DEFAULT, options.signal)
    return records.map((record) => record && snapshotOf(record))
  }

  async cancel(ids: readonly string[]): Promise<(Change | null)[]> {
    this.mustBeOpen()
    return [...(await this.engine.cancel(ids))]
  }

  async retry(selection: RetrySelection): Promise<RetryAnswer> {
    this.mustBeOpen()
    return this.engine.retry(selection)
  }

  async explain(id: string): Promise<Explanation | null> {
    this.mustBeOpen()
    return this.engine.explain(id)
  }

  async log(id: string, after = 0): Promise<readonly LogLine[]> {
    this.mustBeOpen()
    return this.reading.log(id, after)
  }

  watch(query: WatchQuery = {}): TaskEvents {
    this.mustBeOpen()
    const stream = new EventStream(
      (listener) => this.reading.watch(query, listener),
      (ended) => this.#streams.delete(ended),
    )
    this.#streams.add(stream)
    return stream
  }

  watchTask(id: string): EventStream {
    return this.watch({ ids: [id] }) as EventStream
  }

  async drainWorker(worker: string): Promise<number> {
    this.mustBeOpen()
    return this.engine.drainWorker(worker)
  }

  async stats(): Promise<EngineReport> {
    this.mustBeOpen()
    return this.engine.inspect()
  }

  // ---- the end ----------------------------------------------------------------------------------------------

  mustBeOpen(): void {
    if (this.#closing !== null) throw new ChasquiError('CLOSED', 'the client is closed')
  }

  close({ timeoutMs = CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#submissions.size > 0 && timeoutMs > 0) {
      const overdue = Promise.withResolvers<void>()
      const timer = this.#clock.at(this.#clock.nowMs() + timeoutMs, overdue.resolve)
      await Promise.race([this.#submissions.idle(), overdue.promise])
      timer.cancel()
    }
    this.#submissions.abandon(
      new ChasquiError('CLOSED', 'the client was closed before the confirmation came'),
    )
    await Promise.all([...this.#streams].map((stream) => stream.close()))
    if (this.#ownsEngine) await this.engine.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function usable(use: Use): Use {
  try {
    return checkUse(use)
  } catch (cause) {
    throw new ChasquiError('CONFIG_INVALID', (cause as Error).message, { cause })
  }
}

interface Refused {
  readonly index: number
  readonly error: unknown
}

function refusedError(refused: readonly Refused[], count: number): unknown {
  const { error } = refused[0]!
  if (!(error instanceof ChasquiError)) return error
  const shown = refused.slice(0, REFUSED_SHOWN_MAX).map((one) => {
    const { code, message } = one.error as ChasquiError
    return { index: one.index, code, message }
  })
  const details = { submitted: count - refused.length, refused: shown }
  const message = `${refused.length} of ${count} tasks were not submitted; the first because ${error.message}`
  return new ChasquiError(error.code, message, { details, cause: error })
}
