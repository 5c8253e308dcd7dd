/**
 * Hints come in: subscribed to the lanes that this process's consumers take from, while they have free credit.
 *
 * What cannot be used is given away: hints in the hands of a process whose slots are all busy would wait while others are idle, so after
 * HOARD_MS without a claim they are published again and acked, and the lane is left until there is room. Invariant: a hint is acked only
 * when none of its tasks waits any more, or after another hint for them was confirmed.
 */

import { GATHER_MS, HOARD_MS, RECONNECT_MIN_MS } from '../../task/limits.ts'
import type { Incoming, Subscription } from './broker/broker.ts'
import type { Core } from './core.ts'
import { HINT_TYPE, readHint } from './hints.ts'
import type { Lane } from './lane.ts'
import type { Publisher } from './publisher.ts'
import { type Entry, type Parcel, resolveEntry, type Window } from './window.ts'

/** Credit that became this much smaller is worth a new subscription. */
const PREFETCH_SLACK = 4

interface Intaken {
  readonly lane: Lane
  readonly window: Window
  subscription: Subscription | null
  prefetch: number
  opening: boolean
  /** What came could not be used: nothing more until there is room. */
  hasRetreated: boolean
  /** Hints that ever came. */
  received: number
  heardAtMs: number
  readonly parcels: Set<Parcel>
  /** Something was claimed of it, or credit was free, at the last look. */
  usedAtMs: number
}

export class Intake {
  readonly #core: Core
  readonly #publisher: Publisher
  readonly #wake: () => void
  readonly #lanes = new Map<number, Intaken>()
  #timer: NodeJS.Timeout | null = null
  #retry: NodeJS.Timeout | null = null
  /** Lanes just asked for whose first hints are on their way. */
  readonly #gathering = new Set<Lane>()
  #gatherUntilMs = 0
  #retreats = 0
  #closed = false

  constructor(core: Core, publisher: Publisher, wake: () => void) {
    this.#core = core
    this.#publisher = publisher
    this.#wake = wake
  }

