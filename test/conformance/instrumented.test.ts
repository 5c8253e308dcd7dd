/** The decorator that measures keeps every promise of the engine inside. */

import { InstrumentedEngine } from '../../src/engine/instrumented.ts'
import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { Metrics } from '../../src/telemetry/metrics/metrics.ts'
import { SETTINGS } from './harness.ts'
import { conformance } from './suite.ts'

conformance('instrumented', {
  durable: false,
  durability: 'memory',
  async open() {
    const clock = new VirtualClock()
    const inside = openMemoryEngine({
      clock,
      ...SETTINGS,
    })
    const engine = new InstrumentedEngine(inside, new Metrics({ of: ['tasks'], process: false }), clock)
    return { engine, clock, dispose: () => engine.close() }
  },
})
