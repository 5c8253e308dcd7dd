/** What `export` and `import` say of an archive and of a store: counts by queue and state. */

import type { QueueCounts } from '../archive/tally.ts'
import { RESTING_STATES } from '../engine/archive.ts'
import { coloredState } from './records.ts'
import type { Colors } from './screen.ts'

/** `1,204 tasks: 1,000 queued, 204 succeeded`. */
export function countsText(queues: readonly QueueCounts[], colors: Colors): string {
  let tasks = 0
  const parts = RESTING_STATES.flatMap((state) => {
    const count = queues.reduce((sum, { counts }) => sum + counts[state], 0)
    tasks += count
    return count === 0 ? [] : [`${numberText(count)} ${coloredState(state, colors)}`]
  })
  return parts.length === 0 ? 'no tasks' : `${tasksText(tasks)}: ${parts.join(', ')}`
}

export function tasksText(count: number): string {
  return count === 1 ? '1 task' : `${numberText(count)} tasks`
}

export function numberText(count: number): string {
  return count.toLocaleString('en')
}
