/** How fast to knock at an engine that does not answer: exponential with jitter, from the start again after a success. */

import { backoffDelayMs } from '../task/backoff.ts'
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../task/limits.ts'

export class RetryPace {
  readonly #random: () => number
  #failures = 0

  constructor(random: () => number) {
    this.#random = random
  }

  get failures(): number {
    return this.#failures
  }

  /** Another failure: how long to wait now. */
  nextMs(): number {
    this.#failures++
    return backoffDelayMs(
      { kind: 'exponential', baseMs: RECONNECT_MIN_MS, maxMs: RECONNECT_MAX_MS, jitter: true },
      this.#failures,
      this.#random,
    )
  }

  succeeded(): void {
    this.#failures = 0
  }
}
