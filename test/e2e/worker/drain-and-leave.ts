/** A program that runs a hundred tasks, drains its worker, and has nothing left to do. */

import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { openWorker } from '../../../src/worker/worker.ts'
import { submission } from '../../support/submissions.ts'

const engine = openMemoryEngine()
const worker = openWorker({ engine, concurrency: 2, threads: 2 })
const ids = Array.from({ length: 100 }, (_, n) => `t${n}`)
await engine.submit(
  ids.map((id) => submission(id)),
  'memory',
)
const records = await engine.wait(ids, 20_000)
await worker.drain()
await engine.close()
const succeeded = records.filter((record) => record?.state === 'succeeded').length
process.stdout.write(`${(await worker.ended).reason} ${succeeded} succeeded\n`)
