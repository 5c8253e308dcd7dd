/**
 * Outcomes come in and are recorded: the calls of a turn in one statement for what succeeded and one for the rest, under the epochs of their
 * leases. Also how leases end that nobody settled.
 *
 * Invariant: recorded before it is answered, and before the hint is acked; what the ledger does not take was fenced off and says so.
 */

import { isFinal } from '../../task/lifecycle.ts'
import { CLAIM_TASKS_MAX } from '../../task/limits.ts'
import type { Outcome } from '../../task/outcome.ts'
import type { TaskOptions } from '../../task/task.ts'
import { decide } from '../../task/verdict.ts'
import { budgetOf } from '../budget.ts'
import type { Settlement } from '../engine.ts'
import { type Core, runsAlone } from './core.ts'
import type { Lane } from './lane.ts'
import { numbers, texts } from './ledger/columns.ts'
import { EXPIRY_AGAIN } from './ledger/keeper-statements.ts'
import { FIND, readTask, type TaskRow } from './ledger/look-statements.ts'
import type { Session } from './ledger/session.ts'
import {
  CONCLUDE,
  type Consequence,
  concludeParameters,
  SUCCEED,
  type Success,
  succeedParameters,
} from './ledger/settle-statements.ts'
import type { MeanTimes } from './mean-times.ts'
import type { Publisher } from './publisher.ts'
import type { Held } from './seat.ts'
import { localEntry } from './window.ts'

/** What a lease is about, whoever holds it. */
export interface Attempt {
  readonly seq: number
  readonly id: string
  readonly lane: Lane
  readonly epoch: number
  readonly failures: number
  readonly crashes: number
  readonly runAtMs: number
  readonly options: TaskOptions | null
}

interface Item {
  readonly outcome: Outcome
  readonly attempt: Attempt
  readonly held: Held | null
  /** A worker said so. false: somebody saw it, and what the worker may still say is refused. */
  readonly repeatable: boolean
  readonly delayMs: number
  readonly done: (settlement: Settlement) => void
  readonly failed: (error: unknown) => void
}

const SETTLE_SLOT = 5

export class Settling {
  readonly #core: Core
  readonly #publisher: Publisher
  readonly #means: MeanTimes
  readonly #wake: () => void
  readonly #onScheduled: (atMs: number) => void
  readonly #idle: { session: Session; slot: number }[]
  #waiting: Item[] = []
  #idleWaiters: (() => void)[] = []
  #planned = false
  /** Outcomes that are not answered. */
  inFlight = 0

  constructor(
    core: Core,
    publisher: Publisher,
    means: MeanTimes,
    hooks: { wake: () => void; scheduled: (atMs: number) => void },
  ) {
    this.#core = core
    this.#publisher = publisher
    this.#means = means
    this.#wake = hooks.wake
    this.#onScheduled = hooks.scheduled
    this.#idle = core.ledger.settle.map((session, index) => ({ session, slot: SETTLE_SLOT + index }))
  }

