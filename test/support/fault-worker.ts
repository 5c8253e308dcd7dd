/**
 * A worker process as `chasqui worker` is one, that looks for its distributor more often: for tests that restart the distributor again and
 * again and want the worker to be there in between. Its argument is a FaultWorkerSetting as JSON.
 */

import { hostname } from 'node:os'
import { openRemoteEngine } from '../../src/engine/remote/remote-engine.ts'
import { newTaskId } from '../../src/task/ids.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { openWorker } from '../../src/worker/worker.ts'

export interface FaultWorkerSetting {
  readonly url: string
  readonly module: string
  readonly concurrency: number
  readonly reconnectMaxMs: number
}

const { url, module, concurrency, reconnectMaxMs } = JSON.parse(process.argv[2]!) as FaultWorkerSetting
const identity = { id: newTaskId(), pid: process.pid, host: hostname() }
const engine = await openRemoteEngine({
  url,
  client: { name: 'chasqui worker', worker: identity },
  connectTimeoutMs: Number.POSITIVE_INFINITY,
  link: { reconnectMaxMs },
})
const log = openLog({ level: 'info', format: 'json' })
// The handlers of these tests learn from a variable where to write.
const worker = openWorker({ engine, modules: [module], concurrency, identity, log, env: process.env })
process.on('SIGTERM', () => void worker.drain())
await worker.ready
process.stdout.write(`${JSON.stringify({ role: 'worker', pid: process.pid })}\n`)
const end = await worker.ended
if (end.reason === 'failed') throw end.error
await engine.close()
