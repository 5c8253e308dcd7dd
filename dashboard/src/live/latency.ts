/** How long tasks waited and ran, from the records of some that just ended. Pure. */

import type { TaskRecord } from '../api/shapes.ts'

export interface Latency {
  readonly atMs: number
  /** How many records it stands on. */
  readonly tasks: number
  readonly waitMs: Spread
  readonly runMs: Spread
}

export interface Spread {
  readonly p50: number
  readonly p95: number
}

/** null: nothing ended that could be measured. */
export function latencyOf(records: readonly TaskRecord[], atMs: number): Latency | null {
  const started = records.filter(
    ({ startedAt, finishedAt }) => startedAt !== undefined && finishedAt !== undefined,
  )
  if (started.length === 0) return null
  return {
    atMs,
    tasks: started.length,
    // `runAt` is when it became due: what was scheduled for later did not wait before that.
    waitMs: spreadOf(started.map(({ runAt, startedAt }) => Date.parse(startedAt!) - Date.parse(runAt))),
    runMs: spreadOf(
      started.map(({ startedAt, finishedAt }) => Date.parse(finishedAt!) - Date.parse(startedAt!)),
    ),
  }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.map((value) => Math.max(0, value)).sort((a, b) => a - b)
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) }
}

/** Nearest rank (Hyndman and Fan, type 1): always a value that was really measured. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
