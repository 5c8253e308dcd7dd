/** A worker that is nothing but the port: adds up what it is given. Renews nothing, for it answers at once. */

import type { Delivery, DeliverySink, Engine } from '../../../src/engine/engine.ts'
import type { Lease, Outcome } from '../../../src/task/outcome.ts'

export class SumWorker implements DeliverySink {
  /** How often each task was run. */
  readonly runs = new Map<string, number>()
  readonly revoked: Lease[] = []
  /** Outcomes that the engine did not take. */
  fenced = 0
  readonly #engine: Engine

  private constructor(engine: Engine) {
    this.#engine = engine
  }

  static async open(engine: Engine, slots = 32): Promise<SumWorker> {
    const sink = new SumWorker(engine)
    const worker = { id: `sums-${process.pid}`, pid: process.pid, host: 'test' }
    await engine.consume({ queues: ['default'], types: ['sumar'], slots, prefetch: 1, worker }, sink)
    return sink
  }

  deliver(deliveries: readonly Delivery[]): void {
    const outcomes = deliveries.map(({ id, epoch, dataText }): Outcome => {
      this.runs.set(id, (this.runs.get(id) ?? 0) + 1)
      const sum = (JSON.parse(dataText) as number[]).reduce((a, b) => a + b, 0)
      return { id, epoch, kind: 'returned', valueText: String(sum) }
    })
    this.#engine.settle(outcomes).then(
      (settled) => {
        this.fenced += settled.filter(({ accepted }) => !accepted).length
      },
      // Closed with the test; what was not recorded runs again.
      () => {},
    )
  }

  revoke(leases: readonly Lease[]): void {
    this.revoked.push(...leases)
  }
}
