/** The reference itself. */

import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { SETTINGS } from './harness.ts'
import { conformance } from './suite.ts'

conformance('memory', {
  durable: false,
  durability: 'memory',
  async open() {
    const clock = new VirtualClock()
    const engine = openMemoryEngine({
      clock,
      ...SETTINGS,
    })
    return { engine, clock, dispose: () => engine.close() }
  },
})
