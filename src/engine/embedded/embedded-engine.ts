/**
 * The engine of one machine: an SQLite file that one process owns. What it is made of: turns.ts (group commit), heart.ts
 * (the state in memory and the moves), store.ts (the statements), lanes.ts (the window of ready tasks), checkpoint.ts.
 *
 * This file is the door: it checks admission, hands what writes to the turns, and answers what only reads at once.
 */

import { join } from 'node:path'
import { type Clock, systemClock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Explanation } from '../../task/explanation.ts'
import {
  DISK_FREE_BYTES_MIN,
  DOCUMENT_DRAIN_MS,
  FAILED_RETENTION_MS,
  LEASE_MS,
  RECONNECT_GRACE_MS,
  RETENTION_MS,
  WAL_BYTES_MAX,
} from '../../task/limits.ts'
import type { Lease, Outcome } from '../../task/outcome.ts'
import type { QueueAnswer, QueueOrder } from '../../task/queue.ts'
import type { Durability, Receipt, Refusal, Submission, TaskRecord } from '../../task/task.ts'
import { Documents } from '../documents.ts'
import type {
  Change,
  ConsumeRequest,
  Consumer,
  ConsumerEnd,
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
import { EventHub } from '../event-hub.ts'
import { type OpenCron, openCron } from '../open-cron.ts'
import { consumerOf, reportOfSeat } from '../seat-ring.ts'
import { Waits } from '../waits.ts'
import { Admission } from './admission.ts'
import { Alarm } from './alarm.ts'
import { CallAsk, SettleAsk, SubmitAsk } from './asks.ts'
import { Checkpoint } from './checkpoint.ts'
import { DiskGuard } from './disk-guard.ts'
import { documentSource } from './document-source.ts'
import { Heart } from './heart.ts'
import { nextWakeMs } from './housekeeping.ts'
import { extend, leave } from './leasing.ts'
import { queueReports, readLog, readPage, readRecords } from './looking.ts'
import { reportOne } from './news.ts'
import type { EmbeddedOptions } from './options.ts'
import { makeFolder, type Ownership, takeOwnership } from './ownership.ts'
import { explainRow } from './place.ts'
import { Purge } from './purge.ts'
import { createSeat } from './roster.ts'
import { scheduleStore } from './schedule-store.ts'
import { cancel, retry } from './steer.ts'
import { steer, weightOf } from './steer-queues.ts'
import { openCompleteStore, STORE_FILE, type Store } from './store.ts'
import { Turns } from './turns.ts'

export type { EmbeddedOptions } from './options.ts'

/** Opens or makes a store. Throws STORE_LOCKED, STORE_VERSION or CONFIG_INVALID. */
export async function openEmbeddedEngine(options: EmbeddedOptions): Promise<EmbeddedEngine> {
  makeFolder(options.dir)
  const ownership = takeOwnership(options.dir)
  try {
    return new EmbeddedEngine(options, ownership)
  } catch (error) {
    ownership.release()
    throw error
  }
}

export class EmbeddedEngine implements Engine {
  readonly kind = 'embedded'
  readonly cron: OpenCron
  readonly #clock: Clock
  readonly #store: Store
  readonly #heart: Heart
  readonly #turns: Turns
  readonly #hub: EventHub
  readonly #waits: Waits
  readonly #checkpoint: Checkpoint
  readonly #disk: DiskGuard
  readonly #admission: Admission
  readonly #documents: Documents<number> | null
  readonly #ownership: Ownership
  readonly #purge: Purge
  readonly #alarm: Alarm
  readonly #onTrouble: NonNullable<EmbeddedOptions['onTrouble']>
  readonly #openedAtMs: number
  #commitsSeen = 0
  #nextSeat = 1
  #closing: Promise<void> | null = null
  #closed = false

  constructor(options: EmbeddedOptions, ownership: Ownership) {
    this.#clock = options.clock ?? systemClock
    this.#ownership = ownership
    this.#onTrouble = options.onTrouble ?? (() => undefined)
    this.#openedAtMs = this.#clock.nowMs()
    const path = join(options.dir, STORE_FILE)
    this.#store = openCompleteStore(path)
    this.#hub = new EventHub()
    this.#waits = new Waits({ clock: this.#clock, read: (ids) => this.get(ids) })
    this.#heart = new Heart(
      this.#store,
      this.#clock,
      options.random ?? Math.random,
      {
        leaseMs: options.leaseMs ?? LEASE_MS,
        reconnectGraceMs: options.reconnectGraceMs ?? RECONNECT_GRACE_MS,
        retentionMs: options.retentionMs ?? RETENTION_MS,
        failedRetentionMs: options.failedRetentionMs ?? FAILED_RETENTION_MS,
        documents: options.objects !== undefined,
      },
      this.#hub,
      this.#waits,
      (holder, error) => {
        const seat = this.#heart.roster.seats.find((other) => other === holder)
        if (seat !== undefined) {
          leave(this.#heart, seat, true)
          seat.end({ reason: 'failed', error })
        }
        this.#onTrouble('sink-failed', error)
      },
    )
    this.#turns = new Turns(
      this.#heart,
      () => this.#afterTurn(),
      (error) => this.#failed(error),
      options.onSync,
    )
    this.#alarm = new Alarm(this.#clock, () => this.#turns.wake())
    this.#checkpoint = new Checkpoint(path, options.walBytesMax ?? WAL_BYTES_MAX, {
      hold: () => this.#turns.hold(),
      release: () => this.#turns.release(),
      lost: (error) => {
        if (!this.#closed) this.#store.sql.checkpointInline()
        this.#onTrouble('checkpoint-lost', error)
      },
    })
    this.#disk = new DiskGuard(options.dir, options.diskFreeBytesMin ?? DISK_FREE_BYTES_MIN)
    this.#admission = new Admission(this.#disk)
    this.#documents =
      options.objects === undefined
        ? null
        : new Documents(
            options.objects,
            documentSource(this.#heart, {
              transact: (weight, call) => this.#ask(false, weight, call),
              failed: (error) => this.#onTrouble('document-failed', error),
            }),
          )
    this.#documents?.wake()
    this.#purge = new Purge(this.#heart, (step) => this.#call(false, 1, step))
    const store = scheduleStore(this.#store.schedules, (weight, call) => this.#call(true, weight, call))
    const onTrouble = (error: unknown) => this.#onTrouble('cron-failed', error)
    const mustBeOpen = () => this.#assertOpen()
    this.cron = openCron({ store, clock: this.#clock, engine: this, mustBeOpen, onTrouble })
    this.cron.runner.kick()
    this.#turns.wake()
    this.#alarm.set(nextWakeMs(this.#heart))
  }

  // ---- producers --------------------------------------------------------------------------------------------

  submit(batch: readonly Submission[], durability: Durability): Promise<readonly (Receipt | Refusal)[]> {
    const refusal = this.#closedError() ?? this.#admission.refusal()
    if (refusal !== null) return Promise.reject(refusal)
    if (batch.length === 0) return Promise.resolve([])
    const admitted = this.#admission.enter(batch)
    return new Promise((resolve, reject) => {
      this.#turns.ask(
        new SubmitAsk(
          this.#heart,
          batch,
          durability === 'relaxed' ? 'relaxed' : 'disk',
          (answers) => {
            admitted.leave()
            resolve(answers)
          },
          (error) => {
            admitted.leave()
            reject(error)
          },
        ),
      )
    })
  }

  async cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    return this.#call(true, ids.length, () => ids.map((id) => cancel(this.#heart, id)))
  }

  async retry(selection: RetrySelection): Promise<RetryAnswer> {
    const weight = 'ids' in selection ? selection.ids.length : 1
    return this.#call(true, weight, (nowMs) => retry(this.#heart, selection, nowMs))
  }

  async steer(order: QueueOrder): Promise<QueueAnswer> {
    return this.#call(true, weightOf(order), () => steer(this.#heart, order))
  }

  // ---- looking ----------------------------------------------------------------------------------------------

  async get(ids: readonly string[], options: GetOptions = {}): Promise<readonly (TaskRecord | null)[]> {
    this.#assertOpen()
    return readRecords(this.#heart, ids, options.data === true)
  }

  async list(query: ListQuery): Promise<TaskPage> {
    this.#assertOpen()
    return readPage(this.#heart, query)
  }

  async explain(id: string): Promise<Explanation | null> {
    return explainRow(this.#heart, id, await this.inspect())
  }

  async log(id: string, after: number): Promise<readonly LogLine[]> {
    this.#assertOpen()
    return readLog(this.#heart, id, after)
  }

  async inspect(): Promise<EngineReport> {
    this.#assertOpen()
    return {
      kind: this.kind,
      durability: 'disk',
      queues: queueReports(this.#heart),
      consumers: this.#heart.roster.seats.map(reportOfSeat),
      store: {
        bytes: this.#store.sql.pageBytes(),
        walBytes: this.#store.sql.walBytes(),
        diskFreeBytes: this.#disk.freeBytes,
        diskReserveBytes: this.#disk.reserveBytes,
        commits: this.#turns.commits,
        lapses: this.#heart.lapses,
        openedAt: new Date(this.#openedAtMs).toISOString(),
      },
      owners: async () => this.#store.owned.bytesByOwner(),
    }
  }

  wait(
    ids: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly (TaskRecord | null)[]> {
    const refusal = this.#closedError()
    return refusal === null ? this.#waits.wait(ids, timeoutMs, signal) : Promise.reject(refusal)
  }

  async watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch> {
    this.#assertOpen()
    return this.#hub.watch(query, listener)
  }

  // ---- workers ----------------------------------------------------------------------------------------------

  async drainWorker(worker: string): Promise<number> {
    return this.#heart.drainWorker(worker)
  }

  async consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    const workerNo = await this.#call(false, 1, () => this.#store.names.workerNumberOf(request.worker))
    const heart = this.#heart
    const id = `${heart.boot}-${this.#nextSeat++}`
    const { seat, ended } = createSeat(id, request, sink, workerNo, this.#clock.nowMs())
    heart.roster.add(seat, heart.lines.all, (line) => heart.nameOf(line))
    this.#turns.wake()
    return consumerOf(seat, ended, {
      wake: () => this.#turns.wake(),
      leave: (lost) => {
        leave(heart, seat, lost)
        this.#alarm.set(nextWakeMs(this.#heart))
        seat.end({ reason: 'stopped' })
      },
    })
  }

  settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    const refusal = this.#closedError()
    if (refusal !== null) return Promise.reject(refusal)
    if (outcomes.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      this.#turns.ask(new SettleAsk(this.#heart, outcomes, resolve, reject))
    })
  }

  async extend(leases: readonly Lease[], consumer?: string): Promise<readonly LeaseAnswer[]> {
    this.#assertOpen()
    const answers = extend(this.#heart, leases, consumer)
    this.#turns.wake()
    return answers
  }

  async report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]> {
    // Progress is a hint and stays in memory; only lines need the file.
    return this.#call(false, reports.length, () => reports.map((report) => reportOne(this.#heart, report)))
  }

  // ---- inside -----------------------------------------------------------------------------------------------

  #call<T>(sync: boolean, weight: number, call: (nowMs: number) => T): Promise<T> {
    const refusal = this.#closedError()
    return refusal === null ? this.#ask(sync, weight, call) : Promise.reject(refusal)
  }

  #ask<T>(sync: boolean, weight: number, call: (nowMs: number) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#turns.ask(new CallAsk(sync, weight, call, resolve, reject))
    })
  }

  #closedError(): ChasquiError | null {
    return this.#closing === null ? null : new ChasquiError('CLOSED', 'the engine is closed')
  }

  #assertOpen(): void {
    // Reads go on while the last turns are done, so that those who wait get the states reached.
    if (this.#closed) throw new ChasquiError('CLOSED', 'the engine is closed')
  }

  #afterTurn(): void {
    if (this.#turns.commits !== this.#commitsSeen) {
      this.#commitsSeen = this.#turns.commits
      this.#checkpoint.committed()
    }
    if (this.#heart.documentsWritten) {
      this.#heart.documentsWritten = false
      this.#documents?.wake()
    }
    this.#alarm.set(nextWakeMs(this.#heart))
  }

  /** Nothing may be written any more by this process: the next opening reads what is really there. */
  #failed(error: unknown): void {
    this.#onTrouble('store-failed', error)
    this.#closing ??= this.#end({ reason: 'failed', error })
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  async #finish(): Promise<void> {
    void this.cron.close()
    await this.#turns.drain()
    await this.#documents?.drain(DOCUMENT_DRAIN_MS)
    await this.#end({ reason: 'closed' })
  }

  async #end(end: ConsumerEnd): Promise<void> {
    this.#alarm.close()
    this.#purge.close()
    for (const seat of this.#heart.roster.seats) seat.end(end)
    this.#turns.stop(new ChasquiError('CLOSED', 'the engine is closed'))
    await this.cron.close()
    await this.#documents?.close()
    await this.#waits.close()
    this.#hub.close()
    this.#disk.close()
    await this.#checkpoint.close()
    this.#closed = true
    this.#store.sql.close()
    this.#ownership.release()
  }

  /** Ends as a crash of the process would: what is not committed is lost and nobody is answered. For tests of just that. */
  async abandon(): Promise<void> {
    this.#closing ??= Promise.resolve()
    void this.cron.close()
    this.#alarm.close()
    this.#purge.close()
    this.#turns.abandon()
    this.#hub.close()
    this.#disk.close()
    // Not waited for: it may itself wait for an answer that nobody gets any more.
    void this.#documents?.close()
    await this.#checkpoint.close()
    this.#closed = true
    this.#store.sql.close()
    this.#ownership.release()
  }
}
