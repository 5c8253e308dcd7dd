/**
 * One member at a time does what concerns everybody: moves what is due, expires, takes work back from members that are gone, makes
 * lost hints anew, purges. It is the one that holds an advisory lock of the database; when it dies, the lock is free and another goes on.
 *
 * Sleeps until the next due time; looks by itself every KEEPER_LOOK_MS, for hints of new work can be lost.
 */

import type { Timer } from '../../task/clock.ts'
import {
  KEEPER_FULL_MS,
  KEEPER_LATE_MS,
  KEEPER_LOOK_MS,
  KEEPER_ROWS_MAX,
  LEASE_BEATS,
  MEMBER_BEAT_MS,
} from '../../task/limits.ts'
import type { TaskOptions } from '../../task/task.ts'
import { workerLost } from '../worker-lost.ts'
import { type Core, runsAloneAsRow } from './core.ts'
import type { Waiting } from './hints.ts'
import {
  EXPIRE,
  FOLD_COUNTS,
  FORGET_CLAIMS,
  FORGET_MEMBER,
  GONE,
  HELD_BY,
  MOVE_DUE,
  NEXT_DUE,
  NEXT_EXPIRY,
  TAKE_OUTBOX,
} from './ledger/keeper-statements.ts'
import { LOCK_SPACE } from './ledger/migrate.ts'
import type { Publisher } from './publisher.ts'
import type { Settling } from './settling.ts'
import { laneOf } from './steering.ts'
import type { Upkeep } from './upkeep.ts'

const KEEPER_LOCK = 2
const KEEPER_SLOT = 10

const TAKE_OFFICE = {
  name: 'take-office',
  text: `select pg_try_advisory_lock(${LOCK_SPACE}, ${KEEPER_LOCK})`,
}

export class Keeper {
  readonly #core: Core
  readonly #publisher: Publisher
  readonly #settling: Settling
  readonly #upkeep: Upkeep
  readonly #onRound: () => void
  /** On which connection the lock is: a new connection has none. */
  #inOffice = false
  #sinceMs = 0
  #nextMs = Number.POSITIVE_INFINITY
  #timer: Timer | null = null
  readonly #look: NodeJS.Timeout
  #running: Promise<void> | null = null
  #again = false
  #closed = false
  #movedMs = 0
  #nextFullMs = 0

  /** @param onRound told after each look of the one in office: others have work of their own for him */
  constructor(core: Core, publisher: Publisher, settling: Settling, upkeep: Upkeep, onRound: () => void) {
    this.#core = core
    this.#publisher = publisher
    this.#settling = settling
    this.#upkeep = upkeep
    this.#onRound = onRound
    this.#look = setInterval(() => this.kick(), KEEPER_LOOK_MS)
    this.#look.unref()
  }

  /** As far as this process knows: a lock that was lost unseen makes two of them for a moment. */
  get isInOffice(): boolean {
    return this.#inOffice
  }

  get isBusy(): boolean {
    return this.#running !== null
  }

  /** The connection that held the lock is gone. */
  lostOffice(): void {
    this.#inOffice = false
  }

