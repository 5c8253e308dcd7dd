/** From events to the rows that are on the screen. Pure. */

import { isFinal } from '../../../src/task/lifecycle.ts'
import type { TaskEvent, TaskRecord } from '../api/shapes.ts'

export interface Patched {
  readonly rows: readonly TaskRecord[]
  /** Tasks that are told of and not among the rows. */
  readonly strangers: number
}

/** The same array when nothing changed. */
export function withEvents(rows: readonly TaskRecord[], events: readonly TaskEvent[]): Patched {
  const news = new Map<string, TaskEvent[]>()
  for (const event of events) {
    const known = news.get(event.id)
    if (known === undefined) news.set(event.id, [event])
    else known.push(event)
  }
  let found = 0
  const next = rows.map((row) => {
    const own = news.get(row.id)
    if (own === undefined) return row
    found++
    return own.reduce(withEvent, row)
  })
  return { rows: found === 0 ? rows : next, strangers: news.size - found }
}

function withEvent(row: TaskRecord, event: TaskEvent): TaskRecord {
  // Events may come late: what is final stays, but for a retry by hand, which is told as queued.
  if (isFinal(row.state) && !isFinal(event.state) && event.state !== 'queued') return row
  const { finishedAt, result: _result, error: _error, ...kept } = row
  const base = { ...kept, state: event.state, attempt: event.attempt }
  if (isFinal(event.state)) {
    const error = row.error === undefined ? {} : { error: row.error }
    return { ...base, ...error, finishedAt: finishedAt ?? event.at }
  }
  if (event.state !== 'running') return base
  if (event.progress !== undefined) return { ...base, progress: event.progress }
  return row.state === 'running' && row.attempt === event.attempt ? base : { ...base, startedAt: event.at }
}

/**
 * The newest page in front of what is there.
 * @returns null: the two do not touch, so that rows between them would be missing
 */
export function withNewest(
  rows: readonly TaskRecord[],
  newest: readonly TaskRecord[],
): readonly TaskRecord[] | null {
  const fresh = new Map(newest.map((row) => [row.id, row]))
  if (!rows.some(({ id }) => fresh.has(id))) return rows.length === 0 ? newest : null
  const known = new Set(rows.map(({ id }) => id))
  return [...newest.filter(({ id }) => !known.has(id)), ...rows.map((row) => fresh.get(row.id) ?? row)]
}
