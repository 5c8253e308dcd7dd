/**
 * What the parts of one cluster engine share: who it is, what it knows of lanes, seats and leases, and how it tells the world.
 *
 * Invariant: nothing here is the truth. Whatever a part does, it does in the ledger first, and changes this after the answer.
 */

import type { Clock } from '../../task/clock.ts'
import { isFinal, type TaskState } from '../../task/lifecycle.ts'
import { FAILED_RETENTION_MS, LEASE_MS, RECONNECT_GRACE_MS, RETENTION_MS } from '../../task/limits.ts'
import type { Lease } from '../../task/outcome.ts'
import type { Progress, TaskOptions } from '../../task/task.ts'
import { mustRunAlone } from '../budget.ts'
import type { ConsumerReport, DeliverySink, LogLine, TaskEvent, Watch, WatchQuery } from '../engine.ts'
import type { EventHub } from '../event-hub.ts'
import { QueueBook } from '../queue-book.ts'
import { SeatRing } from '../seat-ring.ts'
import type { Waits } from '../waits.ts'
import type { Broker } from './broker/broker.ts'
import type { Lane, Lanes } from './lane.ts'
import { Leases } from './leases.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { News } from './news.ts'
import type { ClusterOptions, Trouble } from './options.ts'
import type { Seat } from './seat.ts'
import type { Values } from './values.ts'
import { type Entry, Window } from './window.ts'

/** Another open engine of the cluster, as it last said. */
export interface OtherMember {
  /** Where it hears what is told to it alone; null while it has no broker. */
  readonly address: string | null
  readonly consumers: readonly ConsumerReport[]
}

export interface CoreSettings {
  readonly leaseMs: number
  readonly reconnectGraceMs: number
  readonly retentionMs: number
  readonly failedRetentionMs: number
  /** Final tasks leave a document in the object store. */
  readonly documents: boolean
}

export function settingsOf(options: ClusterOptions): CoreSettings {
  return {
    leaseMs: options.leaseMs ?? LEASE_MS,
    reconnectGraceMs: options.reconnectGraceMs ?? RECONNECT_GRACE_MS,
    retentionMs: options.retentionMs ?? RETENTION_MS,
    failedRetentionMs: options.failedRetentionMs ?? FAILED_RETENTION_MS,
    documents: options.objects !== undefined && options.documents !== false,
  }
}

/** Connections of one member that count at the same time, each in rows of its own: `slot(member, connection)`. */
const SLOTS_PER_MEMBER = 16

export interface CoreParts {
  readonly clock: Clock
  readonly random: () => number
  readonly settings: CoreSettings
  readonly ledger: Ledger
  readonly hub: EventHub
  readonly waits: Waits
  readonly values: Values
  readonly onTrouble: (trouble: Trouble, error: unknown) => void
}

export class Core {
  readonly clock: Clock
  readonly random: () => number
  readonly settings: CoreSettings
  readonly ledger: Ledger
  readonly hub: EventHub
  readonly waits: Waits
  readonly values: Values
  readonly onTrouble: CoreParts['onTrouble']
  readonly ring = new SeatRing<Entry, Window, Seat>((entry) => entry.alone)
  readonly windows = new Map<number, Window>()
  readonly leases = new Leases()
  readonly queues = new QueueBook()
  lanes!: Lanes
  broker!: Broker
  news!: News
  /** This engine's number among all that were ever opened on the ledger. */
  member = 0
  closing = false
  /** Leases that nobody renewed, since this opening. */
  lapses = 0
  /** A task of this process is final: its document may be written. */
  onFinal: () => void = () => undefined
  /** What they say of themselves. */
  #others: readonly OtherMember[] = []
  /** Their consumers. Read with every publish, so put together when the others speak, and not then. */
  otherConsumers: readonly ConsumerReport[] = []
  #events: TaskEvent[] = []
  #settled: string[] = []
  #telling = false
  #lastSeat = 0

  /** How many other members say that they live. */
  get otherMembers(): number {
    return this.others.length
  }

  get others(): readonly OtherMember[] {
    return this.#others
  }

  set others(others: readonly OtherMember[]) {
    this.#others = others
    this.otherConsumers = others.flatMap(({ consumers }) => consumers)
  }

  constructor(parts: CoreParts) {
    this.clock = parts.clock
    this.random = parts.random
    this.settings = parts.settings
    this.ledger = parts.ledger
    this.hub = parts.hub
    this.waits = parts.waits
    this.values = parts.values
    this.onTrouble = parts.onTrouble
  }

