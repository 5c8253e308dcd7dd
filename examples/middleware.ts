/**
 * Middleware: code around every submission of a client and every attempt of a worker. `npx chasqui up examples/middleware.ts` runs it on the
 * worker's side, examples/middleware-client.ts on the client's.
 */

import { defineTask, forTask, type Middleware } from 'chasqui'
import * as z from 'zod'

export const greet = defineTask({
  type: 'greet',
  input: z.object({ name: z.string().min(1) }),
  run: ({ name }) => `Allinllachu, ${name}!`,
})

/** Around each attempt, of whatever type: how long it took, as a log line of the task. */
const timing: Middleware = {
  name: 'timing',
  async run(_data, { log }, next) {
    const startedMs = performance.now()
    try {
      return await next()
    } finally {
      log.info(`took ${Math.round(performance.now() - startedMs)} ms`)
    }
  },
}

/** Around each submission: who sent it, in the metadata. */
const signature: Middleware = {
  name: 'signature',
  submit: (submission, next) =>
    next({
      ...submission,
      options: { ...submission.options, metadata: { ...submission.options?.metadata, by: 'the example' } },
    }),
}

/** Of one type only; the types follow from its definition. */
const politeness = forTask(greet, {
  submit: ({ name }, next) => next({ name: name.trim() }),
  async run(_data, { metadata }, next) {
    const greeting: string = await next()
    return `${greeting} (sent by ${metadata.by})`
  },
})

/** From your code to the wire, for both ends: a worker takes what a handler module exports under this name. */
export const use = [politeness, timing, signature]
