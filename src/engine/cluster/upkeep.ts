/**
 * The keeper's slow work: what is too old goes, a small step at a time, and lanes whose hints were lost get new ones.
 *
 * Hints are lost when RabbitMQ loses them (a queue deleted, a broker wiped): then the ledger says that tasks wait in a lane while its queue is
 * empty, in two looks. Making too many hints is harmless, making none is the worst bug of this field.
 */

import {
  KEEPER_LOOK_MS,
  PURGE_FULL_MS,
  PURGE_PAUSE_MS,
  PURGE_ROWS_MAX,
  RECONCILE_MS,
  RECONCILE_REST_MS,
  RECONCILE_ROWS_MAX,
} from '../../task/limits.ts'
import { BrokerFailure } from './broker/broker.ts'
import { type Core, runsAloneAsRow } from './core.ts'
import { numbers } from './ledger/columns.ts'
import { PURGE, PURGE_DEDUPE, WAITING_IN } from './ledger/keeper-statements.ts'
import { LANE_COUNTS } from './ledger/look-statements.ts'
import { Orphans } from './orphans.ts'
import type { Publisher } from './publisher.ts'
import { RefillRequests } from './refill-requests.ts'
import { laneOf } from './steering.ts'

export class Upkeep {
  readonly #core: Core
  readonly #publisher: Publisher
  readonly #asking: () => void
  readonly #orphans: Orphans
  readonly #requests: RefillRequests
  #afterSeq = 0
  #fullUntilEnd = false
  #nextPurgeMs = 0
  #nextFullMs: number
  #nextLookMs = 0
  /** Lanes that looked as if their hints were lost, and since when they have been refilled. */
  readonly #suspects = new Set<number>()
  readonly #refilledAtMs = new Map<number, number>()
  readonly #asked = new Set<number>()
  /** To be refilled with what has waited since before this time. */
  readonly #suspected = new Map<number, number>()
  isRefilling = false

  /** @param asking told when a round has something to do */
  constructor(core: Core, publisher: Publisher, asking: () => void) {
    this.#core = core
    this.#publisher = publisher
    this.#asking = asking
    this.#orphans = new Orphans(core)
    this.#requests = new RefillRequests(core)
    this.#nextFullMs = core.nowMs() + PURGE_FULL_MS
  }

  /** Found here: the hints of this lane are lost. Whoever is the keeper makes them anew. */
  missing(queue: string): void {
    const lane = this.#core.lanes.inQueue(queue)
    if (lane === undefined) return
    this.#ask(lane.no)
    this.#requests.ask(lane.no)
  }

  /** Another process found it. */
  heardRefill(laneNo: number, request: string): void {
    if (this.#requests.hear(request)) this.#ask(laneNo)
  }

  /** With each sign of life. */
  repeatRequests(): void {
    this.#requests.repeat()
  }

  #ask(laneNo: number): void {
    this.#asked.add(laneNo)
    this.#asking()
  }

