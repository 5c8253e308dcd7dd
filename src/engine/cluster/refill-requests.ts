/**
 * Asks the keeper to make the hints of a lane anew. News may be lost, and the broker that lost hints loses news first, so a request is told
 * again for a while; each has a name, so that a keeper that has heard it does nothing twice.
 */

import { REFILL_REQUESTS_MAX, REFILL_TOLD_MS } from '../../task/limits.ts'
import type { Core } from './core.ts'

export class RefillRequests {
  readonly #core: Core
  /** Own ones, and until when they are told. */
  readonly #told = new Map<string, { readonly laneNo: number; readonly untilMs: number }>()
  readonly #known = new Set<string>()
  #last = 0

  constructor(core: Core) {
    this.#core = core
  }

  ask(laneNo: number): void {
    const { member, news } = this.#core
    const request = `${member}.${++this.#last}`
    this.#told.set(request, { laneNo, untilMs: performance.now() + REFILL_TOLD_MS })
    news.sendRefill(laneNo, request)
  }

  /** Whether it is new. */
  hear(request: string): boolean {
    if (this.#known.has(request)) return false
    this.#known.add(request)
    if (this.#known.size > REFILL_REQUESTS_MAX) this.#known.delete(this.#known.values().next().value!)
    return true
  }

  /** With each sign of life. */
  repeat(): void {
    for (const [request, { laneNo, untilMs }] of this.#told) {
      if (untilMs < performance.now()) this.#told.delete(request)
      else this.#core.news.sendRefill(laneNo, request)
    }
  }
}
