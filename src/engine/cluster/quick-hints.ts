/**
 * The quick way for few tasks to an idle worker: while a hint in a quorum queue waits for the disks of RabbitMQ, the process of a worker that
 * seems to be idle is told at once, and claims them if it is. What nobody has claimed after QUICK_LAG_MS takes the ordinary way.
 *
 * Invariant: nothing depends on it. The outbox row stays until the ledger says that its tasks wait no more, or their hints are confirmed.
 */

import {
  QUICK_LAG_MS,
  QUICK_REST_MS,
  QUICK_SUCCESS_SHARE_MIN,
  QUICK_TALLY_TASKS,
  QUICK_TASKS_MAX,
} from '../../task/limits.ts'
import { suits } from '../seat-ring.ts'
import type { Core } from './core.ts'
import type { Waiting } from './hints.ts'
import type { Lane } from './lane.ts'
import { numbers } from './ledger/columns.ts'
import { STILL_WAITING } from './ledger/look-statements.ts'
import { localEntry } from './window.ts'

interface Told {
  readonly tasks: readonly Waiting[]
  readonly atMs: number
  readonly resolve: (rest: readonly Waiting[]) => void
}

/** null: this process. */
type Address = string | null

export class QuickHints {
  readonly #core: Core
  readonly #wake: () => void
  #told: Told[] = []
  /** Tasks that were told of and not looked at again. */
  #tasks = 0
  #timer: NodeJS.Timeout | null = null
  #turn = 0
  /** Lanes whose workers were not as idle as they seemed. */
  readonly #restUntilMs = new Map<number, number>()
  /** By lane, since it was last judged. */
  readonly #tallies = new Map<number, { readonly told: number; readonly taken: number }>()

  /** @param wake something waits in a window of this process */
  constructor(core: Core, wake: () => void) {
    this.#core = core
    this.#wake = wake
  }

  /** Resolves, soon, with those that still wait and must be told of in the ordinary way. null: so must all of them, at once. */
  tell(tasks: readonly Waiting[]): Promise<readonly Waiting[]> | null {
    if (this.#tasks + tasks.length > QUICK_TASKS_MAX || tasks.some(({ alone }) => alone)) return null
    const ways: { tasks: readonly Waiting[]; addresses: readonly Address[] }[] = []
    for (const [lane, own] of Map.groupBy(tasks, (task) => task.lane)) {
      const addresses = this.#idleFor(lane)
      if (addresses.length === 0) return null
      ways.push({ tasks: own, addresses })
    }
    for (const way of ways) this.#spread(way.tasks, way.addresses)
    this.#tasks += tasks.length
    return new Promise((resolve) => {
      this.#told.push({ tasks, atMs: performance.now(), resolve })
      this.#arm()
    })
  }

  /** Another process says that these wait: taken as far as there is credit for them. */
  hear(laneNo: number, dueMs: number, seqs: readonly number[]): void {
    const lane = this.#core.lanes.byNo(laneNo)
    if (lane === undefined) return
    this.#take(seqs.map((seq) => ({ seq, lane, runAtMs: dueMs, alone: false })))
  }

  #idleFor(lane: Lane): readonly Address[] {
    const core = this.#core
    if (core.queues.isPaused(lane.queue)) return []
    if ((this.#restUntilMs.get(lane.no) ?? 0) > performance.now()) return []
    const others = core.others
      .filter(({ address, consumers }) => {
        const isIdle = consumers.some((one) => one.held < one.slots * one.prefetch && suits(one, lane))
        return address !== null && isIdle
      })
      .map(({ address }) => address)
    return this.#room(lane) > 0 ? [null, ...others] : others
  }

  /** Tasks of this lane that could be claimed here now. */
  #room(lane: Lane): number {
    const window = this.#core.windows.get(lane.no)
    if (window === undefined || window.isPaused) return 0
    let room = -window.size
    for (const seat of this.#core.ring.seats) {
      if (seat.lines.includes(window)) room += Math.max(0, seat.credit - seat.held)
    }
    return room
  }

  #spread(tasks: readonly Waiting[], addresses: readonly Address[]): void {
    const share = Math.ceil(tasks.length / addresses.length)
    for (let from = 0; from < tasks.length; from += share) {
      const part = tasks.slice(from, from + share)
      const address = addresses[this.#turn++ % addresses.length]!
      if (address === null) this.#take(part)
      else {
        const dueMs = Math.min(...part.map(({ runAtMs }) => runAtMs))
        this.#core.news.sendWaiting(
          address,
          part[0]!.lane.no,
          dueMs,
          part.map(({ seq }) => seq),
        )
      }
    }
  }

  #take(tasks: readonly Waiting[]): void {
    const { lane } = tasks[0]!
    const room = Math.min(this.#room(lane), tasks.length)
    const window = this.#core.windowOf(lane)
    for (let at = 0; at < room; at++) window.add(localEntry(tasks[at]!))
    if (room > 0) this.#wake()
  }

  #arm(): void {
    if (this.#timer !== null || this.#told.length === 0) return
    const leftMs = this.#told[0]!.atMs + QUICK_LAG_MS - performance.now()
    this.#timer = setTimeout(() => void this.#lookAgain(), Math.max(1, leftMs))
  }

  async #lookAgain(): Promise<void> {
    const untilMs = performance.now() - QUICK_LAG_MS / 2
    const due = this.#told.filter(({ atMs }) => atMs <= untilMs)
    this.#told = this.#told.slice(due.length)
    const tasks = due.flatMap((told) => told.tasks)
    const waiting = await this.#stillWaiting(tasks)
    for (const told of due) told.resolve(told.tasks.filter(({ seq }) => waiting.has(seq)))
    this.#tasks -= tasks.length
    for (const [lane, own] of Map.groupBy(tasks, (task) => task.lane)) {
      this.#judge(lane, own.length, own.filter(({ seq }) => !waiting.has(seq)).length)
    }
    this.#timer = null
    this.#arm()
  }

  /** A few that came at a bad moment say nothing. */
  #judge(lane: Lane, told: number, taken: number): void {
    const before = this.#tallies.get(lane.no) ?? { told: 0, taken: 0 }
    const tally = { told: before.told + told, taken: before.taken + taken }
    if (tally.told < QUICK_TALLY_TASKS) {
      this.#tallies.set(lane.no, tally)
      return
    }
    this.#tallies.delete(lane.no)
    if (tally.taken < tally.told * QUICK_SUCCESS_SHARE_MIN) {
      this.#restUntilMs.set(lane.no, performance.now() + QUICK_REST_MS)
    }
  }

  async #stillWaiting(tasks: readonly Waiting[]): Promise<ReadonlySet<number>> {
    const seqs = tasks.map(({ seq }) => seq)
    try {
      const rows = await this.#core.ledger.look.repeat<[number]>(STILL_WAITING, [numbers(seqs)])
      return new Set(rows.map(([seq]) => seq))
    } catch {
      // The database is down: a hint too many does no harm.
      return new Set(seqs)
    }
  }
}
