/**
 * Ready tasks meet free credit: picks for all seats in turn, one claim for all picks, then each seat hears of its own in one batch.
 *
 * One claim is under way at a time, what is picked meanwhile goes with the next. Invariant: a task is handed over after the ledger has
 * given it to this member, and never otherwise.
 */

import {
  ATTEMPTS_DEFAULT,
  CLAIM_TASKS_MAX,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  TURN_PAYLOAD_LENGTH_MAX,
} from '../../task/limits.ts'
import type { TaskOptions } from '../../task/task.ts'
import type { Delivery } from '../engine.ts'
import { type Core, runsAlone } from './core.ts'
import type { Intake } from './intake.ts'
import { CLAIM, type Claimed, claimParameters, readClaimed } from './ledger/claim-statement.ts'
import type { Held, Seat } from './seat.ts'
import { type Entry, resolveEntry } from './window.ts'

const CLAIM_SLOT = 4

interface Pick {
  readonly seq: number
  readonly workerNo: number
  readonly entry: Entry
  readonly seat: Seat
}

export class Dispatch {
  readonly #core: Core
  readonly #intake: Intake
  /** Deliveries that nobody can take after all: back to the queue, with nothing used up. */
  readonly #release: (held: readonly Held[]) => void
  /** Its large value cannot be had. */
  readonly #onUnreadable: (held: Held, error: unknown) => void
  /** The claim's answer was lost: the ledger may know more than this process. */
  readonly #onLostClaim: () => void
  readonly #onGranted: (untilMs: number) => void
  #planned = false
  #claiming = false
  #claimed: Promise<void> = Promise.resolve()
  #stopped = false
  #gather: NodeJS.Timeout | null = null
  /** After claims that failed in a row: a database that refuses them is not asked in a tight loop. */
  #rest: NodeJS.Timeout | null = null
  #failures = 0
  /** Picked and not handed over. */
  inFlight = 0

  constructor(
    core: Core,
    intake: Intake,
    hooks: {
      release: (held: readonly Held[]) => void
      unreadable: (held: Held, error: unknown) => void
      lostClaim: () => void
      granted: (untilMs: number) => void
    },
  ) {
    this.#core = core
    this.#intake = intake
    this.#release = hooks.release
    this.#onUnreadable = hooks.unreadable
    this.#onLostClaim = hooks.lostClaim
    this.#onGranted = hooks.granted
  }

  get isBusy(): boolean {
    return this.#planned || this.#claiming || this.inFlight > 0 || this.#gather !== null
  }