  nowMs(): number {
    return this.clock.nowMs()
  }

  newSeatNo(): number {
    return ++this.#lastSeat
  }

  /** Whose rows of counts a connection changes. */
  slot(connection: number): number {
    return this.member * SLOTS_PER_MEMBER + connection
  }

  windowOf(lane: Lane): Window {
    let window = this.windows.get(lane.no)
    if (window === undefined) {
      window = new Window(lane)
      window.isPaused = this.queues.isPaused(lane.queue)
      this.windows.set(lane.no, window)
    }
    return window
  }

  /** Somebody here takes from this lane now. */
  hasSeatFor(lane: Lane): boolean {
    const window = this.windows.get(lane.no)
    return (
      window !== undefined && !window.isPaused && this.ring.seats.some((seat) => seat.lines.includes(window))
    )
  }

  /** A state that the ledger has recorded, or news of a running attempt. Leaves with the others of this turn. */
  tell(
    id: string,
    lane: Lane,
    state: TaskState,
    attempt: number,
    news?: { progress?: Progress; lines?: readonly LogLine[] },
  ): void {
    if (isFinal(state)) {
      this.#settled.push(id)
      this.onFinal()
    }
    const wantedElsewhere = this.news.isWanted
    if (wantedElsewhere || this.hub.wantsId(id)) {
      const { type, queue } = lane
      this.#events.push({ atMs: this.nowMs(), id, type, queue, state, attempt, ...news })
    }
    if (this.#telling) return
    this.#telling = true
    queueMicrotask(() => {
      this.#telling = false
      this.#publish()
    })
  }

  #publish(): void {
    const events = this.#events
    const settled = this.#settled
    this.#events = []
    this.#settled = []
    for (const id of settled) this.waits.settled(id)
    if (events.length === 0) return
    if (this.news.isWanted) this.news.sendEvents(events)
    this.hub.publish(events)
  }

  revoke(seat: Seat | null, leases: readonly Lease[]): void {
    if (seat === null || seat.gone || leases.length === 0) return
    this.toSink(seat, (sink) => sink.revoke(leases.map(({ id, epoch }) => ({ id, epoch }))))
  }

  /** A sink is the caller's code: what it throws ends its consumer and must not take the engine down. */
  toSink(seat: Seat, call: (sink: DeliverySink) => void): void {
    try {
      call(seat.sink)
    } catch (error) {
      this.dismiss(seat, true)
      seat.end({ reason: 'failed', error })
      this.onTrouble('sink-failed', error)
    }
  }

  /** Nobody here takes anything any more. */
  dismissAll(): void {
    for (const seat of [...this.ring.seats]) {
      this.dismiss(seat, false)
      seat.end({ reason: 'closed' })
    }
  }

  /** Resolves when the others have heard that their events are wanted. */
  async watch(query: WatchQuery, listener: (events: readonly TaskEvent[]) => void): Promise<Watch> {
    const watch = this.hub.watch(query, listener)
    await this.news.want()
    return watch
  }

  /** @returns how many seats the worker has in the cluster, which were told to leave */
  drainWorker(worker: string): number {
    this.news.sendDrain(worker)
    return this.drainHere(worker) + this.otherConsumers.filter((one) => one.worker.id === worker).length
  }

  drainHere(worker: string): number {
    const leaving = this.ring.drain(worker)
    for (const seat of leaving) this.toSink(seat, (sink) => sink.drain?.())
    return leaving.length
  }

  /** A consumer takes nothing more. `lost`: its leases lapse soon, unless somebody renews them. */
  dismiss(seat: Seat, lost: boolean): void {
    this.ring.remove(seat)
    seat.left = true
    if (!lost || this.closing) return
    seat.gone = true
    const untilMs = this.nowMs() + this.settings.reconnectGraceMs
    for (const held of this.leases.byId.values()) {
      if (held.seat === seat && held.untilMs > untilMs) held.untilMs = untilMs
    }
  }
}

export function runsAlone(task: { failures: number; crashes: number; options: TaskOptions | null }): boolean {
  return mustRunAlone(task)
}

/** Of an `options` column that is only read where there were crashes. */
export function runsAloneAsRow(crashes: number, optionsText: string | null): boolean {
  if (crashes === 0) return false
  const options = optionsText === null ? null : (JSON.parse(optionsText) as TaskOptions)
  return mustRunAlone({ failures: 0, crashes, options })
}
