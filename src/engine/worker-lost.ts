/** The evidence that stays with a task whose worker was not heard of in time. */

import type { TaskError } from '../task/outcome.ts'
import type { WorkerIdentity } from '../task/task.ts'

export function workerLost(worker: WorkerIdentity | undefined): TaskError {
  const who =
    worker === undefined ? 'its worker' : `worker ${worker.id} (pid ${worker.pid} on ${worker.host})`
  return { name: 'WorkerLost', message: `${who} was lost: its lease was not renewed` }
}
