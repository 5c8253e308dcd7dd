/**
 * Ids of the tasks that one connection was given and has not settled: those it may report on without another look at their queue.
 *
 * Invariant: bounded. What is forgotten is only looked up again.
 */

import type { Delivery, DeliverySink, Settlement } from '../../engine/engine.ts'
import { CONSUMERS_MAX, CREDIT_MAX } from '../../task/limits.ts'

const IDS_MAX = CONSUMERS_MAX * CREDIT_MAX

export class HeldTasks {
  readonly #ids = new Set<string>()

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** The same sink, looked over its shoulder. */
  watching(sink: DeliverySink): DeliverySink {
    return {
      deliver: (deliveries: readonly Delivery[]) => {
        if (this.#ids.size > IDS_MAX) this.#ids.clear()
        for (const { id } of deliveries) this.#ids.add(id)
        sink.deliver(deliveries)
      },
      revoke: (leases) => {
        for (const { id } of leases) this.#ids.delete(id)
        sink.revoke(leases)
      },
      drain: () => sink.drain?.(),
    }
  }

  settled(settlements: readonly Settlement[]): void {
    for (const { id } of settlements) this.#ids.delete(id)
  }
}
