/**
 * From totals, looked at once a second, to rates over time. Pure: what was seen and when is handed in.
 *
 * Invariant: bounded. `POINTS_MAX` points are kept; a server that begins to count anew makes a gap, never a negative rate.
 */

import type { Stats } from '../api/shapes.ts'

/** Ten minutes at one look a second. */
export const POINTS_MAX = 600

export interface Point {
  readonly atMs: number
  readonly submittedRate: number
  readonly succeededRate: number
  /** Failed, cancelled and expired. */
  readonly lostRate: number
  readonly waiting: number
  readonly running: number
}

export interface Totals {
  readonly submitted: number
  readonly succeeded: number
  readonly failed: number
  readonly canceled: number
  readonly expired: number
  readonly scheduled: number
  readonly blocked: number
  readonly queued: number
  readonly running: number
  /** When the oldest waiting task of all queues became due. */
  readonly oldestQueuedAt: string | null
}

export function sumOf(queues: Stats['queues']): Totals {
  const sum = (pick: (queue: Stats['queues'][number]) => number) =>
    queues.reduce((total, queue) => total + pick(queue), 0)
  const oldest = queues
    .flatMap(({ oldestQueuedAt }) => (oldestQueuedAt === null ? [] : [oldestQueuedAt]))
    .sort()
  return {
    submitted: sum(({ totals }) => totals.submitted),
    succeeded: sum(({ totals }) => totals.succeeded),
    failed: sum(({ totals }) => totals.failed),
    canceled: sum(({ totals }) => totals.canceled),
    expired: sum(({ totals }) => totals.expired),
    scheduled: sum(({ scheduled }) => scheduled),
    blocked: sum(({ blocked }) => blocked),
    queued: sum(({ queued }) => queued),
    running: sum(({ running }) => running),
    oldestQueuedAt: oldest[0] ?? null,
  }
}

export interface Look {
  readonly atMs: number
  readonly totals: Totals
}

/** What happened between two looks, a second. null where they cannot be compared. */
export function pointBetween(before: Look, after: Look): Point | null {
  const seconds = (after.atMs - before.atMs) / 1_000
  if (seconds <= 0 || after.totals.submitted < before.totals.submitted) return null
  // A task that is retried by hand leaves its total: a rate below zero would be its trace.
  const rate = (pick: (totals: Totals) => number) =>
    Math.max(0, (pick(after.totals) - pick(before.totals)) / seconds)
  return {
    atMs: after.atMs,
    submittedRate: rate(({ submitted }) => submitted),
    succeededRate: rate(({ succeeded }) => succeeded),
    lostRate: rate(({ failed, canceled, expired }) => failed + canceled + expired),
    waiting: after.totals.queued,
    running: after.totals.running,
  }
}

export function withPoint(points: readonly Point[], point: Point): readonly Point[] {
  return [...points.slice(-(POINTS_MAX - 1)), point]
}
