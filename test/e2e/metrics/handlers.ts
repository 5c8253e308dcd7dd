/** Handlers for tests that look at numbers: one that works, one that fails as often as it is told. */

import { defineTask } from '../../../src/index.ts'

export const add = defineTask({
  type: 'add',
  run: (numbers: number[]) => numbers.reduce((a, b) => a + b, 0),
})

export const stumble = defineTask({
  type: 'stumble',
  run: (times: number, { attempt }) => {
    if (attempt <= times) throw new Error(`stumbled over attempt ${attempt}`)
    return attempt
  },
})
