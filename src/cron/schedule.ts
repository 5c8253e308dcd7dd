/** A schedule that is put: whether it can be, and what is kept of it beside what is kept already. Pure. */

import { isDeepStrictEqual } from 'node:util'
import {
  CATCH_UPS,
  OVERLAPS,
  type Schedule,
  type ScheduleRecord,
  type ScheduleRow,
  type Timing,
} from '../engine/cron.ts'
import { ChasquiError } from '../task/errors.ts'
import {
  CRON_EVERY_MS_MIN,
  CRON_NAME_LENGTH_MAX,
  DELAY_MS_MAX,
  METADATA_ENTRIES_MAX,
} from '../task/limits.ts'
import { patternOf } from './pattern.ts'
import { nextTickMs, nextTicksMs } from './ticks.ts'
import { checkTimezone } from './zone.ts'

/** Throws INVALID_PARAMS that names the schedule. */
export function checkSchedule(schedule: Schedule, nowMs: number): void {
  try {
    check(schedule, nowMs)
  } catch (error) {
    if (!(error instanceof ChasquiError)) throw error
    throw new ChasquiError(error.code, `schedule "${schedule.name}": ${error.message}`, {
      cause: error,
      ...(error.details !== undefined && { details: error.details }),
    })
  }
}

function check({ name, timing, task, overlap, catchUp }: Schedule, nowMs: number): void {
  if (name === '' || [...name].length > CRON_NAME_LENGTH_MAX || /[\p{Cc}\p{Cs}]/u.test(name)) {
    throw refused('name', `must have 1 to ${CRON_NAME_LENGTH_MAX} characters, and no control characters`)
  }
  if (!OVERLAPS.includes(overlap)) throw refused('overlap', `must be one of ${OVERLAPS.join(', ')}`)
  if (!CATCH_UPS.includes(catchUp)) throw refused('catchUp', `must be one of ${CATCH_UPS.join(', ')}`)
  // Two are added: the name of the schedule, and the tick.
  if (Object.keys(task.options?.metadata ?? {}).length > METADATA_ENTRIES_MAX - 2) {
    throw refused('task.metadata', `must not have more than ${METADATA_ENTRIES_MAX - 2} entries`)
  }
  if ('everyMs' in timing) {
    const { everyMs, anchorMs } = timing
    if (!Number.isInteger(everyMs) || everyMs < CRON_EVERY_MS_MIN || everyMs > DELAY_MS_MAX) {
      throw refused('every', `must be from ${CRON_EVERY_MS_MIN} ms to ten years`)
    }
    if (!Number.isSafeInteger(anchorMs)) throw refused('anchor', 'must be a time')
    return
  }
  checkTimezone(timing.timezone)
  patternOf(timing.expression)
  if (nextTickMs(timing, nowMs) === null) throw refused('expression', 'names no time that is still to come')
}

function refused(field: string, rule: string): ChasquiError {
  return new ChasquiError('INVALID_PARAMS', `${field} ${rule}`, { details: { field } })
}

/** @returns what is to be kept; null: nothing changes */
export function placed(before: ScheduleRow | null, schedule: Schedule, nowMs: number): ScheduleRow | null {
  const { name } = schedule
  if (before === null) {
    const state = {
      paused: false,
      throughMs: nowMs,
      activeIds: [],
      waitingMs: [],
      lastTickMs: null,
      lastId: null,
      fired: 0,
      skipped: 0,
      missed: 0,
      error: null,
    }
    return { name, schedule, state, nextAtMs: nextTickMs(schedule.timing, nowMs), version: 0 }
  }
  if (isDeepStrictEqual(before.schedule, schedule)) return null
  const { state } = before
  const keepsTiming = isDeepStrictEqual(before.schedule.timing, schedule.timing)
  // Ticks that were kept back are of the timing, and of the policy, that kept them.
  const keepsWaiting = keepsTiming && schedule.overlap === 'queue'
  const kept = {
    ...state,
    throughMs: keepsTiming ? state.throughMs : nowMs,
    waitingMs: keepsWaiting ? state.waitingMs : [],
    skipped: state.skipped + (keepsWaiting ? 0 : state.waitingMs.length),
  }
  const nextAtMs = keepsTiming || state.paused ? before.nextAtMs : nextTickMs(schedule.timing, nowMs)
  return { ...before, schedule, state: kept, nextAtMs }
}

/** @returns what is to be kept; null: nothing changes */
export function paused(row: ScheduleRow, isPaused: boolean, nowMs: number): ScheduleRow | null {
  const { state, schedule } = row
  if (state.paused === isPaused) return null
  if (isPaused) return { ...row, state: { ...state, paused: true }, nextAtMs: null }
  const throughMs = Math.max(state.throughMs, nowMs)
  // With ticks that were kept back it is looked at at once: what they waited for may have ended meanwhile.
  const nextAtMs = state.waitingMs.length > 0 ? nowMs : nextTickMs(schedule.timing, throughMs)
  return { ...row, state: { ...state, paused: false, throughMs }, nextAtMs }
}

export function recordOf({ schedule, state }: ScheduleRow, ticks: number): ScheduleRecord {
  const { paused, waitingMs, lastTickMs, lastId, fired, skipped, missed, error } = state
  const nextMs = paused ? [] : nextTicksMs(schedule.timing, state.throughMs, ticks)
  const waiting = waitingMs.length
  return { ...schedule, paused, nextMs, lastTickMs, lastId, waiting, fired, skipped, missed, error }
}

/** What names a timing in a sentence. */
export function timingText(timing: Timing): string {
  return 'everyMs' in timing ? `every ${timing.everyMs} ms` : `${timing.expression} (${timing.timezone})`
}
