/**
 * How long to wait before something is made again that broke: exponential with jitter, and from the start only after it held for a while. Something
 * that breaks as soon as it is made is so not made again and again in a tight loop.
 */

import { backoffDelayMs } from '../../../task/backoff.ts'
import {
  BROKER_CONNECT_MS,
  BROKER_RECONNECT_MAX_MS,
  BROKER_RECONNECT_MIN_MS,
  BROKER_STEADY_MS,
} from '../../../task/limits.ts'

export class Patience {
  readonly #random: () => number
  readonly #nowMs: () => number
  #failures = 0
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(random: () => number = Math.random, nowMs: () => number = () => performance.now()) {
    this.#random = random
    this.#nowMs = nowMs
  }

  /** It broke, or could not be made: what to wait. */
  nextMs(): number {
    const nowMs = this.#nowMs()
    // Of the time since it was last asked, a part went into waiting and trying.
    const isFresh = nowMs - this.#lastMs > BROKER_STEADY_MS + BROKER_RECONNECT_MAX_MS + BROKER_CONNECT_MS
    this.#failures = isFresh ? 1 : this.#failures + 1
    this.#lastMs = nowMs
    const rule = {
      kind: 'exponential',
      baseMs: BROKER_RECONNECT_MIN_MS,
      maxMs: BROKER_RECONNECT_MAX_MS,
      jitter: true,
    } as const
    return backoffDelayMs(rule, this.#failures, this.#random)
  }
}
