/** The reference itself. */

import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { FAILED_RETENTION_MS, GRACE_MS, LEASE_MS, RANDOM, RETENTION_MS } from './harness.ts'
import { conformance } from './suite.ts'

conformance('memory', {
  durable: false,
  durability: 'memory',
  async open() {
    const clock = new VirtualClock()
    const engine = openMemoryEngine({
      clock,
      random: () => RANDOM,
      leaseMs: LEASE_MS,
      reconnectGraceMs: GRACE_MS,
      retentionMs: RETENTION_MS,
      failedRetentionMs: FAILED_RETENTION_MS,
    })
    return { engine, clock, dispose: () => engine.close() }
  },
})
