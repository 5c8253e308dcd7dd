/** On a real SQLite file, under the virtual clock. Reopening closes the engine and opens the same folder again. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { SETTINGS } from './harness.ts'
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
        ...SETTINGS,
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
