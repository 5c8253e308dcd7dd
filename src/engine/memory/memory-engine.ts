/**
 * The reference: every promise of the port in plain code over maps and sorted lists, nothing kept when the process ends. It is what
 * the other engines are compared with, and with a VirtualClock what users test their own tasks against (`chasqui/testing`).
 *
 * Every method does its whole work before its first await, so there is nothing half-done to see. Invariant: deliveries and
 * revocations leave in a turn of their own (`#turn`), never inside the call that caused them.
 */

import { type Clock, systemClock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Explanation } from '../../task/explanation.ts'
import { isFinal } from '../../task/lifecycle.ts'
import {
  FAILED_RETENTION_MS,
  LEASE_MS,
  LIST_LIMIT_MAX,
  MEMORY_TASKS_MAX,
  RECONNECT_GRACE_MS,
  RETENTION_MS,
} from '../../task/limits.ts'
import type { Lease as LeaseName, Outcome } from '../../task/outcome.ts'
import type { QueueAnswer, QueueOrder } from '../../task/queue.ts'
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
import { type OpenCron, openCron } from '../open-cron.ts'
import { Leases } from './leases.ts'
import { Ledger } from './ledger.ts'
import { explainRow } from './place.ts'
import { addLines, boundedProgress, bytesByOwner } from './reports.ts'
import { deliveryOf, isForOneAlone, type Lease, recordOf, type Seat, suits } from './row.ts'
import { ScheduleRows } from './schedule-rows.ts'
import { createSeat, Seats, seatReport } from './seats.ts'
import { retry, steer } from './steer.ts'

export interface MemoryEngineOptions {
  readonly clock?: Clock
  /** Uniform in [0, 1): the jitter of back-offs. */
  readonly random?: () => number
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
  readonly retentionMs?: number
  readonly failedRetentionMs?: number
  readonly tasksMax?: number
}

export function openMemoryEngine(options: MemoryEngineOptions = {}): Engine {
  return new MemoryEngine(options)
}

const WORKER_LOST = { name: 'WorkerLost', message: 'its worker was lost: its lease was not renewed' }

class MemoryEngine implements Engine {
  readonly kind = 'memory'
  readonly cron: OpenCron
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #reconnectGraceMs: number
  readonly #ledger: Ledger
  readonly #leases: Leases
  readonly #seats = new Seats()
  /** Leases that became void and whose workers are not told yet. */
  #revoked: Lease[] = []
  #turnPlanned = false
  #lastConsumer = 0
  #lapses = 0
  #closing: Promise<void> | null = null

