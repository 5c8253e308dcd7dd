/**
 * One open engine among the others of its cluster: says that it lives, hears who else does, and knows what it was told wrongly.
 *
 * Time is the database's, as a difference to this machine's clock taken on opening, so that members whose clocks differ agree.
 */

import { LEASE_BEATS, MEMBER_BEAT_MS } from '../../task/limits.ts'
import type { WorkerIdentity } from '../../task/task.ts'
import { reportOfSeat } from '../seat-ring.ts'
import type { Core, OtherMember } from './core.ts'
import { BEAT, JOIN, LEAVE, OTHERS, WORKER } from './ledger/member-statements.ts'

/** It has joined and not said anything yet. */
const SILENT: OtherMember = { address: null, consumers: [] }

export class Membership {
  readonly #core: Core
  readonly #name: string
  readonly #onBeat: () => void
  /** Somebody took this member for dead: what it held went to others. */
  readonly #onForgotten: () => void
  readonly #workers = new Map<string, Promise<number>>()
  #timer: NodeJS.Timeout | null = null
  #beating: Promise<void> | null = null

  constructor(core: Core, name: string, hooks: { beat: () => void; forgotten: () => void }) {
    this.#core = core
    this.#name = name
    this.#onBeat = hooks.beat
    this.#onForgotten = hooks.forgotten
  }

  async join(): Promise<void> {
    const [row] = await this.#core.ledger.look.repeat(JOIN, [this.#name, this.#core.nowMs()])
    this.#core.member = row![0] as number
    this.#timer ??= setInterval(() => void this.beat(), MEMBER_BEAT_MS).unref()
  }

  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = null
    })
    return this.#beating
  }

  async #beat(): Promise<void> {
    const core = this.#core
    const nowMs = core.nowMs()
    const { address } = core.broker
    const report = JSON.stringify({
      address,
      consumers: core.ring.seats.map(reportOfSeat),
    } satisfies OtherMember)
    try {
      const known = await core.ledger.look.repeat(BEAT, [core.member, nowMs, report])
      if (known.length === 0 && !core.closing) {
        await this.join()
        this.#onForgotten()
      }
      const rows = await core.ledger.look.repeat(OTHERS, [core.member, nowMs - MEMBER_BEAT_MS * LEASE_BEATS])
      core.others = rows.map(([, text]) =>
        text === null ? SILENT : (JSON.parse(text as string) as OtherMember),
      )
      this.#onBeat()
    } catch {
      // The database is down: the next beat says so as well, and the members' work waits for the same database.
    }
  }

  workerNo({ id, pid, host }: WorkerIdentity): Promise<number> {
    let number = this.#workers.get(id)
    if (number === undefined) {
      number = this.#core.ledger.look.repeat(WORKER, [id, pid, host]).then(
        ([row]) => row![0] as number,
        (error) => {
          this.#workers.delete(id)
          throw error
        },
      )
      this.#workers.set(id, number)
    }
    return number
  }

  /** Leases stay valid: whoever opens next has a lease's time to take them up. */
  async leave(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#beating
    await this.#core.ledger.look.repeat(LEAVE, [this.#core.member, this.#core.nowMs()])
  }

  abandon(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
  }
}
