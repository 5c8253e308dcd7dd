/** The decorator that measures keeps every promise of the engine inside. */

import { InstrumentedEngine } from '../../src/engine/instrumented.ts'
import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { Metrics } from '../../src/telemetry/metrics/metrics.ts'
import { FAILED_RETENTION_MS, GRACE_MS, LEASE_MS, RANDOM, RETENTION_MS } from './harness.ts'
import { conformance } from './suite.ts'

conformance('instrumented', {
  durable: false,
  durability: 'memory',
  async open() {
    const clock = new VirtualClock()
    const inside = openMemoryEngine({
      clock,
      random: () => RANDOM,
      leaseMs: LEASE_MS,
      reconnectGraceMs: GRACE_MS,
      retentionMs: RETENTION_MS,
      failedRetentionMs: FAILED_RETENTION_MS,
    })
    const engine = new InstrumentedEngine(inside, new Metrics({ of: ['tasks'], process: false }), clock)
    return { engine, clock, dispose: () => engine.close() }
  },
})
