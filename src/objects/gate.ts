/**
 * So many at a time, and so many that wait: what stands before a store that would otherwise be asked for everything at once.
 *
 * Invariant: whoever is let in makes room when his work ends, however it ends; first come, first served.
 */

import { ChasquiError } from '../task/errors.ts'
import { RETRY_AFTER_MS } from '../task/limits.ts'

export class Gate {
  readonly #atOnceMax: number
  readonly #waitingMax: number
  readonly #waiting: (() => void)[] = []
  #inside = 0

  constructor(atOnceMax: number, waitingMax: number) {
    this.#atOnceMax = atOnceMax
    this.#waitingMax = waitingMax
  }

  /** @throws ChasquiError RETRY_AFTER when too many wait already */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter()
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // The place is handed on, not given back: nobody who comes meanwhile can take it first.
      if (next === undefined) this.#inside--
      else next()
    }
  }

  async #enter(): Promise<void> {
    if (this.#inside < this.#atOnceMax) {
      this.#inside++
      return
    }
    if (this.#waiting.length >= this.#waitingMax) {
      throw new ChasquiError(
        'RETRY_AFTER',
        `${this.#waiting.length} calls of the object store wait already`,
        {
          retryAfterMs: RETRY_AFTER_MS,
        },
      )
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
