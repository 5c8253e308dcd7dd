/**
 * How many deliveries a slot should have at hand: one while tasks are long, so that no other worker waits for what lies here; many
 * when they are short, so that no slot waits for the way to the engine. Pure: it is told run times and asked for a number.
 */

import { PREFETCH_TASKS_MAX, PREFETCH_WORK_MS } from '../task/limits.ts'

/** Weight of the newest run time in the mean: about the last thirty tasks count. */
const NEWEST_WEIGHT = 1 / 32
/** It grows by this factor at most at a time: the first short tasks may be followed by long ones. */
const GROWTH_MAX = 4

/** About PREFETCH_WORK_MS of work a slot, one task at least, PREFETCH_TASKS_MAX over all slots at most. */
export function prefetchFor(meanRunMs: number, slots: number): number {
  const most = Math.max(1, Math.floor(PREFETCH_TASKS_MAX / slots))
  return Math.max(1, Math.min(most, Math.floor(PREFETCH_WORK_MS / meanRunMs)))
}

export class AdaptivePrefetch {
  readonly #slots: number
  #current = 1
  #meanRunMs: number | null = null
  #runsSinceChange = 0

  constructor(slots: number) {
    this.#slots = slots
  }

  get current(): number {
    return this.#current
  }

  get meanRunMs(): number | null {
    return this.#meanRunMs
  }

  observe(runMs: number): void {
    this.#runsSinceChange++
    this.#meanRunMs =
      this.#meanRunMs === null ? runMs : this.#meanRunMs + (runMs - this.#meanRunMs) * NEWEST_WEIGHT
  }

  /** Nothing has ended for so long although something runs: these tasks are not short. */
  observeStandstill(ms: number): void {
    this.#meanRunMs = Math.max(this.#meanRunMs ?? 0, ms)
  }

  /** True when `current` has changed. Small changes are not worth telling the engine. */
  adapt(): boolean {
    if (this.#meanRunMs === null) return false
    const wanted = prefetchFor(this.#meanRunMs, this.#slots)
    const grows = wanted >= this.#current * 2 && this.#runsSinceChange >= this.#current * this.#slots
    if (!grows && wanted > this.#current / 2) return false
    const next = Math.min(wanted, this.#current * GROWTH_MAX)
    if (next === this.#current) return false
    this.#current = next
    this.#runsSinceChange = 0
    return true
  }
}