  /** Resolves when what was asked before is answered, one way or the other. */
  get answered(): Promise<unknown> {
    return this.inFlight === 0 ? NOTHING : new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  #answered(): void {
    if (--this.inFlight > 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }

  async settle(outcomes: readonly Outcome[]): Promise<readonly Settlement[]> {
    const { leases } = this.#core
    const strangers = outcomes.filter((outcome) => leases.find(outcome) === undefined)
    const rows = strangers.length === 0 ? EMPTY : await this.#find(strangers.map(({ id }) => id))
    return Promise.all(
      outcomes.map((outcome) => {
        const held = leases.find(outcome)
        if (held !== undefined) return this.conclude(outcome, held, held, true)
        // The worker is done with what was cancelled under it: its credit is free again.
        leases.dropGhost(outcome)
        const row = rows.get(outcome.id)
        if (row?.state === 'running' && row.epoch === outcome.epoch) {
          return this.conclude(outcome, this.#attemptOf(row), null, true)
        }
        return this.#refuse(outcome, row)
      }),
    ).finally(() => this.#wake())
  }

  /** Ends a lease with an outcome, which a worker reported or somebody saw. What goes back to its queue may go `delayMs` later. */
  conclude(
    outcome: Outcome,
    attempt: Attempt,
    held: Held | null,
    repeatable: boolean,
    delayMs = 0,
  ): Promise<Settlement> {
    return new Promise((resolve, reject) => {
      this.inFlight++
      this.#waiting.push({
        outcome,
        attempt,
        held,
        repeatable,
        delayMs,
        done: (settlement) => {
          this.#answered()
          resolve(settlement)
        },
        failed: (error) => {
          this.#answered()
          reject(error)
        },
      })
      this.#plan()
    })
  }

  #attemptOf(row: TaskRow): Attempt {
    return { ...row, lane: this.#core.lanes.byNo(row.laneNo)! }
  }

  async #find(ids: readonly string[]): Promise<Map<string, TaskRow>> {
    const rows = await this.#core.ledger.look.repeat(FIND, [texts(ids)])
    const found = rows.map(readTask)
    if (found.some((row) => this.#core.lanes.byNo(row.laneNo) === undefined)) await this.#core.lanes.refresh()
    return new Map(found.map((row) => [row.id, row]))
  }

  #refuse(outcome: Outcome, row: TaskRow | undefined): Settlement {
    if (row === undefined) return { id: outcome.id, accepted: false, state: null }
    return { id: outcome.id, accepted: isFinal(row.state) && row.epoch === outcome.epoch, state: row.state }
  }

  #plan(): void {
    if (this.#planned || this.#idle.length === 0 || this.#waiting.length === 0) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      while (this.#idle.length > 0 && this.#waiting.length > 0) {
        const items = this.#waiting.slice(0, CLAIM_TASKS_MAX)
        this.#waiting = this.#waiting.slice(CLAIM_TASKS_MAX)
        const place = this.#idle.pop()!
        void this.#run(items, place.session, place.slot).finally(() => {
          this.#idle.push(place)
          this.#plan()
        })
      }
    })
  }

  async #run(items: readonly Item[], session: Session, connection: number): Promise<void> {
    try {
      // The same lease twice in one batch: the second finds what the first did.
      const first = new Map<string, Item>()
      const again: Item[] = []
      for (const item of items) {
        const key = `${item.attempt.epoch} ${item.attempt.id}`
        if (first.has(key)) again.push(item)
        else first.set(key, item)
      }
      const all = [...first.values()]
      const returned = all.filter(({ outcome }) => outcome.kind === 'returned')
      const others = all.filter(({ outcome }) => outcome.kind !== 'returned')
      if (returned.length > 0) await this.#succeed(returned, session, connection)
      if (others.length > 0) await this.#consequences(others, session, connection)
      if (again.length > 0) await this.#fencedOff(again)
    } catch (error) {
      for (const item of items) item.failed(error)
    }
  }

  async #succeed(items: readonly Item[], session: Session, connection: number): Promise<void> {
    const core = this.#core
    const nowMs = core.nowMs()
    const batch: Success[] = items.map(({ attempt: { seq, epoch }, outcome }) => ({
      seq,
      epoch,
      valueText: (outcome as Outcome & { kind: 'returned' }).valueText,
      valueRef: '',
    }))
    if (batch.some(({ valueText }) => core.values.isLarge(valueText))) {
      for (const [index, one] of batch.entries()) {
        const { text, ref } = await core.values.store('result', items[index]!.attempt.id, one.valueText)
        batch[index] = { ...one, valueText: text, valueRef: ref }
      }
    }
    const doneClaims = core.leases.takeDoneClaims()
    let rows: readonly (readonly unknown[])[]
    try {
      rows = await session.repeat(
        SUCCEED,
        succeedParameters(batch, nowMs, core.slot(connection), doneClaims, core.settings.documents),
      )
    } catch (error) {
      core.leases.doneClaims.push(...doneClaims)
      throw error
    }
    const recorded = rows.length === items.length ? null : new Set(rows.map(([seq]) => seq))
    const refused: Item[] = []
    for (const item of items) {
      if (recorded !== null && !recorded.has(item.attempt.seq)) {
        refused.push(item)
        continue
      }
      const { attempt, held } = item
      if (held !== null) this.#means.add(held, nowMs)
      this.#over(item)
      core.tell(attempt.id, attempt.lane, 'succeeded', attempt.failures + 1)
      item.done({ id: attempt.id, accepted: true, state: 'succeeded' })
    }
    this.#wake()
    if (refused.length === 0) return
    void core.values.remove(
      batch
        .filter((one, index) => one.valueRef !== '' && refused.includes(items[index]!))
        .map((one) => one.valueRef),
    )
    await this.#fencedOff(refused)
  }

  async #consequences(items: readonly Item[], session: Session, connection: number): Promise<void> {
    const core = this.#core
    const nowMs = core.nowMs()
    const batch = items.map((item) => this.#judge(item, nowMs))
    const rows = await session.repeat(
      CONCLUDE,
      concludeParameters(batch, nowMs, core.slot(connection), core.settings.documents, core.member),
    )
    const recorded = new Set(rows.map(([seq]) => seq))
    const outbox = (rows[0]?.[4] ?? null) as number | null
    const refused: Item[] = []
    const waiting = []
    const mayExpire: number[] = []
    for (const [index, item] of items.entries()) {
      const { attempt, outcome } = item
      const { state, failures, crashes, attempt: attempts, runAtMs } = batch[index]!
      if (!recorded.has(attempt.seq)) {
        refused.push(item)
        continue
      }
      this.#over(item)
      if (state === 'queued') {
        const alone = runsAlone({ failures, crashes, options: attempt.options })
        const task = { seq: attempt.seq, lane: attempt.lane, runAtMs: runAtMs || attempt.runAtMs, alone }
        waiting.push(task)
        // What is given back keeps its place before what came later, as far as this process is concerned.
        if (outcome.kind !== 'threw' && outcome.kind !== 'timedOut' && core.hasSeatFor(task.lane))
          core.windowOf(task.lane).add(localEntry(task))
        if (failures === 0 && crashes === 0 && attempt.options?.expiresAtMs !== undefined)
          mayExpire.push(attempt.seq)
      } else if (state === 'scheduled') this.#onScheduled(runAtMs)
      core.tell(attempt.id, attempt.lane, state, attempts)
      item.done({ id: outcome.id, accepted: true, state })
    }
    if (outbox !== null) void this.#publisher.publish(waiting, outbox)
    if (mayExpire.length > 0) {
      await core.ledger.look.repeat(EXPIRY_AGAIN, [numbers(mayExpire)])
      this.#onScheduled(nowMs)
    }
    this.#wake()
    if (refused.length > 0) await this.#fencedOff(refused)
  }

  #judge({ attempt, outcome, repeatable, delayMs }: Item, nowMs: number): Consequence {
    const { seq, epoch, failures, crashes } = attempt
    const verdict = decide(budgetOf(attempt), outcome, this.#core.random)
    const same = { seq, epoch, failures, crashes, attempt: failures, runAtMs: 0, errorText: '', repeatable }
    switch (verdict.kind) {
      case 'complete':
        throw new Error('bug: a success among the consequences')
      case 'fail':
        return {
          ...same,
          state: 'failed',
          crashes: outcome.kind === 'crashed' ? crashes + 1 : crashes,
          attempt: failures + 1,
          errorText: JSON.stringify(verdict.error),
        }
      case 'retry': {
        const later = verdict.delayMs > 0
        return {
          ...same,
          state: later ? 'scheduled' : 'queued',
          failures: verdict.failures,
          attempt: verdict.failures,
          runAtMs: nowMs + verdict.delayMs,
          errorText: JSON.stringify(verdict.error),
        }
      }
      case 'requeue': {
        const expiresAtMs = attempt.options?.expiresAtMs
        const unstarted = failures === 0 && verdict.crashes === 0
        if (delayMs > 0)
          return { ...same, state: 'scheduled', crashes: verdict.crashes, runAtMs: nowMs + delayMs }
        return {
          ...same,
          state: unstarted && expiresAtMs !== undefined && expiresAtMs <= nowMs ? 'expired' : 'queued',
          crashes: verdict.crashes,
          errorText: outcome.kind === 'crashed' ? JSON.stringify(outcome.error) : '',
        }
      }
    }
  }

  #over({ held, repeatable }: Item): void {
    if (held === null) return
    if (held.seat !== null && repeatable) held.seat.settled++
    this.#core.leases.end(held)
  }

  /** These wait, although they were in somebody's hands. Never rejects: the broker may take nothing now. */
  async hintAgain(tasks: readonly Attempt[]): Promise<void> {
    const waiting = tasks.map((task) => ({ ...pick(task), alone: runsAlone(task) }))
    await this.#publisher.giveAway(waiting).catch(() => this.#publisher.lost(waiting))
  }

  /** The ledger did not take it: somebody else did, or it was cancelled, or this was said before. */
  async #fencedOff(items: readonly Item[]): Promise<void> {
    const rows = await this.#find(items.map(({ attempt }) => attempt.id))
    // A claim that PostgreSQL lost in a crash: the task waits, and its hint is acked with the lease.
    await this.hintAgain(
      items.flatMap(({ held }) => (held !== null && rows.get(held.id)?.state === 'queued' ? [held] : [])),
    )
    for (const item of items) {
      const row = rows.get(item.attempt.id)
      const { held } = item
      if (held !== null && (row === undefined || row.epoch !== held.epoch || row.state !== 'running')) {
        this.#core.leases.end(held)
      }
      item.done(this.#refuse(item.outcome, row))
    }
    this.#wake()
  }
}

function pick({ seq, lane, runAtMs }: Attempt): { seq: number; lane: Lane; runAtMs: number } {
  return { seq, lane, runAtMs }
}

const NOTHING = Promise.resolve()
const EMPTY: ReadonlyMap<string, TaskRow> = new Map()
