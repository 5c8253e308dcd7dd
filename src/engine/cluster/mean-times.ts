/**
 * How long an attempt of each lane takes: what decides how many tasks share a hint. Measured where attempts are settled, kept in the ledger so
 * that those who only submit know it too.
 *
 * A delivery waits in its worker's hands behind others, so its time is taken as its share of what its seat did meanwhile.
 */

import { MEAN_SAVE_MS } from '../../task/limits.ts'
import type { Core } from './core.ts'
import type { Lane } from './lane.ts'
import type { Held } from './seat.ts'

/** Weight of the newest attempt. */
const WEIGHT = 0.05
/** A mean that changed by less is not worth a statement. */
const CHANGE = 1.5

export class MeanTimes {
  readonly #core: Core
  readonly #means = new Map<Lane, number>()
  readonly #saved = new Map<Lane, number>()
  readonly #timer: NodeJS.Timeout

  constructor(core: Core) {
    this.#core = core
    this.#timer = setInterval(() => void this.#save(), MEAN_SAVE_MS)
    this.#timer.unref()
  }

  add({ lane, startedAtMs, depth, seat }: Held, nowMs: number): void {
    const slots = seat?.slots ?? 1
    const tookMs = ((nowMs - startedAtMs) * slots) / Math.max(slots, depth)
    const mean = this.#means.get(lane) ?? lane.meanMs ?? tookMs
    const next = mean + (tookMs - mean) * WEIGHT
    this.#means.set(lane, next)
    lane.meanMs = next
  }

  async #save(): Promise<void> {
    for (const [lane, mean] of this.#means) {
      const saved = this.#saved.get(lane)
      if (saved !== undefined && mean < saved * CHANGE && mean * CHANGE > saved) continue
      this.#saved.set(lane, mean)
      try {
        await this.#core.lanes.saveMean(lane, mean)
      } catch {
        // A measure only: the next one comes.
        this.#saved.delete(lane)
      }
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
