/** Deliveries that no thread has yet, in the order in which they came; what a dead thread gives back regains its old place. */

import type { Held } from './held.ts'

/** Past elements of the list are cut off when they are this many and more than half. */
const COMPACT_MIN = 256

export class WaitingLine {
  #list: Held[] = []
  #head = 0

  get length(): number {
    return this.#list.length - this.#head
  }

  get first(): Held | undefined {
    return this.#list[this.#head]
  }

  push(held: Held): void {
    const last = this.#list.at(-1)
    this.#list.push(held)
    if (last !== undefined && this.length > 1 && last.order > held.order) {
      this.#list = this.#list.slice(this.#head).sort((a, b) => a.order - b.order)
      this.#head = 0
    }
  }

  shift(): Held | undefined {
    const held = this.#list[this.#head]
    if (held === undefined) return undefined
    this.#head++
    if (
      this.#head === this.#list.length ||
      (this.#head > COMPACT_MIN && this.#head * 2 > this.#list.length)
    ) {
      this.#list = this.#list.slice(this.#head)
      this.#head = 0
    }
    return held
  }

  /** The one that came last. */
  pop(): Held | undefined {
    return this.length === 0 ? undefined : this.#list.pop()
  }

  remove(held: Held): void {
    const at = this.#list.indexOf(held, this.#head)
    if (at >= 0) this.#list.splice(at, 1)
  }
}
