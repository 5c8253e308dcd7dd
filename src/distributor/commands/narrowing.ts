/**
 * What `task.list` leaves out besides what the engine does: tasks of another time, and ids without a text in them. No index knows these, so rows are looked at
 * one by one, newest first, a bounded number for a request; a page may end early, and the cursor goes on.
 */

import { LIST_TIME_SLACK_MS } from '../../task/limits.ts'
import type { TaskRecord } from '../../task/task.ts'
import type { Params } from '../../wire/messages.ts'
import { readTime } from '../../wire/time-codec.ts'

export interface Narrowing {
  fits(record: TaskRecord): boolean
  /** Nothing that comes after it can fit: older tasks only. */
  isPast(record: TaskRecord): boolean
}

/** Null: nothing is asked. */
export function readNarrowing({ createdAfter, createdBefore, text }: Params): Narrowing | null {
  if (createdAfter === undefined && createdBefore === undefined && text === undefined) return null
  const afterMs =
    createdAfter === undefined ? Number.NEGATIVE_INFINITY : readTime(createdAfter, 'createdAfter')
  const beforeMs =
    createdBefore === undefined ? Number.POSITIVE_INFINITY : readTime(createdBefore, 'createdBefore')
  const wanted = text === undefined ? '' : (text as string).toLowerCase()
  return {
    fits: ({ id, createdAtMs }) =>
      createdAtMs >= afterMs && createdAtMs < beforeMs && id.toLowerCase().includes(wanted),
    // The order is that of acceptance, which clocks of several distributors tell nearly alike.
    isPast: ({ createdAtMs }) => createdAtMs < afterMs - LIST_TIME_SLACK_MS,
  }
}
