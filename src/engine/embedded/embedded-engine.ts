/**
 * The engine of one machine: an SQLite file that one process owns. What it is made of: turns.ts (group commit), heart.ts
 * (the state in memory and the moves), store.ts (the statements), lanes.ts (the window of ready tasks), checkpoint.ts.
 *
 * This file is the door: it checks admission, hands what writes to the turns, and answers what only reads at once.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ObjectStore } from '../../objects/object-store.ts'
import { type Clock, systemClock, type Timer } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import {
  DISK_FREE_BYTES_MIN,
  DOCUMENT_DRAIN_MS,
  FAILED_RETENTION_MS,
  LEASE_MS,
  LIST_LIMIT_MAX,
  LIST_SCAN_MAX,
  LOG_LINES_MAX,
  PENDING_BYTES_MAX,
  PENDING_TASKS_MAX,
  RECONNECT_GRACE_MS,
  RETENTION_MS,
  RETRY_AFTER_MS,
  WAL_BYTES_MAX,
} from '../../task/limits.ts'
import type { Lease, Outcome } from '../../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission, TaskRecord } from '../../task/task.ts'
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
import { Waits } from '../waits.ts'
import { CallAsk, SettleAsk, SubmitAsk } from './asks.ts'
import { Checkpoint } from './checkpoint.ts'
import { DiskGuard } from './disk-guard.ts'
import { Documents } from './documents.ts'
import type { FullRow } from './full-row.ts'
import { Heart } from './heart.ts'
import { nextWakeMs } from './housekeeping.ts'
import { extend, leave } from './leasing.ts'
import { LOG_LEVEL_NAMES, reportOne } from './news.ts'
import { type Ownership, takeOwnership } from './ownership.ts'
import { Purge } from './purge.ts'
import { recordOf, stateOf } from './records.ts'
import { creditOf, type Seat } from './roster.ts'
import { cancel, retry } from './steer.ts'
import { Store } from './store.ts'
import { Turns } from './turns.ts'

export interface EmbeddedOptions {
  /** The folder of the store; made when it is missing. */
  readonly dir: string
  readonly clock?: Clock
  readonly random?: () => number
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
  readonly retentionMs?: number
  readonly failedRetentionMs?: number
  readonly diskFreeBytesMin?: number
  readonly walBytesMax?: number
  /** Each final task is written there as `task_<id>.json`. The caller closes it, after the engine. */
  readonly objects?: ObjectStore
  /** Told of trouble that nobody who called is told of. */
  readonly onTrouble?: (
    event: 'checkpoint-lost' | 'document-failed' | 'store-failed' | 'sink-failed',
    error: unknown,
  ) => void
}

