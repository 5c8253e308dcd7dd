/**
 * Spares callers the wait for a store that is down: after some failures in a row it refuses for a while, then lets one call through to see.
 *
 * Invariant: while it is open at most one call is under way in its name.
 */

import type { Clock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'

export interface CircuitLimits {
  readonly failuresMax: number
  readonly openMs: number
}

export class Circuit {
  readonly #clock: Clock
  readonly #limits: CircuitLimits
  #failures = 0
  /** null: closed, calls go through. */
  #openUntilMs: number | null = null

  constructor(clock: Clock, limits: CircuitLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** For who would have to wait before he can enter. @throws ChasquiError STORE_FAILED while it is open */
  look(): void {
    const nowMs = this.#clock.nowMs()
    if (this.#openUntilMs === null || nowMs >= this.#openUntilMs) return
    throw new ChasquiError('STORE_FAILED', 'the object store failed a moment ago and is left alone for now', {
      retryAfterMs: this.#openUntilMs - nowMs,
    })
  }

  /** Before a call. @throws ChasquiError STORE_FAILED while it is open */
  enter(): void {
    this.look()
    // Whoever comes first after the pause tries; the others wait for what he finds, or for as long again.
    if (this.#openUntilMs !== null) this.#openUntilMs = this.#clock.nowMs() + this.#limits.openMs
  }

  succeeded(): void {
    this.#failures = 0
    this.#openUntilMs = null
  }

  failed(): void {
    this.#failures++
    if (this.#failures >= this.#limits.failuresMax)
      this.#openUntilMs = this.#clock.nowMs() + this.#limits.openMs
  }
}
