/** One timer for everything that falls due by time; set again only when something is due earlier. */

import type { Clock, Timer } from '../../task/clock.ts'

export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #timer: Timer | null = null
  #atMs = Number.POSITIVE_INFINITY
  #closed = false

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings at or soon after `atMs`, or earlier if it was set to an earlier time before. */
  set(atMs: number): void {
    if (atMs >= this.#atMs || this.#closed) return
    this.#timer?.cancel()
    this.#atMs = atMs
    this.#timer = this.#clock.at(atMs, () => {
      this.#atMs = Number.POSITIVE_INFINITY
      this.#ring()
    })
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }
}