/** Opens or makes a store. Throws STORE_LOCKED, STORE_VERSION or CONFIG_INVALID. */
export async function openEmbeddedEngine(options: EmbeddedOptions): Promise<EmbeddedEngine> {
  try {
    mkdirSync(options.dir, { recursive: true })
  } catch (error) {
    throw new ChasquiError(
      'CONFIG_INVALID',
      `cannot make the folder ${options.dir}: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
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
  readonly #clock: Clock
  readonly #store: Store
  readonly #heart: Heart
  readonly #turns: Turns
  readonly #hub: EventHub
  readonly #waits: Waits
  readonly #checkpoint: Checkpoint
  readonly #disk: DiskGuard
  readonly #documents: Documents | null
  readonly #ownership: Ownership
  readonly #purge: Purge
  readonly #onTrouble: NonNullable<EmbeddedOptions['onTrouble']>
  readonly #openedAtMs: number
  #pendingTasks = 0
  #pendingBytes = 0
  #alarm: Timer | null = null
  #alarmAtMs = Number.POSITIVE_INFINITY
  #purgeTimer: Timer | null = null
  #commitsSeen = 0
  #nextSeat = 1
  #closing: Promise<void> | null = null
  #closed = false

  constructor(options: EmbeddedOptions, ownership: Ownership) {
    this.#clock = options.clock ?? systemClock
    this.#ownership = ownership
    this.#onTrouble = options.onTrouble ?? (() => undefined)
    this.#openedAtMs = this.#clock.nowMs()
    const path = join(options.dir, 'chasqui.db')
    try {
      this.#store = new Store(path)
    } catch (error) {
      if (error instanceof ChasquiError) throw error
      throw new ChasquiError('CONFIG_INVALID', `cannot open ${path}: ${(error as Error).message}`, {
        cause: error,
      })
    }
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
    )
    this.#checkpoint = new Checkpoint(path, options.walBytesMax ?? WAL_BYTES_MAX, {
      hold: () => this.#turns.hold(),
      release: () => this.#turns.release(),
      lost: (error) => {
        if (!this.#closed) this.#store.sql.checkpointInline()
        this.#onTrouble('checkpoint-lost', error)
      },
    })
    this.#disk = new DiskGuard(options.dir, options.diskFreeBytesMin ?? DISK_FREE_BYTES_MIN)
    this.#documents =
      options.objects === undefined
        ? null
        : new Documents(options.objects, {
            pending: (limit) => this.#store.upkeep.readDocuments(limit),
            record: (seq) => {
              const row = this.#store.look.findSeq(seq)
              return row === null ? null : recordOf(this.#heart, row)
            },
            written: (seqs) =>
              this.#ask(false, seqs.length, () => {
                for (const seq of seqs) this.#store.upkeep.deleteDocument(seq)
              }),
            failed: (error) => this.#onTrouble('document-failed', error),
          })
    this.#documents?.wake()
    this.#purge = new Purge(this.#openedAtMs)
    this.#armPurge(0)
    this.#turns.wake()
    this.#armAlarm()
  }

  // ---- producers --------------------------------------------------------------------------------------------

  submit(batch: readonly Submission[], durability: Durability): Promise<readonly (Receipt | Refusal)[]> {
    const refusal = this.#closedError() ?? this.#admissionError()
    if (refusal !== null) return Promise.reject(refusal)
    if (batch.length === 0) return Promise.resolve([])
    let bytes = 0
    for (const submission of batch) bytes += submission.dataText.length
    this.#pendingTasks += batch.length
    this.#pendingBytes += bytes
    return new Promise((resolve, reject) => {
      const answered = () => {
        this.#pendingTasks -= batch.length
        this.#pendingBytes -= bytes
      }
      this.#turns.ask(
        new SubmitAsk(
          this.#heart,
          batch,
          durability === 'relaxed' ? 'relaxed' : 'disk',
          (answers) => {
            answered()
            resolve(answers)
          },
          (error) => {
            answered()
            reject(error)
          },
        ),
      )
    })
  }

  #admissionError(): ChasquiError | null {
    if (this.#disk.low) {
      return new ChasquiError(
        'DISK_LOW',
        `the disk of the store has only ${this.#disk.freeBytes} bytes free`,
        {
          retryAfterMs: 5_000,
        },
      )
    }
    if (this.#pendingTasks >= PENDING_TASKS_MAX || this.#pendingBytes >= PENDING_BYTES_MAX) {
      return new ChasquiError('RETRY_AFTER', `${this.#pendingTasks} tasks wait for their commit`, {
        retryAfterMs: RETRY_AFTER_MS,
      })
    }
    return null
  }

  async cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    return this.#call(true, ids.length, () => ids.map((id) => cancel(this.#heart, id)))
  }

  async retry(selection: RetrySelection): Promise<RetryAnswer> {
    const weight = 'ids' in selection ? selection.ids.length : 1
    return this.#call(true, weight, (nowMs) => retry(this.#heart, selection, nowMs))
  }

  // ---- looking ----------------------------------------------------------------------------------------------

  async get(ids: readonly string[], options: GetOptions = {}): Promise<readonly (TaskRecord | null)[]> {
    this.#assertOpen()
    return ids.map((id) => {
      const row = this.#store.look.find(id, options.data === true)
      return row === null ? null : recordOf(this.#heart, row)
    })
  }

  async list(query: ListQuery): Promise<TaskPage> {
    this.#assertOpen()
    const limit = Math.max(1, Math.min(query.limit, LIST_LIMIT_MAX))
    const onlyFailed = query.states?.length === 1 && query.states[0] === 'failed'
    const tasks: TaskRecord[] = []
    let beforeSeq = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(query.cursor)
    let scanned = 0
    while (tasks.length < limit) {
      const want = Math.min(LIST_LIMIT_MAX, LIST_SCAN_MAX - scanned)
      if (want === 0) return { tasks, cursor: writeCursor(beforeSeq) }
      const rows: FullRow[] = onlyFailed
        ? this.#store.look.readFailedBackwards(beforeSeq, want, query.data === true)
        : this.#store.look.readBackwards(beforeSeq, want, query.data === true)
      for (const row of rows) {
        beforeSeq = row.seq
        if (this.#matches(row, query)) tasks.push(recordOf(this.#heart, row))
        if (tasks.length === limit) break
      }
      if (tasks.length < limit && rows.length < want) return { tasks, cursor: null }
      scanned += rows.length
    }
    return { tasks, cursor: writeCursor(beforeSeq) }
  }

  #matches(row: FullRow, { states, types, queues }: ListQuery): boolean {
    return (
      (states === undefined || states.includes(stateOf(this.#heart, row))) &&
      (types === undefined || types.includes(this.#store.names.nameOf(row.typeNo))) &&
      (queues === undefined || queues.includes(this.#store.names.nameOf(row.queueNo)))
    )
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

  async log(id: string, after: number): Promise<readonly LogLine[]> {
    this.#assertOpen()
    return this.#store.log
      .readLog(id, after, LOG_LINES_MAX)
      .map(({ level, ...line }) => ({ ...line, level: LOG_LEVEL_NAMES[level]! }))
  }

  async inspect(): Promise<EngineReport> {
    this.#assertOpen()
    const heart = this.#heart
    const oldest = new Map<number, number>()
    for (const line of heart.lines.all) {
      const first = line.oldest()
      if (first !== null && first < (oldest.get(line.queueNo) ?? Number.POSITIVE_INFINITY)) {
        oldest.set(line.queueNo, first)
      }
    }
    return {
      kind: this.kind,
      durability: 'disk',
      queues: [...heart.counts.byQueue].map(([queueNo, count]) => ({
        queue: this.#store.names.nameOf(queueNo),
        scheduled: count.scheduled,
        blocked: 0,
        queued: count.queued,
        running: count.running,
        oldestQueuedAtMs: oldest.get(queueNo) ?? null,
        totals: { ...count.totals },
      })),
      consumers: heart.roster.seats.map((seat) => ({
        id: seat.id,
        worker: seat.request.worker,
        queues: seat.request.queues,
        types: seat.request.types,
        slots: seat.slots,
        prefetch: seat.prefetch,
        held: seat.held,
        connectedAtMs: seat.connectedAtMs,
        delivered: seat.delivered,
        settled: seat.settled,
      })),
      store: {
        bytes: this.#store.sql.pageBytes(),
        diskFreeBytes: this.#disk.freeBytes,
        commits: this.#turns.commits,
        openedAt: new Date(this.#openedAtMs).toISOString(),
      },
    }
  }

  // ---- workers ----------------------------------------------------------------------------------------------

  async consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    const workerNo = await this.#call(false, 1, () => this.#store.names.workerNumberOf(request.worker))
    const heart = this.#heart
    let end: (end: ConsumerEnd) => void = () => undefined
    const ended = new Promise<ConsumerEnd>((resolve) => {
      end = resolve
    })
    const seat: Seat = {
      id: `${heart.boot}-${this.#nextSeat++}`,
      request,
      sink,
      workerNo,
      connectedAtMs: this.#clock.nowMs(),
      slots: request.slots,
      prefetch: request.prefetch,
      credit: creditOf(request.slots, request.prefetch),
      held: 0,
      delivered: 0,
      settled: 0,
      gone: false,
      lines: [],
      picks: [],
      deliveries: [],
      end,
    }
    heart.roster.add(seat, heart.lines.all, (line) => heart.nameOf(line))
    this.#turns.wake()
    return {
      id: seat.id,
      ended,
      resize: (slots, prefetch) => {
        seat.slots = slots
        seat.prefetch = prefetch
        seat.credit = creditOf(slots, prefetch)
        this.#turns.wake()
      },
      stop: async (options) => {
        leave(heart, seat, options?.lost === true)
        this.#armAlarm()
        seat.end({ reason: 'stopped' })
      },
    }
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
    const sync = false
    return this.#call(sync, reports.length, () => reports.map((report) => reportOne(this.#heart, report)))
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
    this.#armAlarm()
  }

  /** One timer for everything that falls due by time; set again only when something is due earlier. */
  #armAlarm(): void {
    const atMs = nextWakeMs(this.#heart)
    if (atMs >= this.#alarmAtMs || this.#closed) return
    this.#alarm?.cancel()
    this.#alarmAtMs = atMs
    this.#alarm = this.#clock.at(atMs, () => {
      this.#alarmAtMs = Number.POSITIVE_INFINITY
      this.#turns.wake()
    })
  }

  #armPurge(delayMs: number): void {
    this.#purgeTimer = this.#clock.at(this.#clock.nowMs() + delayMs, () => {
      void this.#call(false, 1, (nowMs) => this.#purge.step(this.#heart, nowMs)).then(
        (nextMs) => this.#armPurge(nextMs),
        // Closed, or the store could not write: then there is other trouble, and purging can wait.
        () => {
          if (this.#closing === null) this.#armPurge(60_000)
        },
      )
    })
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
    await this.#turns.drain()
    await this.#documents?.drain(DOCUMENT_DRAIN_MS)
    await this.#end({ reason: 'closed' })
  }

  async #end(end: ConsumerEnd): Promise<void> {
    this.#alarm?.cancel()
    this.#purgeTimer?.cancel()
    for (const seat of this.#heart.roster.seats) seat.end(end)
    this.#turns.stop(new ChasquiError('CLOSED', 'the engine is closed'))
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
    this.#alarm?.cancel()
    this.#purgeTimer?.cancel()
    this.#turns.abandon()
    this.#hub.close()
    this.#disk.close()
    await this.#checkpoint.close()
    await this.#documents?.close()
    this.#closed = true
    this.#store.sql.close()
    this.#ownership.release()
  }
}

function writeCursor(seq: number): string {
  return seq.toString(36)
}

function readCursor(cursor: string): number {
  const seq = Number.parseInt(cursor, 36)
  if (!Number.isSafeInteger(seq) || writeCursor(seq) !== cursor) {
    throw new ChasquiError('INVALID_PARAMS', 'cursor is not one that task.list gave')
  }
  return seq
}
