/**
 * One schedule ↔ one line of an archive: `{"schedule": NAME, …}`, after the tasks. What was put is written as on the wire, and beside it how far it came.
 *
 * Invariant: what is read has the form of a schedule that an engine may hold, whoever wrote the file.
 */

import { checkSchedule } from '../cron/schedule.ts'
import type { ScheduleRow, ScheduleState } from '../engine/cron.ts'
import { refuse } from '../wire/fields.ts'
import { isObject } from '../wire/messages.ts'
import { readSchedule, writeSchedule } from '../wire/schedule-codec.ts'

export function isScheduleLine(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && typeof value.schedule === 'string'
}

export function writeScheduleLine({ name, schedule, state, nextAtMs }: ScheduleRow): string {
  const kept = JSON.stringify({ nextAtMs, state })
  return `{"schedule":${JSON.stringify(name)},"put":${writeSchedule(schedule)},${kept.slice(1)}`
}

const COUNTS = ['throughMs', 'fired', 'skipped', 'missed'] as const

/** Throws INVALID_PARAMS, naming the field, or TOO_DEEP. */
export function readScheduleLine({ put, nextAtMs, state }: Readonly<Record<string, unknown>>): ScheduleRow {
  if (!isObject(put)) refuse('put', 'must be an object')
  const schedule = readSchedule(put)
  // Its time may have come and gone while it was in the file.
  checkSchedule(schedule, 0)
  if (nextAtMs !== null && !isCount(nextAtMs)) refuse('nextAtMs', 'must be a time or null')
  if (!isState(state)) refuse('state', 'is not that of a schedule')
  return { name: schedule.name, schedule, state, nextAtMs: nextAtMs as number | null, version: 0 }
}

function isState(value: unknown): value is ScheduleState & Record<string, unknown> {
  if (!isObject(value)) return false
  const { paused, activeIds, waitingMs, lastTickMs, lastId, error } = value
  const isText = (text: unknown) => typeof text === 'string'
  return (
    typeof paused === 'boolean' &&
    COUNTS.every((count) => isCount(value[count])) &&
    Array.isArray(activeIds) &&
    activeIds.every(isText) &&
    Array.isArray(waitingMs) &&
    waitingMs.every(isCount) &&
    (lastTickMs === null || isCount(lastTickMs)) &&
    (lastId === null || isText(lastId)) &&
    (error === null || isText(error))
  )
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
