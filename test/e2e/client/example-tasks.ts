/** The task of the library's first example. */

import { z } from 'zod'
import { defineTask } from '../../../src/index.ts'

export const sumar = defineTask({
  type: 'sumar',
  input: z.array(z.number()),
  run: (data, { progress, log }) => {
    progress(data.length, data.length, 'added')
    log.info(`added ${data.length} numbers`)
    return data.reduce((a, b) => a + b, 0)
  },
})
