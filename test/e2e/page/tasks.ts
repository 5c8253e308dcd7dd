/** Handlers for the tests of the page: one that takes its time and tells of it, one that fails until it is told otherwise, and the samples. */

import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineTask } from '../../../src/task/definition.ts'

export { multiplicar, sumar } from '../../../src/worker/handlers/sample.ts'

const STEPS = 10

export const caminar = defineTask<{ readonly ms: number }, string>({
  type: 'caminar',
  run: async ({ ms }, { signal, progress, log }) => {
    for (let step = 1; step <= STEPS; step++) {
      progress(step, STEPS, `paso ${step}`)
      log.info(`step ${step} of ${STEPS}`)
      await sleep(ms / STEPS, undefined, { signal })
    }
    return 'arrived'
  },
})

/** Fails as long as the file is not there. */
export const puente = defineTask<{ readonly file: string }, string>({
  type: 'puente',
  run: ({ file }, { log }) => {
    log.warn('looking for the bridge')
    if (!existsSync(file)) throw new RangeError('the bridge is down')
    return 'crossed'
  },
})
