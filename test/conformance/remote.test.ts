/**
 * The port over TCP, to a real distributor in front of the memory engine. The engine runs under the virtual clock; the connection
 * lives in real time.
 */

import { openDistributor } from '../../src/distributor/distributor.ts'
import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { openRemoteEngine } from '../../src/engine/remote/remote-engine.ts'
import { systemClock, VirtualClock } from '../../src/task/clock.ts'
import { SETTINGS } from './harness.ts'
import { conformance } from './suite.ts'

conformance('remote', {
  durable: false,
  durability: 'memory',
  persistent: true,
  async open() {
    const clock = new VirtualClock()
    const behind = openMemoryEngine({
      clock,
      ...SETTINGS,
    })
    const distributor = await openDistributor({
      engine: behind,
      host: '127.0.0.1',
      port: 0,
      log: { level: 'silent', event() {} },
      clock: systemClock,
      version: '0.0.0',
    })
    const engine = await openRemoteEngine({ url: `chasqui://127.0.0.1:${distributor.port}` })
    return {
      engine,
      clock,
      async dispose() {
        await engine.close()
        await distributor.close({ deadlineMs: 1_000 })
        await behind.close()
      },
    }
  },
})
