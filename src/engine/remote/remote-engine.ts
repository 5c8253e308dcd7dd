/**
 * The engine port spoken over the wire to a distributor: what a client, or a worker on another machine, uses. It holds nothing
 * durable; what it adds is persistence in asking: every call is made again after a break until it is answered or its deadline is
 * over, and waits, watches and consumers outlive the connection that they were made on.
 *
 * Invariants: a repetition changes nothing, for ids and epochs tell what was done already (a receipt may then say `duplicate: true`,
 * a cancel `changed: false`, and a log line may be there twice); nothing buffers without bound (RequestTable of the link).
 */

import type { Clock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Explanation } from '../../task/explanation.ts'
import {
  BATCH_ENTRIES_MAX,
  CLOSE_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  FRAME_BYTES_MAX,
  GET_IDS_MAX,
} from '../../task/limits.ts'
import type { Lease, Outcome } from '../../task/outcome.ts'
import type { QueueAnswer, QueueOrder } from '../../task/queue.ts'
import type { Durability, Receipt, Refusal, Submission, TaskRecord } from '../../task/task.ts'
import { readLogLines } from '../../wire/event-codec.ts'
import { readExplanation } from '../../wire/explanation-codec.ts'
import { type Link, type LinkOptions, openLink } from '../../wire/link.ts'
import { readSettlements, writeOutcomes, writeReport } from '../../wire/outcome-codec.ts'
import { type ClientIdentity, writeListQuery, writeRetrySelection } from '../../wire/query-codec.ts'
import { readQueueAnswer, writeQueueOrder } from '../../wire/queue-codec.ts'
import { errorOfRefusal, readReceipts, readRefusedReceipts, refusalOf } from '../../wire/receipt-codec.ts'
import { readChanges, readPage, readRecords, readRetryAnswer } from '../../wire/record-codec.ts'
import { readStats } from '../../wire/report-codec.ts'
import { writeSubmit } from '../../wire/submission-codec.ts'
import type { ClientTlsSource } from '../../wire/tls-dialer.ts'
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
} from '../engine.ts'
import { Calls } from './calls.ts'
import { Consumers } from './consumers.ts'
import { frames } from './frames.ts'
import { RemoteCron } from './remote-cron.ts'
import { Waits } from './waits.ts'
import { Watches } from './watches.ts'

export interface RemoteEngineOptions {
  /** `chasqui://host:port[,host2:port2]`, or `chasquis://…` for TLS. */
  readonly url: string
  /** Only with `chasquis://`. */
  readonly tls?: ClientTlsSource
  readonly token?: string
  /** Who we are, for logs of the distributor. Workers say there who runs the tasks. */
  readonly client?: ClientIdentity
  /** How long the first connection may take; Infinity to wait until there is one. Default 5 s. */
  readonly connectTimeoutMs?: number
  /** How long a call may take, repetitions included. Default 30 s. */
  readonly callTimeoutMs?: number
  readonly clock?: Clock
  /** Uniform in [0, 1): jitter. */
  readonly random?: () => number
  /** Finer settings of the connection, for tests. */
  readonly link?: Pick<LinkOptions, 'reconnectMinMs' | 'reconnectMaxMs' | 'silenceMs' | 'pingTimeoutMs'>
}

export interface RemoteEngine extends Engine {
  /** The connection, for whoever tells people about it. */
  readonly link: Pick<Link, 'state' | 'server' | 'onUp' | 'onDown' | 'closed'>
}

/**
 * Resolves when the distributor has said hello.
 * @throws ChasquiError CONFIG_INVALID (url), CONNECTION_LOST (nobody there), TLS_FAILED, UNAUTHENTICATED
 */
export async function openRemoteEngine(options: RemoteEngineOptions): Promise<RemoteEngine> {
  const { url, tls, token, clock, random } = options
  const client: ClientIdentity = { name: 'chasqui', pid: process.pid, ...options.client }
  const link = openLink({
    url,
    client,
    role: client.worker === undefined ? 'client' : 'worker',
    ...(tls !== undefined && { tls }),
    ...(token !== undefined && { token }),
    ...(clock !== undefined && { clock }),
    ...(random !== undefined && { random }),
    ...options.link,
  })
  try {
    const engine = new WireEngine(link, options)
    await link.ready(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS)
    return engine
  } catch (error) {
    await link.close()
    throw error
  }
}

class WireEngine implements RemoteEngine {
  readonly kind = 'remote'
  readonly cron: RemoteCron
  readonly link: Link
  readonly #calls: Calls
  readonly #waits: Waits
  readonly #watches: Watches
  readonly #consumers: Consumers
  #closing: Promise<void> | null = null

