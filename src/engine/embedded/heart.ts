/**
 * The state of one open store in memory, and the moves that tasks make in it. Each move writes its rows and changes the memory
 * with them, inside a transaction that turns.ts opens and commits; what the world hears of it is kept here until after the commit.
 *
 * Invariant: when a commit fails, `recover` brings the memory back to what the file says.
 */

import type { Clock } from '../../task/clock.ts'
import type { TaskState } from '../../task/lifecycle.ts'
import { WINDOW_PAYLOAD_LENGTH_MAX } from '../../task/limits.ts'
import type { Lease } from '../../task/outcome.ts'
import type { Progress } from '../../task/task.ts'
import type { DeliverySink, LogLine, TaskEvent } from '../engine.ts'
import type { EventHub } from '../event-hub.ts'
import type { Waits } from '../waits.ts'
import { Counts } from './counts.ts'
import { createEntry, type Entry, type Holder, type Live } from './entry.ts'
import { type Line, Lines } from './lanes.ts'
import { type Ghost, Leases } from './leases.ts'
import { Queues } from './queues.ts'
import { Roster } from './roster.ts'
import type { Store } from './store.ts'

export interface HeartSettings {
  readonly leaseMs: number
  readonly reconnectGraceMs: number
  readonly retentionMs: number
  readonly failedRetentionMs: number
  /** Final tasks leave a document in the object store. */
  readonly documents: boolean
}

/** Epochs are boot × this + n: greater than any of an earlier opening, and still whole numbers for 2 million openings. */
export const EPOCHS_PER_BOOT = 2 ** 32

export class Heart {
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  readonly settings: HeartSettings
  readonly hub: EventHub
  readonly waits: Waits
  readonly lines: Lines
  readonly roster = new Roster()
  readonly leases = new Leases()
  readonly counts = new Counts()
  readonly queues: Queues

  /** Told to the world after the commit. */
  events: TaskEvent[] = []
  settledIds: string[] = []
  revocations: { holder: Holder; lease: Lease }[] = []
  documentsWritten = false
  /** Leases that nobody renewed, since this opening. */
  lapses = 0

  /** Leases that this turn ended and granted: what a failed commit has to undo. */
  ended: Entry[] = []
  granted: Entry[] = []
  haunted: Ghost[] = []

  /** When housekeeping has to look again, by what for. */
  nextDueMs = Number.POSITIVE_INFINITY
  nextExpiryMs = Number.POSITIVE_INFINITY
  nextLapseMs = Number.POSITIVE_INFINITY

  /** Which opening of the store this is. */
  readonly boot: number
  readonly #onSinkError: (holder: Holder, error: unknown) => void
  #nextSeq: number
  #lastEpoch: number

  constructor(
    store: Store,
    clock: Clock,
    random: () => number,
    settings: HeartSettings,
    hub: EventHub,
    waits: Waits,
    onSinkError: (holder: Holder, error: unknown) => void,
  ) {
    this.#onSinkError = onSinkError
    this.store = store
    this.clock = clock
    this.random = random
    this.settings = settings
    this.hub = hub
    this.waits = waits
    this.lines = new Lines(
      (queueNo, typeNo, priority, afterRunAtMs, afterSeq, limit) =>
        this.#refill(queueNo, typeNo, priority, afterRunAtMs, afterSeq, limit),
      (line) => {
        const name = this.nameOf(line)
        line.isPaused = this.queues.isPaused(name.queue)
        this.roster.addLine(line, name)
      },
    )
    this.queues = new Queues(store)
    this.boot = store.counts.nextBoot()
    this.#lastEpoch = this.boot * EPOCHS_PER_BOOT
    this.#nextSeq = store.counts.lastSeq() + 1
    this.#load()
  }

  // ---- opening ----------------------------------------------------------------------------------------------

