/** On a real SQLite file, under the virtual clock. Reopening closes the engine and opens the same folder again. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { FAILED_RETENTION_MS, GRACE_MS, LEASE_MS, RANDOM, RETENTION_MS } from './harness.ts'
import { conformance } from './suite.ts'

conformance('embedded', {
  durable: true,
  durability: 'disk',
  async open() {
    const clock = new VirtualClock()
    const dir = await mkdtemp(join(tmpdir(), 'chasqui-conformance-'))
    const open = () =>
      openEmbeddedEngine({
        dir,
        clock,
        random: () => RANDOM,
        leaseMs: LEASE_MS,
        reconnectGraceMs: GRACE_MS,
        retentionMs: RETENTION_MS,
        failedRetentionMs: FAILED_RETENTION_MS,
      })
    let engine = await open()
    return {
      engine,
      clock,
      async reopen(closedMs) {
        await engine.close()
        await clock.advance(closedMs)
        engine = await open()
        return engine
      },
      async dispose() {
        await engine.close()
        await rm(dir, { recursive: true })
      },
    }
  },
})