  /** How long nothing should be picked yet: the first hints of a lane just asked for are on their way. */
  get gatherMs(): number {
    if (this.#gathering.size === 0) return 0
    const leftMs = this.#gatherUntilMs - performance.now()
    if (leftMs <= 0) this.#gathering.clear()
    return Math.max(0, leftMs)
  }

  get subscribed(): readonly Intaken[] {
    return [...this.#lanes.values()].filter(({ subscription }) => subscription !== null)
  }

  /** Lanes that are being subscribed to, or left. */
  get underWay(): number {
    return this.#retreats + [...this.#lanes.values()].filter((one) => one.opening).length
  }

  /** When the last hint of this lane came, or it was first asked for; null: nobody here takes from it. */
  heardAtMs(lane: Lane): number | null {
    return this.#lanes.get(lane.no)?.heardAtMs ?? null
  }

  /** Something was claimed of this lane. */
  used(lane: Lane): void {
    const intaken = this.#lanes.get(lane.no)
    if (intaken !== undefined) intaken.usedAtMs = performance.now()
  }

  /** Seats or their credit have changed. */
  look(): void {
    if (this.#closed) return
    const wanted = new Map<Window, { credit: number; free: number }>()
    for (const seat of this.#core.ring.seats) {
      for (const line of seat.lines) {
        if (line.isPaused) continue
        const want = wanted.get(line) ?? { credit: 0, free: 0 }
        want.credit += seat.credit
        want.free += Math.max(0, seat.credit - seat.held)
        wanted.set(line, want)
      }
    }
    for (const window of this.#core.windows.values()) {
      const want = wanted.get(window)
      let intaken = this.#lanes.get(window.lane.no)
      if (want === undefined || want.credit === 0) {
        if (intaken !== undefined) void this.#leave(intaken)
        continue
      }
      if (intaken === undefined) {
        intaken = {
          lane: window.lane,
          window,
          subscription: null,
          prefetch: 0,
          opening: false,
          hasRetreated: false,
          received: 0,
          heardAtMs: performance.now(),
          parcels: new Set(),
          usedAtMs: performance.now(),
        }
        this.#lanes.set(window.lane.no, intaken)
      }
      if (want.free > 0) {
        intaken.usedAtMs = performance.now()
        intaken.hasRetreated = false
      }
      if (!intaken.hasRetreated) {
        const fits = want.credit <= intaken.prefetch && want.credit * PREFETCH_SLACK >= intaken.prefetch
        if (intaken.subscription === null || !fits) void this.#subscribe(intaken, want.credit)
      }
    }
    this.#arm()
  }

  async #subscribe(intaken: Intaken, prefetch: number): Promise<void> {
    if (intaken.opening) return
    intaken.opening = true
    const { lane } = intaken
    const isNew = intaken.subscription === null
    if (isNew) {
      this.#gatherFrom(lane)
      intaken.heardAtMs = performance.now()
    }
    try {
      await this.#publisher.declare(lane.amqpQueue)
      const old = intaken.subscription
      if (this.#closed) return
      intaken.prefetch = prefetch
      intaken.subscription = this.#core.broker.subscribe(lane.amqpQueue, prefetch, {
        deliver: (messages) => this.#take(intaken, messages),
        interrupted: (reason) => this.#interrupted(intaken, reason),
      })
      await old?.close()
      if (isNew) await this.#expectNothing(lane)
    } catch {
      this.#lookSoon()
    } finally {
      intaken.opening = false
    }
  }

  /** The lane could not be made just now. One timer for all lanes: each look tries them all. When the broker is down, its `up` comes. */
  #lookSoon(): void {
    if (this.#closed || !this.#core.broker.isUp) return
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.look()
    }, RECONNECT_MIN_MS).unref()
  }

  /** Of several lanes the best task goes first, so the first hints of all of them are waited for, as long as there are any. */
  #gatherFrom(lane: Lane): void {
    if (this.#lanes.size < 2) return
    this.#gathering.add(lane)
    this.#gatherUntilMs = performance.now() + GATHER_MS
  }

  /** Unless there is something. */
  async #expectNothing(lane: Lane): Promise<void> {
    if (!this.#gathering.has(lane)) return
    const look = await this.#core.broker.look(lane.amqpQueue).catch(() => null)
    if (look === null || look.ready === 0) this.#gathered(lane)
  }

  #gathered(lane: Lane): void {
    if (this.#gathering.delete(lane)) this.#wake()
  }

  #take(intaken: Intaken, messages: readonly Incoming[]): void {
    const { lane, window } = intaken
    intaken.heardAtMs = performance.now()
    intaken.received += messages.length
    this.#gathering.delete(lane)
    for (const message of messages) {
      const hint = message.contentType === HINT_TYPE ? readHint(message.body) : null
      if (hint === null || hint.seqs.length === 0) {
        this.#core.onTrouble('foreign-message-refused', `a message in ${lane.amqpQueue} is no hint`)
        message.done()
        continue
      }
      const parcel: Parcel = { message, open: hint.seqs.length, void: false, all: intaken.parcels }
      intaken.parcels.add(parcel)
      for (const seq of hint.seqs) {
        window.add({ seq, lane, priority: lane.priority, runAtMs: hint.dueMs, alone: hint.alone, parcel })
      }
    }
    this.#wake()
    this.#arm()
  }

  #interrupted(intaken: Intaken, reason: 'lost' | 'gone'): void {
    for (const parcel of intaken.parcels) parcel.void = true
    intaken.parcels.clear()
    if (reason === 'lost') return
    intaken.subscription = null
    // Deleted, or silent: whoever declares it next finds out, and sees to the hints.
    this.#publisher.doubt(intaken.lane.amqpQueue)
    this.#lookSoon()
  }

  /** Nobody takes from this lane any more. */
  async #leave(intaken: Intaken): Promise<void> {
    if (intaken.subscription !== null || intaken.window.size > 0) await this.#retreat(intaken)
  }

  #arm(): void {
    if (this.#timer !== null || this.#closed) return
    if (![...this.#lanes.values()].some(({ window }) => window.size > 0)) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      // Who has room now has only not come to it.
      this.look()
      const longAgoMs = performance.now() - HOARD_MS
      for (const intaken of this.#lanes.values()) {
        // A hint that cannot be published again is better kept: this process may have room before the broker takes any.
        if (this.#core.broker.isBlocked || !this.#core.broker.isUp) continue
        if (intaken.window.first() !== null && intaken.usedAtMs < longAgoMs) void this.#retreat(intaken)
      }
      this.#arm()
    }, HOARD_MS)
    this.#timer.unref()
  }

  /** Takes nothing more of the lane, and gives what was not claimed to others. */
  async #retreat(intaken: Intaken): Promise<void> {
    const { subscription, window } = intaken
    intaken.subscription = null
    intaken.prefetch = 0
    intaken.hasRetreated = true
    this.#retreats++
    const closing = subscription?.close().catch(() => undefined)
    const hasGone = await this.#giveAway(window.drain())
    await closing
    // What came until the broker had heard of it.
    const hasAllGone = (await this.#giveAway(window.drain())) && hasGone
    this.#retreats--
    if (hasAllGone) this.look()
    else this.#lookSoon()
  }

  async #giveAway(entries: readonly Entry[]): Promise<boolean> {
    if (entries.length === 0) return true
    try {
      await this.#publisher.giveAway(entries)
      for (const entry of entries) resolveEntry(entry)
      return true
    } catch {
      // Not confirmed: what nobody here has begun goes back as it came, the rest stays ours, to be claimed or to come again with the next
      // connection.
      for (const [parcel, own] of Map.groupBy(entries, (entry) => entry.parcel)) {
        // One of our own making is in the outbox as well.
        if (parcel.void || !parcel.all.has(parcel)) continue
        if (own.length === parcel.open) {
          parcel.all.delete(parcel)
          parcel.void = true
          parcel.message.back()
        } else for (const entry of own) this.#core.windowOf(entry.lane).add(entry)
      }
      return false
    }
  }

  /** The broker is there again. */
  brokerUp(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#retry = null
    this.look()
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#retry !== null) clearTimeout(this.#retry)
    // What was not claimed goes back with the connection.
    await Promise.all(
      [...this.#lanes.values()].map(({ subscription }) => subscription?.close().catch(() => undefined)),
    )
    this.#lanes.clear()
  }
}
