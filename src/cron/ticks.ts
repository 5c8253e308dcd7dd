/**
 * When a schedule ticks: the pure heart of cron. A tick is an instant; what is said here of two clocks' worth of confusion a year is said of every zone.
 *
 *  - **Clocks go forward**, and a wall time that the expression names does not exist: its tick is as long after the change as the wall time is after the
 *    gap's beginning (02:30 daily, with 02:00 to 03:00 left out, is at 03:30 that day). Not lost; one that falls on another tick is one with it.
 *  - **Clocks go back**, and a wall time comes twice: its tick is the first of the two. Not doubled. Except where the expression names no hour (`*`): that
 *    means every hour that passes, so both hours have their ticks.
 *
 * Invariants: `nextTickMs` depends on nothing but its arguments and the tables of time zones; it goes up strictly, and asking from any instant between two
 * ticks answers the same one.
 */

import type { Timing } from '../engine/cron.ts'
import { type Pattern, patternOf } from './pattern.ts'
import { CHANGE_WINDOW_MS, type Change, changeBetween, offsetMsAt } from './zone.ts'

/** The first tick after an instant; null: there is none any more. */
export function nextTickMs(timing: Timing, afterMs: number): number | null {
  if ('everyMs' in timing) {
    const { everyMs, anchorMs } = timing
    return anchorMs + (Math.floor((afterMs - anchorMs) / everyMs) + 1) * everyMs
  }
  const pattern = patternOf(timing.expression)
  return timing.timezone === 'UTC' ? pattern.after(afterMs) : nextInZone(pattern, timing.timezone, afterMs)
}

/** The next ticks after an instant, at most `count`. */
export function nextTicksMs(timing: Timing, afterMs: number, count: number): number[] {
  const ticks: number[] = []
  for (let atMs: number | null = afterMs; ticks.length < count; ticks.push(atMs)) {
    atMs = nextTickMs(timing, atMs)
    if (atMs === null) break
  }
  return ticks
}

/**
 * Walks from one change of the clocks to the next: between two of them wall time is UTC plus an offset. Looks no further ahead than CHANGE_WINDOW_MS at a
 * time; when the next wall time is further away than that, it jumps to just before it, for nothing is named in between.
 */
function nextInZone(pattern: Pattern, timezone: string, afterMs: number): number | null {
  let fromMs = afterMs
  let last = changeBetween(timezone, fromMs - CHANGE_WINDOW_MS, fromMs)
  let offsetMs = offsetMsAt(timezone, fromMs)
  for (;;) {
    const tick = nextUnder(pattern, fromMs, offsetMs, last)
    // Just after a change `fromMs` is still before it.
    const lookMs = Math.max(fromMs, last?.atMs ?? fromMs)
    const coming = changeBetween(timezone, lookMs, lookMs + CHANGE_WINDOW_MS)
    if (coming !== null && (tick === null || tick >= coming.atMs)) {
      fromMs = coming.atMs - 1
      last = coming
      offsetMs = coming.afterMs
      continue
    }
    if (tick === null || tick <= lookMs + CHANGE_WINDOW_MS) return tick
    fromMs = tick - CHANGE_WINDOW_MS
    last = changeBetween(timezone, fromMs - CHANGE_WINDOW_MS, fromMs)
    offsetMs = offsetMsAt(timezone, fromMs)
  }
}

/** The first tick after an instant if the offset stayed as it is since the last change, however far away. */
function nextUnder(pattern: Pattern, fromMs: number, offsetMs: number, change: Change | null): number | null {
  let wallMs = fromMs + offsetMs
  // Gone back: what the clocks show a second time was had the first time.
  if (change !== null && !pattern.isHourly) wallMs = Math.max(wallMs, change.atMs + change.beforeMs - 1)
  const nextWallMs = pattern.after(wallMs)
  const tick = nextWallMs === null ? null : nextWallMs - offsetMs
  if (change === null || change.afterMs < change.beforeMs) return tick
  // Gone forward: what the clocks left out is where it would have been without the change.
  const gapEndMs = change.atMs + change.afterMs
  const leftOutMs = pattern.after(fromMs + change.beforeMs)
  if (leftOutMs === null || leftOutMs >= gapEndMs) return tick
  const moved = leftOutMs - change.beforeMs
  return tick === null ? moved : Math.min(tick, moved)
}
