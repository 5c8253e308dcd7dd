/**
 * The engine of many machines: PostgreSQL holds every task from its confirmation on, RabbitMQ carries hints of what waits, an object store
 * holds large values. Any number of processes have one open, and all of them are equal.
 *
 * This file is the door. What it is made of: ledger/ (tables and statements), broker/ (AMQP), submitting.ts, publisher.ts, intake.ts,
 * dispatch.ts and settling.ts (a task's way), keeper.ts (what one of them does for all), membership.ts and news.ts (who knows whom).
 */

import type { Clock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Explanation } from '../../task/explanation.ts'
import { DOCUMENT_DRAIN_MS, QUEUE_DEFAULT } from '../../task/limits.ts'
import type { Lease, Outcome } from '../../task/outcome.ts'
import type { QueueAnswer, QueueOrder } from '../../task/queue.ts'
import type { Durability, Receipt, Refusal, Submission, TaskRecord } from '../../task/task.ts'
import { Documents } from '../documents.ts'
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
import type { OpenCron } from '../open-cron.ts'
import { openBroker } from './broker/open-broker.ts'
import { clusterCron } from './cluster-cron.ts'
import type { Core } from './core.ts'
import { createCore } from './create-core.ts'
import { Dispatch } from './dispatch.ts'
import { documentMarks } from './document-marks.ts'
import { Holding } from './holding.ts'
import { Inbox } from './inbox.ts'
import { Intake } from './intake.ts'
import { Keeper } from './keeper.ts'
import { Lanes } from './lane.ts'
import { leaveCluster } from './leave-cluster.ts'
import type { Ledger, LedgerRole } from './ledger/ledger.ts'
import { inspect, readLog, readPage, readRecords } from './looking.ts'
import { MeanTimes } from './mean-times.ts'
import { Membership } from './membership.ts'
import { News } from './news.ts'
import { BROKER_TROUBLE, type ClusterOptions } from './options.ts'
import { explainTask } from './place.ts'
import { Publisher } from './publisher.ts'
import { Queues } from './queues.ts'
import { QuickHints } from './quick-hints.ts'
import { openConsumer } from './seating.ts'
import { Settling } from './settling.ts'
import { cancel, retry, revokeHere } from './steering.ts'
import { stillness } from './stillness.ts'
import { Submitting } from './submitting.ts'
import { Upkeep } from './upkeep.ts'
import { Vigil } from './vigil.ts'

export const PREFIX_DEFAULT = 'chasqui'

export class ClusterEngine implements Engine {
  readonly kind = 'cluster'
  readonly cron: OpenCron
  readonly #core: Core
  readonly #publisher: Publisher
  readonly #submitting: Submitting
  readonly #intake: Intake
  readonly #dispatch: Dispatch
  readonly #settling: Settling
  readonly #holding: Holding
  readonly #means: MeanTimes
  readonly #vigil: Vigil
  readonly #keeper: Keeper
  readonly #upkeep: Upkeep
  readonly #membership: Membership
  readonly #queues: Queues
  readonly #inboxes: readonly Inbox[]
  #documents: Documents<number> | null = null
  readonly #openedAtMs: number
  readonly #cancelling = new Set<Promise<unknown>>()
  #closing: Promise<void> | null = null

