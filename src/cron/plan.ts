/**
 * What a schedule that is looked at has to do: which tasks to cancel and to submit, and what is kept of it afterwards. Pure, and the same on all
 * engines; src/engine/cron-runner.ts does what it says.
 *
 * Invariant: made again from the same row it says the same, as long as the tasks that it submits are not taken for tasks of earlier ticks: so a runner
 * that dies between submitting and keeping costs nothing.
 */

import type { ScheduleRow, ScheduleState } from '../engine/cron.ts'
import { CRON_WAITING_TICKS_MAX } from '../task/limits.ts'
import { dueTicks } from './due.ts'
import { tickId } from './tick-task.ts'

export interface Plan {
  /** Tasks of earlier ticks. */
  readonly cancelIds: readonly string[]
  readonly submitMs: readonly number[]
  /** When that is done. */
  readonly row: ScheduleRow
}

/** @param isActive whether a task is known and not final */
export function planTicks(row: ScheduleRow, nowMs: number, isActive: (id: string) => boolean): Plan {
  const { name, schedule, state } = row
  const active = state.activeIds.filter(isActive)
  if (state.paused) return planned(row, { ...state, activeIds: active }, null, [], [])
  const due = dueTicks(schedule.timing, state.throughMs, nowMs, schedule.catchUp)
  const { throughMs } = due
  const counted = { ...state, throughMs, missed: state.missed + due.missed }
  const candidates = [...state.waitingMs, ...due.ticks]

  if (schedule.overlap === 'queue') {
    const [first, ...rest] = candidates
    const isFree = active.length === 0 && first !== undefined
    const waiting = isFree ? rest : candidates
    const kept = waiting.slice(0, CRON_WAITING_TICKS_MAX)
    const skipped = counted.skipped + waiting.length - kept.length
    const next = { ...counted, activeIds: active, waitingMs: kept, skipped }
    return planned(row, next, due.nextMs, [], isFree ? [first] : [])
  }

  const chosen = schedule.overlap === 'replace' ? candidates.at(-1) : candidates[0]
  const isRun = chosen !== undefined && (schedule.overlap === 'replace' || active.length === 0)
  const submitMs = isRun ? [chosen] : []
  const skipped = counted.skipped + candidates.length - submitMs.length
  const cancelIds = isRun ? active : []
  // What it submits itself may have been submitted before by one who died of it.
  const others = cancelIds.filter((id) => id !== tickId(name, chosen!))
  const next = { ...counted, activeIds: isRun ? [] : active, waitingMs: [], skipped }
  return planned(row, next, due.nextMs, others, submitMs)
}

function planned(
  row: ScheduleRow,
  state: ScheduleState,
  nextMs: number | null,
  cancelIds: readonly string[],
  submitMs: readonly number[],
): Plan {
  const next = withSubmitted(row.name, state, submitMs)
  return { cancelIds, submitMs, row: { ...row, state: next, nextAtMs: nextMs } }
}

/** It was paused while tasks of its ticks were submitted: those were before the pause, and count. */
export function submittedMeanwhile(paused: ScheduleRow, submitMs: readonly number[]): ScheduleRow {
  const { state } = paused
  const waitingMs = state.waitingMs.filter((tickMs) => !submitMs.includes(tickMs))
  const throughMs = Math.max(state.throughMs, ...submitMs)
  return { ...paused, state: withSubmitted(paused.name, { ...state, waitingMs, throughMs }, submitMs) }
}

function withSubmitted(name: string, state: ScheduleState, submitMs: readonly number[]): ScheduleState {
  const last = submitMs.at(-1)
  if (last === undefined) return state
  const id = tickId(name, last)
  return {
    ...state,
    activeIds: [...state.activeIds, id],
    lastTickMs: last,
    lastId: id,
    fired: state.fired + submitMs.length,
    error: null,
  }
}
