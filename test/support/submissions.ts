/** The plainest submission there is. */

import type { Submission } from '../../src/task/task.ts'

export function submission(id: string, over: Partial<Submission> = {}): Submission {
  return {
    id,
    type: 'sumar',
    queue: 'default',
    dataText: '[5,7]',
    priority: 4,
    runAtMs: 0,
    options: null,
    ...over,
  }
}
