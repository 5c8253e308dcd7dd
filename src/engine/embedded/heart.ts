/**
 * The state of one open store in memory, and the moves that tasks make in it. Each move writes its rows and changes the memory
 * with them, inside a transaction that turns.ts opens and commits; what the world hears of it is kept here until after the commit.
 *
 * Invariant: when a commit fails, `recover` brings the memory back to what the file says.
 */

import type { Clock } from '../../task/clock.ts'
import type { FinalState, TaskState } from '../../task/lifecycle.ts'
import { WINDOW_PAYLOAD_LENGTH_MAX } from '../../task/limits.ts'
import type { Lease, TaskError } from '../../task/outcome.ts'
import type { Progress, TaskOptions } from '../../task/task.ts'
import type { LeaseAnswer, LogLine, TaskEvent } from '../engine.ts'
import type { EventHub } from '../event-hub.ts'
import type { Waits } from '../waits.ts'
import { Counts } from './counts.ts'
import { createEntry, type Entry, movedEntry } from './entry.ts'
import { type Line, Lines } from './lanes.ts'
import { Leases } from './leases.ts'
import { Roster, type Seat } from './roster.ts'
import type { Store } from './store.ts'

export interface HeartSettings {
  readonly leaseMs: number
  readonly reconnectGraceMs: number
  readonly retentionMs: number
  readonly failedRetentionMs: number
  /** Final tasks leave a document in the object store. */
  readonly documents: boolean
}

/** What a move needs to know of a task, whether it is in memory or was read from its rows. */
export interface Live {
  readonly seq: number
  readonly id: string
  readonly queueNo: number
  readonly typeNo: number
  readonly priority: number
  readonly createdAtMs: number
  readonly runAtMs: number
  readonly failures: number
  readonly crashes: number
  readonly options: TaskOptions | null
}

/** Who ran the attempt that a final result came from; epoch 0: none did. */
export interface Run {
  readonly epoch: number
  readonly attempt: number
  readonly startedAtMs: number | null
  readonly workerNo: number | null
}