  constructor(options: ClusterOptions, ledger: Ledger, clock: Clock, name: string) {
    const core = createCore(options, ledger, clock)
    const prefix = options.amqpPrefix ?? PREFIX_DEFAULT
    this.#core = core
    this.#openedAtMs = clock.nowMs()
    core.lanes = new Lanes(ledger.look, prefix, (lane) => {
      core.ring.addLine(core.windowOf(lane), lane)
      this.#intake?.look()
    })
    core.news = new News(core, (text, to) => core.broker.tell(text, to), {
      events: (events) => this.#hear(events),
      revoked: (leases) => void revokeHere(core, leases),
      dropped: (laneNo, seq) => {
        core.windows.get(laneNo)?.drop(seq)
        this.#wake()
      },
      lanes: () => void core.lanes.refresh().catch(() => undefined),
      due: (atMs) => {
        this.#keeper.due(atMs)
        this.cron.runner.due(atMs)
      },
      refill: (laneNo, request) => this.#upkeep.heardRefill(laneNo, request),
      waiting: (laneNo, dueMs, seqs) => quick.hear(laneNo, dueMs, seqs),
      drain: (worker) => void core.drainHere(worker),
      queues: (from) => void this.#queues.hear(from),
      queuesHeard: () => this.#queues.heard(),
    })
    const wake = () => this.#wake()
    const quick = new QuickHints(core, wake)
    this.#means = new MeanTimes(core)
    this.#publisher = new Publisher(core, quick, (queue) => this.#upkeep.missing(queue))
    this.#submitting = new Submitting(core, this.#publisher, options, (atMs) => this.#due(atMs))
    this.#settling = new Settling(core, this.#publisher, this.#means, {
      wake,
      scheduled: (atMs) => this.#due(atMs),
    })
    this.#holding = new Holding(core, this.#settling, wake)
    this.#intake = new Intake(core, this.#publisher, wake)
    this.#vigil = new Vigil(core, this.#intake, (lane) => this.#upkeep.missing(lane.amqpQueue))
    this.#dispatch = new Dispatch(core, this.#intake, {
      release: (held) => this.#holding.release(held),
      unreadable: (held, error) => this.#holding.putOff(held, error),
      lostClaim: () => void this.#holding.findLostClaims(),
      granted: (untilMs) => this.#holding.watch(untilMs),
    })
    this.#upkeep = new Upkeep(core, this.#publisher, () => this.#keeper.kick())
    const recheck = () => this.cron.runner.recheck()
    this.#keeper = new Keeper(core, this.#publisher, this.#settling, this.#upkeep, recheck)
    this.cron = clusterCron(core, this, this.#keeper, () => this.#mustBeOpen())
    this.#queues = new Queues(core, { changed: wake, still: () => this.#dispatch.still() })
    this.#membership = new Membership(core, name, {
      beat: () => this.#beat(),
      forgotten: () => this.#holding.loseAll(),
    })
    if (options.objects !== undefined && core.settings.documents) {
      this.#documents = new Documents(options.objects, documentMarks(core))
      core.onFinal = () => this.#documents?.wake()
    }
    this.#inboxes = (options.inboxes ?? [QUEUE_DEFAULT]).map(
      (queue) => new Inbox(core, { prefix, queue }, (batch) => this.submit(batch, 'disk')),
    )
  }

  async start(options: ClusterOptions, name: string): Promise<void> {
    const core = this.#core
    core.broker = await openBroker({
      urls: options.amqpUrls,
      connectionName: name,
      prefix: options.amqpPrefix ?? PREFIX_DEFAULT,
      listener: {
        up: () => this.#brokerUp(),
        down: (reason) => core.onTrouble('broker-lost', reason),
        news: (text) => core.news.hear(text),
        trouble: (event, error) => {
          if (event !== 'connection-lost') core.onTrouble(BROKER_TROUBLE[event], error)
          this.#publisher.hear(event)
        },
      },
    })
    for (const inbox of this.#inboxes) await inbox.check()
    await this.#membership.join()
    await this.#queues.refresh()
    await core.lanes.refresh()
    await this.#membership.beat()
    this.#brokerUp()
    this.#keeper.kick()
    this.#vigil.start()
  }

  // ---- producers --------------------------------------------------------------------------------------------

  async submit(
    batch: readonly Submission[],
    _durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    this.#mustBeOpen()
    return this.#submitting.submit(batch)
  }

  async cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    this.#mustBeOpen()
    // What this process was told first happens first, though it goes over other connections.
    const cancelling = this.#settling.answered.then(() => cancel(this.#core, ids))
    this.#cancelling.add(cancelling)
    try {
      return await cancelling
    } finally {
      this.#cancelling.delete(cancelling)
      // What waited behind it may go now.
      this.#wake()
    }
  }

  async retry(selection: RetrySelection): Promise<RetryAnswer> {
    this.#mustBeOpen()
    return retry(this.#core, this.#publisher, selection)
  }

  async steer(order: QueueOrder): Promise<QueueAnswer> {
    this.#mustBeOpen()
    return this.#queues.steer(order)
  }

  // ---- looking ----------------------------------------------------------------------------------------------

  async get(ids: readonly string[], options: GetOptions = {}): Promise<readonly (TaskRecord | null)[]> {
    this.#mustBeOpen()
    return readRecords(this.#core, ids, options.data === true)
  }

  async list(query: ListQuery): Promise<TaskPage> {
    this.#mustBeOpen()
    return readPage(this.#core, query)
  }

  async explain(id: string): Promise<Explanation | null> {
    return explainTask(this.#core, id, await this.inspect())
  }

  async log(id: string, after: number): Promise<readonly LogLine[]> {
    this.#mustBeOpen()
    return readLog(this.#core, id, after)
  }

  async inspect(): Promise<EngineReport> {
    this.#mustBeOpen()
    return inspect(this.#core, this.#openedAtMs, this.#vigil.isSilent)
  }

  async wait(
    ids: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly (TaskRecord | null)[]> {
    this.#mustBeOpen()
    void this.#core.news.want()
    return this.#core.waits.wait(ids, timeoutMs, signal)
  }

  async watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch> {
    this.#mustBeOpen()
    return this.#core.watch(query, listener)
  }

  // ---- workers ----------------------------------------------------------------------------------------------

  async drainWorker(worker: string): Promise<number> {
    return this.#core.drainWorker(worker)
  }

  async consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    this.#mustBeOpen()
    return openConsumer(this.#core, this.#membership, request, sink, {
      wake: () => this.#wake(),
      left: () => {
        this.#holding.watch(this.#core.nowMs())
        this.#intake.look()
      },
    })
  }

  async settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    this.#mustBeOpen()
    if (outcomes.length === 0) return []
    if (this.#cancelling.size > 0) await Promise.allSettled(this.#cancelling)
    return this.#settling.settle(outcomes)
  }

  async extend(leases: readonly Lease[], consumer?: string): Promise<readonly LeaseAnswer[]> {
    this.#mustBeOpen()
    return this.#holding.extend(leases, consumer)
  }

  async report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]> {
    this.#mustBeOpen()
    return this.#holding.report(reports)
  }

  // ---- inside -----------------------------------------------------------------------------------------------

  #wake(): void {
    if (this.#closing !== null) return
    this.#intake.look()
    this.#dispatch.wake()
  }

  #due(atMs: number): void {
    this.#keeper.due(atMs)
    this.#core.news.sendDue(atMs)
  }

  #hear(events: readonly TaskEvent[]): void {
    for (const { id, progress, lines } of events) {
      if (progress === undefined && lines === undefined) this.#core.waits.settled(id)
    }
    this.#core.hub.publish(events)
  }

  #beat(): void {
    const { hub, waits, news, lanes } = this.#core
    if (hub.wants || waits.size > 0) void news.want()
    void lanes.refresh().catch(() => undefined)
    void this.#queues.refresh().catch(() => undefined)
    void this.#publisher.share()
    this.#upkeep.repeatRequests()
    this.#documents?.wake()
  }

  #brokerUp(): void {
    // The first comes while `start` is at work, which does the same at its end.
    if (this.#closing !== null || this.#core.member === 0) return
    this.#publisher.brokerUp()
    this.#intake.brokerUp()
    for (const inbox of this.#inboxes) void inbox.open()
    this.#wake()
  }

  /** A connection broke and is there again: what was under way on it may have happened or not, and what it held is gone. */
  databaseUp(role: LedgerRole): void {
    if (this.#closing !== null) return
    if (role === 'look') this.#core.onTrouble('database-back', undefined)
    else if (role === 'office') this.#keeper.lostOffice()
    else if (role === 'claim') {
      void this.#holding.findLostClaims()
      void this.#holding.findLostLeases()
    }
    // Tasks may wait whose hints nobody sends.
    else void this.#publisher.recover()
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw new ChasquiError('CLOSED', 'the engine is closed')
  }

  /** For tests that look at what did not happen. See stillness.ts. */
  settled(): Promise<void> {
    return stillness(this.#core, this.#publisher, this.#intake, [
      () => this.#submitting.inFlight > 0,
      () => this.#settling.inFlight > 0,
      () => this.#publisher.inFlight > 0,
      () => this.#dispatch.isBusy,
      () => this.#intake.underWay > 0,
      () => this.#keeper.isBusy || this.#upkeep.isRefilling || this.cron.runner.isBusy,
      () => this.#holding.isBusy,
    ])
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const core = this.#core
    core.closing = true
    const ticked = this.cron.close()
    this.#dispatch.stop()
    this.#vigil.stop()
    this.#holding.close()
    core.dismissAll()
    await Promise.all(this.#inboxes.map((inbox) => inbox.close()))
    await this.#keeper.close()
    await ticked
    await this.#intake.close()
    await core.waits.close()
    core.hub.close()
    this.#means.close()
    await this.#documents?.drain(core.ledger.isUp ? DOCUMENT_DRAIN_MS : 0)
    await this.#documents?.close()
    await leaveCluster(core, this.#publisher, this.#membership)
  }

  /** Ends as a crash of the process would: nothing is told to anybody. For tests of just that. */
  async abandon(): Promise<void> {
    this.#closing ??= Promise.resolve()
    this.#core.closing = true
    void this.cron.close()
    this.#dispatch.stop()
    this.#vigil.stop()
    this.#holding.close()
    this.#membership.abandon()
    this.#publisher.abandon()
    this.#core.ledger.abandon()
    this.#means.close()
    await this.#keeper.close()
    await this.#core.broker.close()
  }
}
