/**
 * How much somebody may submit in a second: tasks, and bytes of their data. Unused rate is kept for one second, so that bursts pass.
 *
 * Invariant: what is taken before it is refused counts; nothing is dropped, the caller hears when to come back.
 */

import type { Clock } from '../../task/clock.ts'
import type { IdentityLimits } from './rights.ts'

/** Of one identity, shared by all its connections. */
export class Rate {
  readonly #clock: Clock
  readonly #tasks: Bucket | null
  readonly #bytes: Bucket | null

  constructor({ tasksPerSecond, bytesPerSecond }: IdentityLimits, clock: Clock) {
    this.#clock = clock
    this.#tasks = tasksPerSecond === undefined ? null : new Bucket(tasksPerSecond, clock.nowMs())
    this.#bytes = bytesPerSecond === undefined ? null : new Bucket(bytesPerSecond, clock.nowMs())
  }

  /** 0: taken. Otherwise: nothing was, and how many milliseconds from now it may be. */
  take(bytes: number): number {
    const nowMs = this.#clock.nowMs()
    const waitMs = Math.max(this.#tasks?.waitMs(nowMs) ?? 0, this.#bytes?.waitMs(nowMs) ?? 0)
    if (waitMs > 0) return waitMs
    this.#tasks?.spend(1)
    this.#bytes?.spend(bytes)
    return 0
  }
}

const SECOND_MS = 1_000

/** May go into debt by one entry, so that one that is larger than a second's worth passes once, too. */
class Bucket {
  readonly #perSecond: number
  #left: number
  #atMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#left = perSecond
    this.#atMs = nowMs
  }

  waitMs(nowMs: number): number {
    const gained = ((nowMs - this.#atMs) * this.#perSecond) / SECOND_MS
    this.#left = Math.min(this.#perSecond, this.#left + Math.max(0, gained))
    this.#atMs = nowMs
    return this.#left > 0 ? 0 : Math.ceil(((1e-9 - this.#left) * SECOND_MS) / this.#perSecond)
  }

  spend(amount: number): void {
    this.#left -= amount
  }
}

/** One rate for each identity that has limits. */
export class Rates {
  readonly #clock: Clock
  readonly #rates = new Map<string, { readonly limits: string; readonly rate: Rate }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of(id: string, limits: IdentityLimits): Rate | null {
    if (limits.tasksPerSecond === undefined && limits.bytesPerSecond === undefined) return null
    const text = JSON.stringify(limits)
    const known = this.#rates.get(id)
    if (known?.limits === text) return known.rate
    const rate = new Rate(limits, this.#clock)
    this.#rates.set(id, { limits: text, rate })
    return rate
  }
}