  /** Something falls due at this time. */
  due(atMs: number): void {
    if (atMs >= this.#nextMs) return
    this.#nextMs = atMs
    this.#arm()
  }

  /** Looks at everything now. */
  kick(): void {
    if (this.#closed) return
    if (this.#running !== null) {
      this.#again = true
      return
    }
    this.#running = this.#round()
      .catch((error) => this.#core.onTrouble('keeper-failed', error))
      .finally(() => {
        this.#running = null
        if (this.#again) {
          this.#again = false
          this.kick()
        }
      })
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#closed || this.#nextMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#core.clock.at(this.#nextMs, () => {
      this.#timer = null
      this.kick()
    })
  }

  async #round(): Promise<void> {
    const core = this.#core
    if (!this.#inOffice) {
      const [row] = await core.ledger.office.repeat(TAKE_OFFICE, [])
      if (row![0] !== true || this.#closed) return
      this.#inOffice = true
      this.#sinceMs = core.nowMs()
      this.#movedMs = 0
    }
    this.#onRound()
    const nowMs = core.nowMs()
    await this.#expire(nowMs)
    await this.#moveDue(nowMs)
    const sweepMs = await this.#sweep(nowMs)
    const upkeepMs = await this.#upkeep.round(nowMs)
    const [due] = await core.ledger.office.repeat(NEXT_DUE, [this.#movedMs])
    const [expiry] = await core.ledger.office.repeat(NEXT_EXPIRY, [])
    this.#nextMs = Math.min(
      (due?.[0] ?? Number.POSITIVE_INFINITY) as number,
      (expiry?.[0] ?? Number.POSITIVE_INFINITY) as number,
      sweepMs,
      upkeepMs,
    )
    this.#arm()
  }

  async #expire(nowMs: number): Promise<void> {
    const core = this.#core
    for (;;) {
      const rows = await core.ledger.office.repeat(EXPIRE, [
        nowMs,
        KEEPER_ROWS_MAX,
        core.slot(KEEPER_SLOT),
        core.settings.documents ? 'true' : 'false',
      ])
      for (const [id, laneNo, attempt] of rows) {
        if (id === null) continue
        core.tell(id as string, await laneOf(core, laneNo as number), 'expired', attempt as number)
      }
      if ((rows[0]?.[3] as number) < KEEPER_ROWS_MAX || this.#closed) return
    }
  }

  async #moveDue(nowMs: number): Promise<void> {
    const core = this.#core
    // A transaction may commit later than the time that it wrote: once in a while everything is looked at.
    if (nowMs >= this.#nextFullMs) {
      this.#movedMs = 0
      this.#nextFullMs = nowMs + KEEPER_FULL_MS
    }
    for (;;) {
      const rows = await core.ledger.office.repeat(MOVE_DUE, [
        nowMs,
        KEEPER_ROWS_MAX,
        this.#movedMs,
        core.slot(KEEPER_SLOT),
        core.member,
      ])
      const waiting: Waiting[] = []
      for (const row of rows) {
        const [seq, laneNo, runAtMs, id, attempt] = row as readonly [number, number, number, string, number]
        const lane = await laneOf(core, laneNo)
        const alone = runsAloneAsRow(row[6] as number, row[7] as string | null)
        waiting.push({ seq, lane, runAtMs, alone })
        core.tell(id, lane, 'queued', attempt)
      }
      const outbox = (rows[0]?.[5] ?? null) as number | null
      if (outbox !== null) await this.#publisher.publishSoon(waiting, outbox)
      if (rows.length < KEEPER_ROWS_MAX || this.#closed) break
    }
    this.#movedMs = nowMs - KEEPER_LATE_MS
  }

  /** Members that are gone: what they held was lost with them, unless somebody took it over. @returns when to look again */
  async #sweep(nowMs: number): Promise<number> {
    const core = this.#core
    const { office } = core.ledger
    const { leaseMs } = core.settings
    const silentMs = MEMBER_BEAT_MS * LEASE_BEATS
    let nextMs = Number.POSITIVE_INFINITY
    const gone = await office.repeat<[number, number, boolean]>(GONE, [nowMs - silentMs, core.member])
    for (const [no, seenAtMs, closed] of gone) {
      await office.repeat(TAKE_OUTBOX, [no, core.member])
      // Its workers have the time of a lease to come back to somebody else; also after a time when nobody was there to come back to.
      const untilMs = Math.max(seenAtMs + leaseMs, this.#sinceMs + (closed ? 0 : leaseMs))
      if (nowMs < untilMs) {
        nextMs = Math.min(nextMs, untilMs)
        continue
      }
      for (;;) {
        const rows = await office.repeat(HELD_BY, [no, KEEPER_ROWS_MAX])
        await this.#takeBack(rows)
        if (rows.length < KEEPER_ROWS_MAX) break
      }
      await office.repeat(FORGET_CLAIMS, [no])
      await office.repeat(FOLD_COUNTS, [no])
      await office.repeat(FORGET_MEMBER, [no])
    }
    // What a lane without confirms holds up must not hold up everything else.
    void this.#publisher.recover()
    return nextMs
  }

  async #takeBack(rows: readonly (readonly unknown[])[]): Promise<void> {
    const core = this.#core
    await Promise.all(
      rows.map(async (row) => {
        const [seq, id, epoch, failures, crashes, options, laneNo, runAtMs, worker, pid, host] = row as [
          number,
          string,
          number,
          number,
          number,
          string | null,
          number,
          number,
          string | null,
          number,
          string,
        ]
        const error = workerLost(worker === null ? undefined : { id: worker, pid, host })
        const attempt = {
          seq,
          id,
          epoch,
          failures,
          crashes,
          runAtMs,
          lane: await laneOf(core, laneNo),
          options: options === null ? null : (JSON.parse(options) as TaskOptions),
        }
        await this.#settling.conclude({ id, epoch, kind: 'crashed', error }, attempt, null, false)
      }),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#look)
    this.#timer?.cancel()
    await this.#running
  }
}