  constructor(options: MemoryEngineOptions) {
    this.#clock = options.clock ?? systemClock
    this.#leaseMs = options.leaseMs ?? LEASE_MS
    this.#reconnectGraceMs = options.reconnectGraceMs ?? RECONNECT_GRACE_MS
    this.#ledger = new Ledger({
      clock: this.#clock,
      random: options.random ?? Math.random,
      retention: {
        retentionMs: options.retentionMs ?? RETENTION_MS,
        failedRetentionMs: options.failedRetentionMs ?? FAILED_RETENTION_MS,
      },
      tasksMax: options.tasksMax ?? MEMORY_TASKS_MAX,
      onReady: () => this.#planTurn(),
    })
    this.#leases = new Leases(this.#clock, (lease) => this.#lapse(lease))
    const store = new ScheduleRows()
    const mustBeOpen = () => this.#mustBeOpen()
    // Nothing that it does can fail.
    this.cron = openCron({ store, clock: this.#clock, engine: this, mustBeOpen, onTrouble: () => undefined })
  }

  // ---- clients ----------------------------------------------------------------------------------------------

  async submit(
    batch: readonly Submission[],
    _durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    this.#mustBeOpen()
    const receipts = batch.map((submission) => this.#ledger.accept(submission))
    this.#ledger.publish()
    return receipts
  }

  async get(ids: readonly string[], options?: GetOptions): Promise<readonly (TaskRecord | null)[]> {
    this.#mustBeOpen()
    return this.#ledger.read(ids, options?.data === true)
  }

  async list(query: ListQuery): Promise<TaskPage> {
    this.#mustBeOpen()
    const beforeSeq = query.cursor === undefined ? Number.POSITIVE_INFINITY : Number(query.cursor)
    if (Number.isNaN(beforeSeq)) throw new ChasquiError('INVALID_PARAMS', 'this cursor is of no earlier page')
    const limit = Math.max(1, Math.min(query.limit, LIST_LIMIT_MAX))
    const matching = this.#ledger
      .rows()
      .filter(
        (row) => row.seq < beforeSeq && (query.states?.includes(row.state) ?? true) && suits(query, row),
      )
      .reverse()
    const page = matching.slice(0, limit)
    return {
      tasks: page.map((row) => recordOf(row, query.data === true)),
      cursor: matching.length > limit ? String(page.at(-1)!.seq) : null,
    }
  }

  async wait(
    ids: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly (TaskRecord | null)[]> {
    this.#mustBeOpen()
    return this.#ledger.waits.wait(ids, timeoutMs, signal)
  }

  async watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch> {
    this.#mustBeOpen()
    return this.#ledger.hub.watch(query, listener)
  }

  async cancel(ids: readonly string[]): Promise<readonly (Change | null)[]> {
    this.#mustBeOpen()
    const changes = ids.map((id) => {
      const row = this.#ledger.find(id)
      if (row === undefined) return null
      if (isFinal(row.state)) return { id, state: row.state, changed: false }
      // The delivery stays in its worker's hands until the worker, or time, gives it back.
      if (row.lease !== null) this.#revoked.push(row.lease)
      this.#ledger.cancel(row)
      return { id, state: row.state, changed: true }
    })
    this.#planTurn()
    this.#ledger.publish()
    return changes
  }

  async retry(selection: RetrySelection): Promise<RetryAnswer> {
    this.#mustBeOpen()
    const answer = retry(this.#ledger, selection)
    this.#ledger.publish()
    return answer
  }

  async steer(order: QueueOrder): Promise<QueueAnswer> {
    this.#mustBeOpen()
    const answer = steer(this.#ledger, order)
    this.#planTurn()
    this.#ledger.publish()
    return answer
  }

  // ---- workers ----------------------------------------------------------------------------------------------

  async drainWorker(worker: string): Promise<number> {
    return this.#seats.drain(worker)
  }

  async consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    this.#mustBeOpen()
    const { promise: ended, resolve: end } = Promise.withResolvers<ConsumerEnd>()
    const id = `c${++this.#lastConsumer}`
    const seat = createSeat(id, request, sink, end, this.#clock.nowMs())
    this.#seats.add(seat)
    this.#planTurn()
    return {
      id: seat.id,
      ended,
      resize: (slots, prefetch) => {
        seat.slots = slots
        seat.prefetch = prefetch
        this.#planTurn()
      },
      stop: async (options) => {
        this.#dismiss(seat, { reason: 'stopped' }, options?.lost === true)
      },
    }
  }

  /** Ends a consumer. Its leases stay: for their full time, or when nobody is there any more, for the time of grace. */
  #dismiss(seat: Seat, end: ConsumerEnd, lost: boolean): void {
    this.#seats.remove(seat)
    seat.end(end)
    if (!lost || this.#closing !== null) return
    const untilMs = this.#clock.nowMs() + this.#reconnectGraceMs
    for (const lease of seat.held) this.#leases.shorten(lease, untilMs)
  }

  async settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    this.#mustBeOpen()
    const settlements = outcomes.map((outcome) => this.#settleOne(outcome))
    this.#planTurn()
    this.#ledger.publish()
    return settlements
  }

  #settleOne(outcome: Outcome): Settlement {
    const { id, epoch } = outcome
    const row = this.#ledger.find(id)
    const lease = this.#leases.find(id, epoch)
    // Also a void one: its worker has given it back and has room for another.
    if (lease !== undefined) this.#leases.end(lease)
    if (row === undefined) return { id, accepted: false, state: null }
    if (lease === undefined || row.lease !== lease) {
      return { id, accepted: row.finalEpoch === epoch, state: row.state }
    }
    lease.seat.settled++
    this.#ledger.judge(row, outcome)
    return { id, accepted: true, state: row.state }
  }

  async extend(leases: readonly LeaseName[], consumer?: string): Promise<readonly LeaseAnswer[]> {
    this.#mustBeOpen()
    const adopter = this.#seats.find(consumer)
    const answers = leases.map(({ id, epoch }) => {
      const lease = this.#currentLease(id, epoch)
      if (lease === null) return { id, accepted: false }
      this.#leases.renew(lease, this.#clock.nowMs() + this.#leaseMs)
      if (adopter !== undefined && adopter !== lease.seat) {
        this.#leases.adopt(lease, adopter)
        // It ran alone where it comes from.
        if (isForOneAlone(lease.row)) adopter.alone = true
        lease.row.run = { ...lease.row.run, worker: adopter.request.worker }
      }
      return { id, accepted: true }
    })
    this.#planTurn()
    return answers
  }

  async report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]> {
    this.#mustBeOpen()
    const answers = reports.map((report) => {
      const row = this.#currentLease(report.id, report.epoch)?.row
      if (row === undefined) return { id: report.id, accepted: false }
      if ('progress' in report) {
        const progress = boundedProgress(report.progress)
        row.run = { ...row.run, progress }
        this.#ledger.note(row, { progress })
      } else {
        const lines = addLines(row, report.lines)
        if (lines.length > 0) this.#ledger.note(row, { lines })
      }
      return { id: report.id, accepted: true }
    })
    this.#ledger.publish()
    return answers
  }

  #currentLease(id: string, epoch: number): Lease | null {
    const lease = this.#ledger.find(id)?.lease
    return lease?.epoch === epoch ? lease : null
  }

  /** A worker was not heard of in time: as far as one can see it died with the task. */
  #lapse(lease: Lease): void {
    const { row, epoch } = lease
    if (row.lease === lease) {
      this.#lapses++
      this.#revoked.push(lease)
      this.#ledger.judge(row, { id: row.submission.id, epoch, kind: 'crashed', error: WORKER_LOST })
      // Nobody settled it: there is nothing to repeat.
      row.finalEpoch = null
    }
    this.#planTurn()
    this.#ledger.publish()
  }

  // ---- looking ----------------------------------------------------------------------------------------------

  async explain(id: string): Promise<Explanation | null> {
    return explainRow(this.#ledger, id, await this.inspect(), this.#clock.nowMs())
  }

  async log(id: string, after: number): Promise<readonly LogLine[]> {
    this.#mustBeOpen()
    return this.#ledger.find(id)?.lines.filter((line) => line.number > after) ?? []
  }

  async inspect(): Promise<EngineReport> {
    this.#mustBeOpen()
    return {
      kind: this.kind,
      durability: 'memory',
      queues: this.#ledger.queueReports(),
      consumers: this.#seats.all.map(seatReport),
      store: { tasks: this.#ledger.size, leases: this.#leases.size, lapses: this.#lapses },
      owners: async () => bytesByOwner(this.#ledger.rows()),
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.cron.close()
    this.#leases.close()
    await this.#ledger.close()
    for (const seat of [...this.#seats.all]) this.#dismiss(seat, { reason: 'closed' }, false)
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw new ChasquiError('CLOSED', 'the engine is closed')
  }

  // ---- delivering -------------------------------------------------------------------------------------------

  #planTurn(): void {
    if (this.#turnPlanned) return
    this.#turnPlanned = true
    setImmediate(() => {
      this.#turnPlanned = false
      if (this.#closing === null) this.#turn()
    })
  }

  #turn(): void {
    const revoked = Map.groupBy(this.#revoked, (lease) => lease.seat)
    this.#revoked = []
    const granted: Lease[] = []
    this.#seats.serve((seat) => {
      const { queues, types } = seat.request
      const row = this.#seats.bestFor(seat, (sociable) => this.#ledger.firstReady(queues, types, sociable))
      if (row === null) return false
      seat.alone = isForOneAlone(row)
      const lease = this.#leases.grant(row, seat, this.#clock.nowMs() + this.#leaseMs)
      this.#ledger.deliver(row, lease)
      granted.push(lease)
      return true
    })
    this.#ledger.publish()
    for (const [seat, leases] of revoked) {
      this.#hand(seat, (sink) =>
        sink.revoke(leases.map(({ row, epoch }) => ({ id: row.submission.id, epoch }))),
      )
    }
    for (const [seat, leases] of Map.groupBy(granted, (lease) => lease.seat)) {
      seat.delivered += leases.length
      this.#hand(seat, (sink) => sink.deliver(leases.map((lease) => deliveryOf(lease, this.#leaseMs))))
    }
  }

  /** A sink that throws has no worker behind it: its consumer ends, and its tasks go elsewhere after the time of grace. */
  #hand(seat: Seat, call: (sink: DeliverySink) => void): void {
    try {
      call(seat.sink)
    } catch (error) {
      this.#dismiss(seat, { reason: 'failed', error }, true)
    }
  }
}
