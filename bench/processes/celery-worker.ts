/** `celery worker` with a process a core. */

import { availableParallelism } from 'node:os'
import { answer } from './answer.ts'
import { startPython } from './celery-python.ts'

let settled = 0
const ready = Promise.withResolvers<void>()
const pool = ['--pool', 'prefork', '--concurrency', String(availableParallelism())]
const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat', '--loglevel', 'CRITICAL']
const python = startPython(
  process.argv[2]!,
  ['-m', 'celery', '--app', 'celery_tasks', 'worker', ...pool, ...quiet],
  (line) => {
    if (!/^\d+$/.test(line)) return
    settled = Number(line)
    ready.resolve()
  },
)
await ready.promise

answer({ settled: () => settled }, async () => {
  python.kill('SIGTERM')
  await new Promise((resolve) => python.once('exit', resolve))
})
