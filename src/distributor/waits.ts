/**
 * The `task.wait` calls of one connection: counted, and ended together.
 *
 * Invariant: the ids that are waited for never exceed the limit; a wait ends at the latest when its connection does.
 */

import { ChasquiError } from '../task/errors.ts'

export class Waits {
  readonly #idsMax: number
  #ids = 0
  #open = new Set<AbortController>()

  constructor(idsMax: number) {
    this.#idsMax = idsMax
  }

  /** Calls that are waiting. */
  get count(): number {
    return this.#open.size
  }

  /** Runs `wait` with a signal of its own: one shared signal would look through all its listeners for each new one. */
  async run<Result>(idCount: number, wait: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    // A wait for nothing costs something, too.
    const cost = Math.max(1, idCount)
    if (this.#ids + cost > this.#idsMax) {
      throw new ChasquiError(
        'TOO_MANY_SUBSCRIPTIONS',
        `a connection may wait for ${this.#idsMax} tasks at a time`,
      )
    }
    const controller = new AbortController()
    this.#ids += cost
    this.#open.add(controller)
    try {
      return await wait(controller.signal)
    } finally {
      this.#ids -= cost
      this.#open.delete(controller)
    }
  }

  /** All of them answer at once, with the states reached. */
  abort(): void {
    for (const controller of this.#open) controller.abort()
  }
}
