/**
 * All deliveries that this worker holds and whose settlement is not answered yet, by id: what leases are renewed for, and where a
 * revocation finds its task.
 */

import type { Delivery } from '../engine/engine.ts'
import type { Lease } from '../task/outcome.ts'
import type { Held } from './held.ts'

export class Hands {
  readonly #byId = new Map<string, Held>()

  get size(): number {
    return this.#byId.size
  }

  [Symbol.iterator](): IterableIterator<Held> {
    return this.#byId.values()
  }

  /** Another delivery of the same task that is still in hand. */
  rivalOf(delivery: Delivery): Held | undefined {
    return this.#byId.get(delivery.id)
  }

  add(held: Held): void {
    this.#byId.set(held.delivery.id, held)
  }

  find({ id, epoch }: Lease): Held | undefined {
    const held = this.#byId.get(id)
    return held?.delivery.epoch === epoch ? held : undefined
  }

  remove(held: Held): void {
    if (this.#byId.get(held.delivery.id) === held) this.#byId.delete(held.delivery.id)
  }

  leases(): Lease[] {
    return Array.from(this, ({ delivery: { id, epoch } }) => ({ id, epoch }))
  }
}