  constructor(link: Link, { clock, random, callTimeoutMs }: RemoteEngineOptions) {
    this.link = link
    this.#calls = new Calls({
      link,
      ...(clock !== undefined && { clock }),
      ...(random !== undefined && { random }),
      ...(callTimeoutMs !== undefined && { callTimeoutMs }),
    })
    this.cron = new RemoteCron(this.#calls, () => this.#mustBeOpen())
    this.#waits = new Waits({ link, calls: this.#calls, get: (ids) => this.#get(ids) })
    this.#watches = new Watches(link, this.#calls)
    this.#consumers = new Consumers(link, this.#calls)
  }

  // ---- clients ----------------------------------------------------------------------------------------------

  async submit(
    batch: readonly Submission[],
    durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    this.#mustBeOpen()
    const deadlineMs = this.#calls.clock.nowMs() + this.#calls.timeoutMs
    const answers = await this.#submitOnce(batch, durability, deadlineMs)
    for (;;) {
      // Tasks that were refused for now are asked for again; the others have their answer.
      const again: number[] = []
      let pauseMs = 0
      answers.forEach((answer, index) => {
        if (!('refused' in answer)) return
        const ownPauseMs = this.#calls.pauseMs(errorOfRefusal(answer))
        if (ownPauseMs === null) return
        again.push(index)
        pauseMs = Math.max(pauseMs, ownPauseMs)
      })
      if (again.length === 0 || this.#calls.clock.nowMs() + pauseMs >= deadlineMs) return answers
      await this.#calls.sleep(pauseMs)
      const tasks = again.map((index) => batch[index]!)
      const newAnswers = await this.#submitOnce(tasks, durability, deadlineMs).catch((error) =>
        // The others have their answers all the same.
        tasks.map(({ id }) => refusalOf(id, error as ChasquiError)),
      )
      again.forEach((index, at) => {
        answers[index] = newAnswers[at]!
      })
    }
  }

  /** In the order of the batch. What concerns one task is a value, also when the server refused them all. */
  async #submitOnce(
    batch: readonly Submission[],
    durability: Durability,
    deadlineMs: number,
  ): Promise<(Receipt | Refusal)[]> {
    const tooLarge = new Map<Submission, Refusal>()
    const requests = frames(
      batch,
      (entries) => writeSubmit(entries, durability),
      this.#frameBytesMax,
      (task) => {
        const message = `the task does not fit in a message of ${this.#frameBytesMax} bytes`
        tooLarge.set(task, { id: task.id, refused: { code: 'FRAME_TOO_LARGE', message } })
      },
    )
    const timeoutMs = deadlineMs - this.#calls.clock.nowMs()
    const ask = async (text: string) => {
      try {
        return readReceipts(await this.#calls.call('task.submit', text, { timeoutMs }))
      } catch (error) {
        const receipts = error instanceof ChasquiError ? readRefusedReceipts(error) : null
        if (receipts === null) throw error
        return receipts
      }
    }
    if (requests.length === 1 && tooLarge.size === 0) return ask(requests[0]!.text)
    // A frame that fails costs the others nothing, as long as one of them is answered.
    const asked = await Promise.allSettled(requests.map(({ text }) => ask(text)))
    const failed = asked.find((one) => one.status === 'rejected')
    if (failed !== undefined && asked.every((one) => one.status === 'rejected')) throw failed.reason
    const answered = asked.map((one, index) =>
      one.status === 'fulfilled'
        ? one.value
        : requests[index]!.entries.map(({ id }) => refusalOf(id, one.reason as ChasquiError)),
    )
    const flat = answered.flat()
    let at = 0
    return batch.map((task) => tooLarge.get(task) ?? flat[at++]!)
  }

  async get(ids: readonly string[], options?: GetOptions): Promise<readonly (TaskRecord | null)[]> {
    this.#mustBeOpen()
    return this.#get(ids, options)
  }

  /** Also used while closing. */
  async #get(ids: readonly string[], options?: GetOptions): Promise<(TaskRecord | null)[]> {
    const ask = async (part: readonly string[]) => {
      const params = JSON.stringify(options?.data === true ? { ids: part, data: true } : { ids: part })
      return readRecords(await this.#calls.call('task.get', params))
    }
    return inParts(ids, GET_IDS_MAX, ask)
  }

  async list(query: ListQuery): Promise<TaskPage> {
    this.#mustBeOpen()
    return readPage(await this.#calls.call('task.list', writeListQuery(query)))
  }

  // Not async: whoever awaits thousands of results pays for each promise.
  wait(
    ids: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly (TaskRecord | null)[]> {
    if (this.#closing !== null) return Promise.reject(closedError())
    if (ids.length <= GET_IDS_MAX) return this.#waits.wait(ids, timeoutMs, signal)
    const parts = partsOf(ids, GET_IDS_MAX).map((part) => this.#waits.wait(part, timeoutMs, signal))
    return Promise.all(parts).then((records) => records.flat())
  }

  async watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch> {
    this.#mustBeOpen()
    return this.#watches.watch(query, listener)
  }

  async cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    this.#mustBeOpen()
    return inParts(ids, BATCH_ENTRIES_MAX, async (part) =>
      readChanges(await this.#calls.call('task.cancel', JSON.stringify({ ids: part }))),
    )
  }

  async retry(selection: RetrySelection): Promise<RetryAnswer> {
    this.#mustBeOpen()
    const ask = async (part: RetrySelection) =>
      readRetryAnswer(await this.#calls.call('task.retry', writeRetrySelection(part)))
    if (!('ids' in selection)) return ask(selection)
    const tasks = await inParts(selection.ids, BATCH_ENTRIES_MAX, async (ids) => (await ask({ ids })).tasks)
    return { tasks, more: false }
  }

  async steer(order: QueueOrder): Promise<QueueAnswer> {
    this.#mustBeOpen()
    const { method, paramsText } = writeQueueOrder(order)
    return readQueueAnswer(order.queue, await this.#calls.call(method, paramsText))
  }

  async drainWorker(worker: string): Promise<number> {
    this.#mustBeOpen()
    const { consumers } = (await this.#calls.call('worker.drain', JSON.stringify({ worker }))) as {
      consumers: number
    }
    return consumers
  }

  // ---- workers ----------------------------------------------------------------------------------------------

  async consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    this.#mustBeOpen()
    return this.#consumers.consume(request, sink)
  }

  async settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    this.#mustBeOpen()
    const requests = frames(outcomes, writeOutcomes, this.#frameBytesMax)
    const settled = await Promise.all(
      requests.map(async ({ text }) => readSettlements(await this.#calls.call('work.settle', text))),
    )
    this.#consumers.forget(outcomes)
    return settled.length === 1 ? settled[0]! : settled.flat()
  }

  async extend(leases: readonly Lease[], consumer?: string): Promise<readonly LeaseAnswer[]> {
    this.#mustBeOpen()
    return this.#consumers.extend(leases, consumer)
  }

  async report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]> {
    this.#mustBeOpen()
    return Promise.all(
      reports.map(async (report) => {
        const { method, paramsText } = writeReport(report)
        const { accepted } = (await this.#calls.call(method, paramsText)) as { accepted: boolean }
        return { id: report.id, accepted }
      }),
    )
  }

  async log(id: string, after: number): Promise<readonly LogLine[]> {
    this.#mustBeOpen()
    return readLogLines(await this.#calls.call('task.log', JSON.stringify({ id, after })))
  }

  async explain(id: string): Promise<Explanation | null> {
    this.#mustBeOpen()
    return readExplanation(await this.#calls.call('task.explain', JSON.stringify({ id })))
  }

  async inspect(): Promise<EngineReport> {
    this.#mustBeOpen()
    return readStats(await this.#calls.call('system.stats', '{}')).report
  }

  // ---- the end ----------------------------------------------------------------------------------------------

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#watches.close()
    if (this.link.state === 'up') {
      const { clock } = this.#calls
      const deadline = new Promise<void>((resolve) => clock.at(clock.nowMs() + CLOSE_TIMEOUT_MS, resolve))
      const finished = Promise.all([this.#consumers.stopAll(), this.#waits.close(), this.#calls.idle()])
      await Promise.race([finished, deadline])
    }
    await this.link.close()
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw closedError()
  }

  get #frameBytesMax(): number {
    return Math.min(this.link.server?.frameBytesMax ?? FRAME_BYTES_MAX, FRAME_BYTES_MAX)
  }
}

function closedError(): ChasquiError {
  return new ChasquiError('CLOSED', 'the engine is closed')
}

function partsOf<Entry>(entries: readonly Entry[], entriesMax: number): (readonly Entry[])[] {
  // Nothing is asked for, too: who asks for nothing wants to know that somebody is there.
  if (entries.length <= entriesMax) return [entries]
  const parts: (readonly Entry[])[] = []
  for (let at = 0; at < entries.length; at += entriesMax) parts.push(entries.slice(at, at + entriesMax))
  return parts
}

/** One request after the other, for the answers of all of them together may be large. */
async function inParts<Entry, Answer>(
  entries: readonly Entry[],
  entriesMax: number,
  ask: (part: readonly Entry[]) => Promise<readonly Answer[]>,
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const part of partsOf(entries, entriesMax)) answers.push(...(await ask(part)))
  return answers
}
