/** How many tasks of an archive are in which queue and state. */

import { type QueueSurvey, RESTING_STATES, type RestingState, type StateCounts } from '../engine/archive.ts'

export interface QueueCounts {
  readonly queue: string
  readonly counts: StateCounts
}

export class Tally {
  readonly #queues = new Map<string, Record<RestingState, number>>()
  tasks = 0

  add(queue: string, state: RestingState): void {
    let counts = this.#queues.get(queue)
    if (counts === undefined) {
      counts = noTasks()
      this.#queues.set(queue, counts)
    }
    counts[state]++
    this.tasks++
  }

  of(queue: string): StateCounts {
    return this.#queues.get(queue) ?? noTasks()
  }

  /** By name. */
  get queues(): readonly QueueCounts[] {
    return [...this.#queues]
      .map(([queue, counts]) => ({ queue, counts }))
      .sort((a, b) => (a.queue < b.queue ? -1 : 1))
  }
}

function noTasks(): Record<RestingState, number> {
  return { scheduled: 0, queued: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 }
}

/** The first difference between what should be there and what is, as a sentence; null: none. */
export function differenceOf(
  expected: readonly QueueCounts[],
  found: readonly Pick<QueueSurvey, 'queue' | 'counts'>[],
): string | null {
  const [left, right] = [mapOf(expected), mapOf(found)]
  for (const queue of new Set([...left.keys(), ...right.keys()])) {
    for (const state of RESTING_STATES) {
      const [should, is] = [left.get(queue)?.[state] ?? 0, right.get(queue)?.[state] ?? 0]
      if (should !== is) return `${is} ${state} in queue "${queue}" where there should be ${should}`
    }
  }
  return null
}

function mapOf(queues: readonly Pick<QueueSurvey, 'queue' | 'counts'>[]): Map<string, StateCounts> {
  return new Map(queues.map(({ queue, counts }) => [queue, counts]))
}