  /** @returns when there is something to do again */
  async round(nowMs: number): Promise<number> {
    while (nowMs >= this.#nextPurgeMs) await this.#purge(nowMs)
    void this.#refillAsked()
    if (performance.now() >= this.#nextLookMs) {
      this.#nextLookMs = performance.now() + RECONCILE_MS
      await this.#reconcile(nowMs)
    }
    return Math.min(this.#nextPurgeMs, this.#orphans.round(nowMs))
  }

  async #purge(nowMs: number): Promise<void> {
    const { ledger, settings, values } = this.#core
    if (nowMs >= this.#nextFullMs) {
      this.#fullUntilEnd = true
      this.#nextFullMs = nowMs + PURGE_FULL_MS
    }
    await ledger.office.repeat(PURGE_DEDUPE, [nowMs, PURGE_ROWS_MAX])
    const own = [...this.#core.lanes.all]
      .map(({ no, queue }) => ({ no, kept: this.#core.queues.retention(queue, settings) }))
      .filter(({ kept }) => kept !== settings)
    const rows = await ledger.office.repeat(PURGE, [
      this.#afterSeq,
      PURGE_ROWS_MAX,
      nowMs - settings.retentionMs,
      nowMs - settings.failedRetentionMs,
      numbers(own.map(({ no }) => no)),
      numbers(own.map(({ kept }) => nowMs - kept.retentionMs)),
      numbers(own.map(({ kept }) => nowMs - kept.failedRetentionMs)),
    ])
    const [lastSeq, looked] = rows[0] as readonly [number | null, number]
    const deleted = rows.filter(([, , id]) => id !== null)
    for (const [, , id] of deleted) this.#core.waits.settled(id as string)
    const refs = deleted.flatMap(([, , , data, result]) => [data, result]).filter((ref) => ref !== null)
    void values.remove(refs as string[])
    if (looked < PURGE_ROWS_MAX || (deleted.length === 0 && !this.#fullUntilEnd)) {
      this.#afterSeq = 0
      this.#fullUntilEnd = false
      this.#nextPurgeMs = nowMs + PURGE_PAUSE_MS
      return
    }
    this.#afterSeq = lastSeq!
  }

  async #reconcile(nowMs: number): Promise<void> {
    const { ledger, broker, windows } = this.#core
    if (!broker.isUp || broker.isBlocked) return
    const suspects = new Set(this.#suspects)
    this.#suspects.clear()
    for (const [laneNo, queued] of await ledger.office.repeat<[number, number]>(LANE_COUNTS, [])) {
      if (queued <= 0 || windows.get(laneNo)?.first() != null) continue
      const lane = await laneOf(this.#core, laneNo)
      const look = await broker.look(lane.amqpQueue).catch(() => undefined)
      if (look === undefined || (look !== null && look.ready > 0)) continue
      if (look !== null && !suspects.has(laneNo)) {
        this.#suspects.add(laneNo)
        continue
      }
      const restUntilMs = (this.#refilledAtMs.get(laneNo) ?? Number.NEGATIVE_INFINITY) + RECONCILE_REST_MS
      // What came in the last moment is on its way by itself.
      if (performance.now() >= restUntilMs) this.#suspected.set(laneNo, nowMs - KEEPER_LOOK_MS)
    }
    void this.#refillAsked()
  }

  /** Beside the round: a lane that takes no hints must not hold up what concerns everybody. */
  async #refillAsked(): Promise<void> {
    if (this.isRefilling || this.#core.broker.isBlocked) return
    this.isRefilling = true
    try {
      for (const laneNo of this.#asked) {
        this.#asked.delete(laneNo)
        await this.#refill(laneNo, Number.MAX_SAFE_INTEGER).catch((error) => {
          // With the next round.
          this.#asked.add(laneNo)
          throw error
        })
      }
      for (const [laneNo, before] of this.#suspected) {
        await this.#refill(laneNo, before)
        this.#suspected.delete(laneNo)
      }
    } catch (error) {
      const isExpected = error instanceof BrokerFailure || this.#core.closing
      if (!isExpected) this.#core.onTrouble('keeper-failed', error)
    } finally {
      this.isRefilling = false
    }
  }

  async #refill(laneNo: number, before: number): Promise<void> {
    const core = this.#core
    const lane = await laneOf(core, laneNo)
    // Before it is declared: it may be gone.
    this.#publisher.forget(lane.amqpQueue)
    let count = 0
    for (let after = 0; !core.closing; ) {
      const rows = await core.ledger.office.repeat(WAITING_IN, [laneNo, after, RECONCILE_ROWS_MAX, before])
      if (rows.length === 0) break
      after = rows[rows.length - 1]![0] as number
      count += rows.length
      await this.#publisher.giveAway(
        rows.map(([seq, runAtMs, crashes, options]) => ({
          seq: seq as number,
          lane,
          runAtMs: runAtMs as number,
          alone: runsAloneAsRow(crashes as number, options as string | null),
        })),
      )
    }
    this.#refilledAtMs.set(laneNo, performance.now())
    if (count > 0)
      core.onTrouble('lane-refilled', `${count} tasks of ${lane.amqpQueue} had no hint in RabbitMQ`)
  }
}