/** Epochs are boot × this + n: greater than any of an earlier opening, and still whole numbers for 2 million openings. */
const EPOCHS_PER_BOOT = 2 ** 32

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

  /** Told to the world after the commit. */
  events: TaskEvent[] = []
  settledIds: string[] = []
  revocations: { seat: Seat; lease: Lease }[] = []
  documentsWritten = false

  /** Leases that this turn ended and granted: what a failed commit has to undo. */
  #ended: Entry[] = []
  #granted: Entry[] = []

  /** When housekeeping has to look again, by what for. */
  nextDueMs = Number.POSITIVE_INFINITY
  nextExpiryMs = Number.POSITIVE_INFINITY
  nextLapseMs = Number.POSITIVE_INFINITY

  /** Which opening of the store this is. */
  readonly boot: number
  readonly #onSinkError: (error: unknown) => void
  #nextSeq: number
  #lastEpoch: number

  constructor(
    store: Store,
    clock: Clock,
    random: () => number,
    settings: HeartSettings,
    hub: EventHub,
    waits: Waits,
    onSinkError: (error: unknown) => void,
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
      (line) => this.roster.addLine(line, this.nameOf(line)),
    )
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

  useSeq(): void {
    this.#nextSeq++
  }

  newEpoch(): number {
    return ++this.#lastEpoch
  }

  // ---- moves ------------------------------------------------------------------------------------------------

  /** A new task, whose task row is written, waits to run: at once or from `runAtMs` on. */
  place(entry: Entry, scheduled: boolean): void {
    const count = this.counts.of(entry.queueNo)
    if (scheduled) {
      this.store.tasks.insertScheduled(entry.runAtMs, entry.seq, entry.failures, entry.crashes)
      count.scheduled++
      if (entry.runAtMs < this.nextDueMs) this.nextDueMs = entry.runAtMs
    } else {
      this.store.tasks.insertReady(
        entry.queueNo,
        entry.typeNo,
        entry.priority,
        entry.runAtMs,
        entry.seq,
        entry.failures,
        entry.crashes,
      )
      count.queued++
      this.lineOf(entry.queueNo, entry.typeNo).add(entry)
    }
    this.tell(entry, scheduled ? 'scheduled' : 'queued', entry.failures)
  }

  /** A scheduled task's time has come. */
  due(live: Live): void {
    this.store.tasks.deleteScheduled(live.runAtMs, live.seq)
    this.counts.of(live.queueNo).scheduled--
    this.place(entryOf(live, live.runAtMs, live.failures, live.crashes), false)
  }

  /** A task ends, wherever it is: its live row goes, its result row stays. */
  finish(
    live: Live,
    from: 'scheduled' | 'queued' | 'running',
    state: FinalState,
    run: Run,
    valueText: string | null,
    error: TaskError | null,
  ): void {
    const nowMs = this.clock.nowMs()
    const count = this.counts.of(live.queueNo)
    count[from]--
    if (from === 'scheduled') this.store.tasks.deleteScheduled(live.runAtMs, live.seq)
    else this.store.tasks.deleteReady(live)
    if (from === 'queued') this.lineOf(live.queueNo, live.typeNo).remove(live.priority, live.seq)
    if (live.options?.expiresAtMs !== undefined)
      this.store.time.deleteExpiry(live.options.expiresAtMs, live.seq)
    this.store.tasks.insertResult(
      live.seq,
      state,
      run.epoch,
      run.attempt,
      live.crashes,
      run.startedAtMs,
      nowMs,
      run.workerNo,
      valueText,
      error === null ? null : JSON.stringify(error),
    )
    if (this.settings.documents) {
      this.store.upkeep.insertDocument(live.seq)
      this.documentsWritten = true
    }
    this.counts.add(live.queueNo, state, 1)
    if (this.waits.size > 0) this.settledIds.push(live.id)
    this.tell(live, state, run.attempt)
  }

  /** An attempt failed and another follows, at once or later: the task gets its due time as its new place. */
  retry(entry: Entry, failures: number, runAtMs: number, later: boolean): void {
    this.store.tasks.deleteReady(entry)
    this.store.tasks.setRunAt(entry.seq, runAtMs)
    this.counts.of(entry.queueNo).running--
    this.place(movedEntry(entry, runAtMs, failures, entry.crashes), later)
  }

  /** A delivery came back without using up an attempt: the task keeps its place. */
  requeue(entry: Entry, crashes: number): void {
    if (crashes !== entry.crashes) this.store.tasks.setCrashes(entry, crashes)
    const back = movedEntry(entry, entry.runAtMs, entry.failures, crashes)
    const count = this.counts.of(entry.queueNo)
    count.running--
    count.queued++
    this.lineOf(entry.queueNo, entry.typeNo).add(back)
    const expiresAtMs = entry.options?.expiresAtMs
    if (expiresAtMs !== undefined) {
      // The expiry may have come and gone while it ran; unstarted again, it expires after all.
      this.store.time.insertExpiry(expiresAtMs, entry.seq)
      if (expiresAtMs < this.nextExpiryMs) this.nextExpiryMs = expiresAtMs
    }
    this.tell(back, 'queued', back.failures)
  }

  /** A final task runs again, by hand: fresh budgets, no expiry, at the end of its lane. */
  revive(live: Live, state: FinalState, nowMs: number): void {
    this.store.tasks.deleteResult(live.seq)
    this.store.tasks.setRunAt(live.seq, nowMs)
    let options = live.options
    if (options?.expiresAtMs !== undefined) {
      const { expiresAtMs: _gone, ...rest } = options
      options = Object.keys(rest).length === 0 ? null : rest
      this.store.tasks.setOptions(live.seq, options === null ? null : JSON.stringify(options))
    }
    this.counts.add(live.queueNo, state, -1)
    this.place(entryOf({ ...live, options }, nowMs, 0, 0), false)
  }

  // ---- leases -----------------------------------------------------------------------------------------------

  /** Hands this turn's picks of a seat over under one lease. */
  lease(seat: Seat, entries: Entry[], nowMs: number): number {
    const epoch = this.newEpoch()
    const batch = {
      epoch,
      workerNo: seat.workerNo,
      startedAtMs: nowMs,
      entries,
      open: entries.length,
      dirty: false,
    }
    const untilMs = nowMs + this.settings.leaseMs
    const seqs: number[] = []
    for (const entry of entries) {
      this.leases.grant(entry, batch, seat, untilMs)
      this.#granted.push(entry)
      seqs.push(entry.seq)
      const count = this.counts.of(entry.queueNo)
      count.queued--
      count.running++
      this.tell(entry, 'running', entry.failures + 1)
    }
    this.store.leases.insertLease(epoch, seat.workerNo, nowMs, seqs)
    if (untilMs < this.nextLapseMs) this.nextLapseMs = untilMs
    return epoch
  }

  /** A lease ends. `ghost`: the handler may still run, so it keeps its seat's credit until the worker answers. */
  endLease(entry: Entry, final: boolean, ghost: boolean): void {
    this.leases.end(entry, final)
    this.#ended.push(entry)
    const seat = entry.seat
    if (seat === null) return
    if (ghost && this.roster.seats.includes(seat)) {
      const lease = { id: entry.id, epoch: entry.batch!.epoch }
      this.leases.ghosts.set(entry.id, { epoch: lease.epoch, seat })
      this.revocations.push({ seat, lease })
    } else {
      seat.held--
    }
  }

  /** Renews leases; with a consumer of this engine, they become its own. Memory only: leases are counted in time, not in rows. */
  extend(leases: readonly Lease[], consumer: string | undefined): LeaseAnswer[] {
    const untilMs = this.clock.nowMs() + this.settings.leaseMs
    const seat = consumer === undefined ? undefined : this.roster.seats.find((other) => other.id === consumer)
    return leases.map(({ id, epoch }) => {
      const entry = this.leases.byId.get(id)
      if (entry === undefined || entry.batch!.epoch !== epoch) return { id, accepted: false }
      entry.leaseUntilMs = untilMs
      if (seat !== undefined && entry.seat !== seat) {
        if (entry.seat !== null) entry.seat.held--
        entry.seat = seat
        seat.held++
      }
      return { id, accepted: true }
    })
  }

  /** A consumer takes nothing more. `lost`: its leases lapse soon, unless somebody renews them. */
  leave(seat: Seat, lost: boolean): void {
    this.roster.remove(seat)
    for (const [id, ghost] of this.leases.ghosts) if (ghost.seat === seat) this.leases.ghosts.delete(id)
    if (!lost) return
    const untilMs = this.clock.nowMs() + this.settings.reconnectGraceMs
    for (const entry of this.leases.byId.values()) {
      if (entry.seat === seat && entry.leaseUntilMs > untilMs) entry.leaseUntilMs = untilMs
    }
    if (untilMs < this.nextLapseMs) this.nextLapseMs = untilMs
  }

  /** Listeners and sinks are the caller's code: what they throw must not take the engine down. */
  toSink(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#onSinkError(error)
    }
  }

  runOf(entry: Entry): Run {
    const batch = entry.batch!
    return {
      epoch: batch.epoch,
      attempt: entry.failures + 1,
      startedAtMs: entry.startedAtMs,
      workerNo: entry.seat?.workerNo ?? batch.workerNo,
    }
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
    this.#ended = []
    this.#granted = []
    const { events, settledIds, revocations } = this
    this.events = []
    this.settledIds = []
    this.revocations = []
    for (const id of settledIds) this.waits.settled(id)
    for (const { seat, lease } of revocations) this.toSink(() => seat.sink.revoke([lease]))
    if (events.length > 0) this.hub.publish(events)
  }

  /** The transaction is undone: memory follows. */
  recover(): void {
    for (const entry of this.#granted) {
      if (this.leases.isOpen(entry)) this.leases.byId.delete(entry.id)
      if (entry.seat !== null) entry.seat.held--
    }
    const granted = new Set(this.#granted)
    for (const entry of this.#ended) {
      if (granted.has(entry)) continue
      this.leases.restore(entry)
      const ghost = this.leases.ghosts.get(entry.id)
      if (ghost !== undefined && ghost.epoch === entry.batch!.epoch) this.leases.ghosts.delete(entry.id)
      else if (entry.seat !== null) entry.seat.held++
    }
    this.#ended = []
    this.#granted = []
    this.events = []
    this.settledIds = []
    this.revocations = []
    this.leases.touched = []
    this.store.names.reloadNames()
    // Numbers given to names in the undone transaction may be given to others: all lines are made anew.
    this.lines.clear()
    for (const seat of this.roster.seats) seat.lines.length = 0
    for (const { queueNo, typeNo } of this.store.counts.readyLines()) this.lines.of(queueNo, typeNo, false)
    this.#nextSeq = this.store.counts.lastSeq() + 1
    this.#count()
    this.nextDueMs = this.store.time.nextDueMs() ?? Number.POSITIVE_INFINITY
    this.nextExpiryMs = this.store.time.nextExpiryMs() ?? Number.POSITIVE_INFINITY
    this.nextLapseMs = this.leases.earliestEndMs()
  }
}

function entryOf(live: Live, runAtMs: number, failures: number, crashes: number): Entry {
  return createEntry(
    live.seq,
    live.id,
    live.queueNo,
    live.typeNo,
    live.priority,
    live.createdAtMs,
    runAtMs,
    failures,
    crashes,
    live.options,
    null,
  )
}
