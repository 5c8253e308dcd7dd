/** A definition with a timeout of its own, as the default export of its module. */

import { defineTask } from '../../../src/task/definition.ts'

export default defineTask({
  type: 'short',
  timeoutMs: 40,
  run: () => new Promise<void>(() => setInterval(() => {}, 1_000)),
})
