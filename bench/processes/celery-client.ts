/** Celery's own `apply_async`, from as many threads as were best. */

import { CELERY_TASKS, startPython } from './celery-python.ts'
import type { TaskClient } from './task-client.ts'

export async function openClient(address: string): Promise<TaskClient> {
  const waiting = new Map<number, () => void>()
  const python = startPython(address, [CELERY_TASKS, 'produce'], (line) => {
    waiting.get(Number(line))?.()
    waiting.delete(Number(line))
  })
  let made = 0
  const submit = (data: object) =>
    new Promise<void>((resolve) => {
      waiting.set(++made, resolve)
      python.stdin!.write(`${made} ${JSON.stringify(data)}\n`)
    })
  return {
    submit,
    submitMany: (data) => Promise.all(data.map(submit)),
    roundTrip: () => Promise.reject(new Error('results are not recorded here')),
    close: async () => python.kill('SIGKILL'),
  }
}
