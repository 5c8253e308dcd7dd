/**
 * Between the stream of events and the screen: keeps the last news of each state of each task, so many at most, and counts the rest. Pure.
 *
 * At 20,000 tasks a second nobody can read events, and a page that tried to draw them would stop. What is left out is counted, never hidden.
 */

import type { TaskEvent } from '../api/shapes.ts'

export interface Sample {
  /** In the order of their coming; news of the same state of the same attempt as one, with the `lines` of all. */
  readonly events: readonly TaskEvent[]
  /** Events that there were. */
  readonly total: number
  /** Events that are not shown: too many at once, or dropped by the server before. */
  readonly skipped: number
}

export interface Sampler {
  add(event: TaskEvent): void
  /** Events that never came here. */
  addSkipped(count: number): void
  /** What came since the last call; null: nothing. */
  take(): Sample | null
}

export function createSampler(shownMax: number): Sampler {
  let latest = new Map<string, TaskEvent>()
  let total = 0
  let skipped = 0
  const addSkipped = (count: number) => {
    total += count
    skipped += count
  }
  return {
    addSkipped,
    add(event) {
      total++
      if (event.dropped !== undefined) addSkipped(event.dropped)
      const key = `${event.id} ${event.attempt} ${event.state}`
      const before = latest.get(key)
      if (before === undefined && latest.size >= shownMax) skipped++
      else latest.set(key, before === undefined ? event : merged(before, event))
    },
    take() {
      if (total === 0) return null
      const sample = { events: [...latest.values()], total, skipped }
      latest = new Map()
      total = 0
      skipped = 0
      return sample
    },
  }
}

function merged(before: TaskEvent, after: TaskEvent): TaskEvent {
  if (before.lines === undefined) return after
  return { ...after, lines: [...before.lines, ...(after.lines ?? [])] }
}