  #load(): void {
    const nowMs = this.clock.nowMs()
    for (const lease of this.store.leases.readLeases()) {
      const batch = {
        epoch: lease.epoch,
        workerNo: lease.workerNo,
        startedAtMs: lease.startedAtMs,
        entries: [] as Entry[],
        open: 0,
        dirty: false,
      }
      for (const seq of lease.seqs) {
        const row = this.store.look.findSeq(seq)
        if (row === null || row.place !== 'ready') continue
        const entry = createEntry(
          row.seq,
          row.id,
          row.queueNo,
          row.typeNo,
          row.priority,
          row.createdAtMs,
          row.runAtMs,
          row.failures,
          row.crashes,
          row.options,
          null,
        )
        batch.entries.push(entry)
        batch.open++
        // Its worker has a lease's time to come back and take it up again.
        this.leases.grant(entry, batch, null, nowMs + this.settings.leaseMs)
      }
      if (batch.open === 0) this.store.leases.deleteLease(lease.epoch)
      else if (batch.open < lease.seqs.length) {
        // The others have succeeded. When they are purged their numbers may be given again, to tasks that nobody holds.
        this.store.leases.updateLease(
          lease.epoch,
          batch.entries.map((entry) => entry.seq),
        )
      }
    }
    for (const { queueNo, typeNo } of this.store.counts.readyLines()) this.lines.of(queueNo, typeNo, false)
    this.#count()
    this.nextDueMs = this.store.time.nextDueMs() ?? Number.POSITIVE_INFINITY
    this.nextExpiryMs = this.store.time.nextExpiryMs() ?? Number.POSITIVE_INFINITY
    this.nextLapseMs = this.leases.earliestEndMs()
  }

  #count(): void {
    const leased: number[] = []
    for (const entry of this.leases.byId.values()) leased.push(entry.queueNo)
    this.counts.load(this.store, leased)
  }

  #refill(
    queueNo: number,
    typeNo: number,
    priority: number,
    afterRunAtMs: number,
    afterSeq: number,
    limit: number,
  ) {
    const rows = this.store.tasks.readLane(
      queueNo,
      typeNo,
      priority,
      afterRunAtMs,
      afterSeq,
      limit,
      WINDOW_PAYLOAD_LENGTH_MAX,
    )
    const last = rows[rows.length - 1]
    return {
      entries: rows.filter((entry) => !this.leases.byId.has(entry.id)),
      lastRunAtMs: last?.runAtMs ?? -1,
      lastSeq: last?.seq ?? -1,
      end: rows.length < limit,
    }
  }

  // ---- names ------------------------------------------------------------------------------------------------

  lineOf(queueNo: number, typeNo: number): Line {
    return this.lines.of(queueNo, typeNo)
  }

  nameOf(line: { queueNo: number; typeNo: number }): { queue: string; type: string } {
    return { queue: this.store.names.nameOf(line.queueNo), type: this.store.names.nameOf(line.typeNo) }
  }

  /** The sequence number that the next accepted task gets; `useSeq` takes it. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Never goes back, not even when the transaction is undone: a gap is harmless, a number that was used before is not. */
  useSeq(): void {
    this.#nextSeq++
  }

  newEpoch(): number {
    return ++this.#lastEpoch
  }

  /** A sink is the caller's code: what it throws ends its consumer and must not take the engine down. */
  toSink(holder: Holder, call: (sink: DeliverySink) => void): void {
    try {
      call(holder.sink)
    } catch (error) {
      this.#onSinkError(holder, error)
    }
  }

  /** @returns how many seats the worker has, which were told to leave */
  drainWorker(worker: string): number {
    const leaving = this.roster.drain(worker)
    for (const seat of leaving) this.toSink(seat, (sink) => sink.drain?.())
    return leaving.length
  }

  // ---- the world --------------------------------------------------------------------------------------------

  tell(
    live: Live,
    state: TaskState,
    attempt: number,
    news?: { progress?: Progress; lines?: readonly LogLine[] },
  ): void {
    if (!this.hub.wantsId(live.id)) return
    this.events.push({
      atMs: this.clock.nowMs(),
      id: live.id,
      type: this.store.names.nameOf(live.typeNo),
      queue: this.store.names.nameOf(live.queueNo),
      state,
      attempt,
      ...news,
    })
  }

  /** The last writes of a transaction. */
  beforeCommit(): void {
    for (const batch of this.leases.touched) {
      if (batch.open === 0) this.store.leases.deleteLease(batch.epoch)
      else if (batch.dirty) {
        batch.dirty = false
        const open = batch.entries.filter((entry) => this.leases.isOpen(entry) && entry.batch === batch)
        this.store.leases.updateLease(
          batch.epoch,
          open.map((entry) => entry.seq),
        )
      }
    }
    this.leases.touched = []
    this.counts.save(this.store)
  }

  /** Says what happened. Listeners are called from here and may call the engine again. */
  afterCommit(): void {
    this.ended = []
    this.granted = []
    this.haunted = []
    const { events, settledIds, revocations } = this
    this.events = []
    this.settledIds = []
    this.revocations = []
    for (const id of settledIds) this.waits.settled(id)
    for (const { holder, lease } of revocations) this.toSink(holder, (sink) => sink.revoke([lease]))
    if (events.length > 0) this.hub.publish(events)
  }

  /** The transaction is undone: memory follows. */
  recover(): void {
    for (const entry of this.granted) {
      if (this.leases.isOpen(entry)) this.leases.byId.delete(entry.id)
      if (entry.holder !== null) entry.holder.held--
    }
    const granted = new Set(this.granted)
    for (const entry of this.ended) {
      if (granted.has(entry)) continue
      this.leases.restore(entry)
      if (entry.holder !== null) entry.holder.held++
    }
    for (const ghost of this.haunted) this.leases.dropGhost(ghost)
    this.ended = []
    this.granted = []
    this.haunted = []
    this.events = []
    this.settledIds = []
    this.revocations = []
    this.leases.touched = []
    this.store.names.reloadNames()
    this.queues.load()
    // Numbers given to names in the undone transaction may be given to others: all lines are made anew.
    this.lines.clear()
    for (const seat of this.roster.seats) seat.lines.length = 0
    for (const { queueNo, typeNo } of this.store.counts.readyLines()) this.lines.of(queueNo, typeNo, false)
    this.#count()
    this.nextDueMs = this.store.time.nextDueMs() ?? Number.POSITIVE_INFINITY
    this.nextExpiryMs = this.store.time.nextExpiryMs() ?? Number.POSITIVE_INFINITY
    this.nextLapseMs = this.leases.earliestEndMs()
  }
}
