/** A worker that spins in a handler process, to be killed: `node process-worker.ts JOURNAL`. */

import { fileURLToPath } from 'node:url'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { openWorker } from '../../../src/worker/worker.ts'
import { submission } from '../../support/submissions.ts'

const engine = openMemoryEngine({})
openWorker({
  engine,
  concurrency: 1,
  modules: [fileURLToPath(new URL('./process-handlers.ts', import.meta.url))],
})
await engine.submit(
  [
    submission('spins', {
      type: 'family-spin',
      dataText: JSON.stringify({ file: process.argv[2] }),
    }),
  ],
  'memory',
)
