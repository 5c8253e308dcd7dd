/** A distributor on an embedded store, as a process of its own that a test can kill: `distributor-process.ts DIR`. Says its port. */

import { writeSync } from 'node:fs'
import { openDistributor } from '../../../src/distributor/distributor.ts'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import { systemClock } from '../../../src/task/clock.ts'

const engine = await openEmbeddedEngine({ dir: process.argv[2]!, leaseMs: 3_000, reconnectGraceMs: 1_000 })
const distributor = await openDistributor({
  engine,
  host: '127.0.0.1',
  port: 0,
  log: { level: 'silent', event() {} },
  clock: systemClock,
  version: '0.0.0',
})
writeSync(1, `${distributor.port}\n`)
