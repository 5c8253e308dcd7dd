/**
 * Which ticks are due, and which of those that come late are still run. Pure.
 *
 * Invariant: every tick after `throughMs` up to now is either in `ticks` or counted in `missed`.
 */

import type { CatchUp, Timing } from '../engine/cron.ts'
import { CRON_CATCH_UP_TICKS_MAX, CRON_LATE_MS } from '../task/limits.ts'
import { nextTickMs } from './ticks.ts'

export interface Due {
  /** To be dealt with, oldest first. */
  readonly ticks: readonly number[]
  readonly missed: number
  /** Up to here there is no other; what is looked at next is after it. */
  readonly throughMs: number
  /** The first tick after it; null: there is none any more. */
  readonly nextMs: number | null
}

export function dueTicks(timing: Timing, throughMs: number, nowMs: number, catchUp: CatchUp): Due {
  const lateMs = nowMs - CRON_LATE_MS
  let missed = 0
  let fromMs = throughMs
  // Years of ticks of each second are not counted one by one.
  const kept = catchUp === 'all' ? CRON_CATCH_UP_TICKS_MAX : 1
  if ('everyMs' in timing) {
    const { everyMs, anchorMs } = timing
    const jumpToMs = anchorMs + Math.floor((lateMs - anchorMs) / everyMs - kept) * everyMs
    const first = nextTickMs(timing, fromMs)!
    if (jumpToMs > first) {
      missed += Math.round((jumpToMs - first) / everyMs) + 1
      fromMs = jumpToMs
    }
  }
  const late: number[] = []
  const inTime: number[] = []
  let tick = nextTickMs(timing, fromMs)
  for (; tick !== null && tick <= nowMs; tick = nextTickMs(timing, tick)) {
    fromMs = tick
    if (tick >= lateMs) inTime.push(tick)
    else {
      late.push(tick)
      if (late.length > 2 * kept) missed += late.splice(0, late.length - kept).length
    }
  }
  const taken =
    catchUp === 'all' ? late.slice(-kept) : catchUp === 'last' && inTime.length === 0 ? late.slice(-1) : []
  missed += late.length - taken.length
  return { ticks: [...taken, ...inTime], missed, throughMs: Math.max(throughMs, fromMs), nextMs: tick }
}
