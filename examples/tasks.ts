/**
 * Tasks of your own: a type, a schema and a handler each. `npx chasqui up examples/tasks.ts` runs them, examples/client.ts submits
 * some.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { defineTask, PermanentError } from 'chasqui'
import * as z from 'zod'

/** Adds up what is ordered. Nothing but the schema is checked, and that twice: before it is sent, and before it runs. */
export const total = defineTask({
  type: 'total',
  input: z.object({
    items: z.array(z.object({ name: z.string(), cents: z.int(), count: z.int().positive().default(1) })),
  }),
  run: ({ items }) => ({ cents: items.reduce((sum, { cents, count }) => sum + cents * count, 0) }),
})

/** Says how far it is, and ends early when it is cancelled or takes too long. */
export const report = defineTask({
  type: 'report',
  input: z.object({ pages: z.int().min(1).max(1_000) }),
  timeoutMs: 60_000,
  async run({ pages }, { signal, progress, log }) {
    for (let page = 1; page <= pages; page++) {
      await sleep(20, undefined, { signal })
      progress(page, pages, 'pages')
    }
    log.info(`wrote ${pages} pages`)
    return { pages }
  },
})

/** Fails twice, then succeeds: see `chasqui log`. Some failures are not worth another attempt. */
export const flaky = defineTask({
  type: 'flaky',
  input: z.object({ hopeless: z.boolean().default(false) }),
  maxAttempts: 3,
  backoff: 100,
  run({ hopeless }, { attempt, log }) {
    if (hopeless) throw new PermanentError('there is no point in trying again')
    if (attempt < 3) {
      log.warn(`attempt ${attempt} fails`)
      throw new Error('not yet')
    }
    return { attempts: attempt }
  },
})
