/** Handlers that spread what they are given everywhere that a handler can. */

import { z } from 'zod'
import { defineTask } from '../../../src/task/definition.ts'

interface Planted {
  readonly secret: string
}

export const echo = defineTask({
  type: 'echo',
  run: (data: unknown, { log, progress }) => {
    const text = JSON.stringify(data)
    log.info(`a line about ${text}`)
    progress(1, 2, `a note about ${text}`)
    return data
  },
})

export const throws = defineTask({
  type: 'throws',
  run: ({ secret }: Planted) => {
    throw new RangeError(`thrown about ${secret}`, { cause: new Error(`caused by ${secret}`) })
  },
})

export const strict = defineTask({
  type: 'strict',
  input: z.object({ secret: z.literal('another') }),
  run: () => null,
})

export const stray = defineTask({
  type: 'stray',
  run: async ({ secret }: Planted) => {
    setTimeout(() => {
      throw new TypeError(`astray about ${secret}`)
    }, 1)
    await new Promise(() => {})
  },
})

export const dies = defineTask({
  type: 'dies',
  isolation: 'process',
  run: async () => {
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  },
})

export const inProcess = defineTask({
  type: 'in-process',
  isolation: 'process',
  run: async ({ secret }: Planted) => {
    setTimeout(() => {
      throw new TypeError(`astray about ${secret}`)
    }, 1)
    await new Promise(() => {})
  },
})

export const environment = defineTask({ type: 'environment', run: () => ({ ...process.env }) })

export const environmentApart = defineTask({
  type: 'environment-apart',
  isolation: 'process',
  run: () => ({ ...process.env }),
})