  /** Credit, or what is ready, has changed. */
  wake(): void {
    if (this.#planned || this.#claiming || this.#stopped || this.#rest !== null) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      this.#turn()
    })
  }

  /** Resolves when the claim under way is over. */
  still(): Promise<void> {
    return this.#claimed
  }

  stop(): void {
    this.#stopped = true
    if (this.#gather !== null) clearTimeout(this.#gather)
    if (this.#rest !== null) clearTimeout(this.#rest)
    this.#gather = null
  }

  #turn(): void {
    if (this.#claiming || this.#stopped) return
    const gatherMs = this.#intake.gatherMs
    if (gatherMs > 0) {
      this.#gather ??= setTimeout(() => {
        this.#gather = null
        this.wake()
      }, gatherMs)
      return
    }
    if (this.#gather !== null) clearTimeout(this.#gather)
    this.#gather = null
    const picks = this.#pick()
    if (picks.length > 0) this.#claimed = this.#claim(picks)
  }

  #pick(): Pick[] {
    const picks: Pick[] = []
    const { ring } = this.#core
    ring.serve((seat) => {
      if (picks.length >= CLAIM_TASKS_MAX) return false
      const best = ring.bestFor(seat)
      if (best === null) return false
      best.line.take(best.entry)
      seat.held++
      seat.alone = best.entry.alone
      picks.push({ seq: best.entry.seq, workerNo: seat.workerNo, entry: best.entry, seat })
      return true
    })
    return picks
  }

  async #claim(picks: readonly Pick[]): Promise<void> {
    const core = this.#core
    this.#claiming = true
    this.inFlight += picks.length
    const nowMs = core.nowMs()
    // A task can be named by two hints.
    const bySeq = new Map<number, Pick>()
    const again: Pick[] = []
    for (const pick of picks) {
      if (bySeq.has(pick.seq)) again.push(pick)
      else bySeq.set(pick.seq, pick)
    }
    for (const pick of again) this.#drop(pick)
    const doneClaims = core.leases.takeDoneClaims()
    for (const lane of new Set(picks.map(({ entry }) => entry.lane))) this.#intake.used(lane)
    try {
      const rows = await core.ledger.claim.once(
        CLAIM,
        claimParameters([...bySeq.values()], nowMs, doneClaims, core.slot(CLAIM_SLOT), core.member),
      )
      this.#failures = 0
      const { claimed, claim } = readClaimed(rows)
      this.#grant(claimed, claim, bySeq, nowMs)
    } catch (error) {
      core.leases.doneClaims.push(...doneClaims)
      for (const pick of bySeq.values()) {
        pick.seat.held--
        // Whether it was claimed is not known: if it was, the next claim does not get it, and `lostClaim` finds it.
        if (!pick.entry.parcel.void) core.windowOf(pick.entry.lane).add(pick.entry)
      }
      this.inFlight -= bySeq.size
      core.onTrouble('database-lost', error)
      this.#pause()
      this.#onLostClaim()
    } finally {
      this.#claiming = false
      this.wake()
    }
  }

  #pause(): void {
    if (this.#stopped) return
    const pauseMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failures++, 20))
    this.#rest = setTimeout(() => {
      this.#rest = null
      this.wake()
    }, pauseMs)
  }

  #drop(pick: Pick): void {
    pick.seat.held--
    this.inFlight--
    resolveEntry(pick.entry)
  }

  #grant(
    claimed: readonly Claimed[],
    claimSeq: number | null,
    bySeq: Map<number, Pick>,
    nowMs: number,
  ): void {
    const core = this.#core
    const untilMs = nowMs + core.settings.leaseMs
    const claim = claimSeq === null ? null : core.leases.newClaim(claimSeq, claimed.length)
    const perSeat = new Map<Seat, { held: Held; row: Claimed }[]>()
    // In the order of the picks: the ledger answers in its own.
    const rows = new Map(claimed.map((row) => [row.seq, row]))
    for (const pick of bySeq.values()) {
      const row = rows.get(pick.seq)
      if (row === undefined) {
        this.#drop(pick)
        continue
      }
      const { entry, seat } = pick
      const held: Held = {
        seq: row.seq,
        id: row.id,
        lane: entry.lane,
        epoch: row.epoch,
        failures: row.failures,
        crashes: row.crashes,
        runAtMs: row.runAtMs,
        options: row.optionsText === null ? null : (JSON.parse(row.optionsText) as TaskOptions),
        startedAtMs: nowMs,
        depth: seat.held,
        entry,
        claim,
        seat,
        workerNo: seat.workerNo,
        untilMs,
        progress: null,
        ghost: false,
      }
      core.leases.grant(held)
      core.tell(row.id, entry.lane, 'running', row.failures + 1)
      const list = perSeat.get(seat)
      if (list === undefined) perSeat.set(seat, [{ held, row }])
      else list.push({ held, row })
    }
    this.#onGranted(untilMs)
    for (const [seat, list] of perSeat) {
      const large = list.filter(({ row }) => row.dataRef !== null)
      for (const one of large) void this.#handOverLarge(seat, one)
      if (large.length < list.length) {
        this.#handOver(seat, large.length === 0 ? list : list.filter(({ row }) => row.dataRef === null))
      }
    }
  }

  /** A value that is in the object store is fetched first; nobody else waits for it, and until then nobody renews its lease. */
  async #handOverLarge(seat: Seat, { held, row }: { held: Held; row: Claimed }): Promise<void> {
    const { values, onTrouble, settings } = this.#core
    held.untilMs = Number.POSITIVE_INFINITY
    try {
      const dataText = (await values.load(row.dataText, row.dataRef))!
      held.untilMs = this.#core.nowMs() + settings.leaseMs
      this.#onGranted(held.untilMs)
      this.#handOver(seat, [{ held, row: { ...row, dataText } }])
    } catch (error) {
      this.inFlight--
      onTrouble('object-failed', error)
      this.#onUnreadable(held, error)
    }
  }

  #handOver(seat: Seat, list: readonly { held: Held; row: Claimed }[]): void {
    const core = this.#core
    this.inFlight -= list.length
    if (seat.left) {
      this.#release(list.map(({ held }) => held))
      return
    }
    // Its hint did not say that this one must run alone.
    const misplaced = list.filter(({ held }) => !held.entry!.alone && seat.held > 1 && runsAlone(held))
    if (misplaced.length > 0) this.#release(misplaced.map(({ held }) => held))
    const deliveries: Delivery[] = []
    let length = 0
    const send = () => {
      const batch = deliveries.splice(0)
      length = 0
      if (batch.length === 0) return
      seat.delivered += batch.length
      core.toSink(seat, (sink) => sink.deliver(batch))
    }
    for (const { held, row } of list) {
      // Cancelled before it was handed over.
      if (misplaced.some((one) => one.held === held) || core.leases.find(held) === undefined) continue
      deliveries.push(deliveryOf(held, row, core.settings.leaseMs))
      length += row.dataText.length
      if (length > TURN_PAYLOAD_LENGTH_MAX) send()
    }
    send()
  }
}

function deliveryOf(held: Held, { dataText, createdAtMs }: Claimed, leaseMs: number): Delivery {
  const { options, lane } = held
  return {
    id: held.id,
    type: lane.type,
    queue: lane.queue,
    priority: lane.priority,
    dataText,
    metadata: options?.metadata ?? null,
    key: options?.key ?? null,
    attempt: held.failures + 1,
    maxAttempts: options?.maxAttempts ?? ATTEMPTS_DEFAULT,
    timeoutMs: options?.timeoutMs ?? null,
    epoch: held.epoch,
    leaseMs,
    createdAtMs,
    dueAtMs: held.runAtMs,
    again: held.failures + held.crashes > 0,
  }
}
