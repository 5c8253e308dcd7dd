/**
 * The life of one task as far as its record, its log and what was seen live tell. Pure.
 *
 * The record knows its last attempt only; earlier ones show where they logged something, or where this page was watching.
 */

import type { LogLine, TaskEvent, TaskRecord } from '../api/shapes.ts'

export type Moment =
  | { readonly kind: 'accepted'; readonly at: string }
  | { readonly kind: 'due'; readonly at: string }
  | { readonly kind: 'attempt'; readonly at: string | null; readonly attempt: number; readonly lines: number }
  | { readonly kind: 'state'; readonly at: string; readonly state: TaskRecord['state'] }

export function timelineOf(
  record: TaskRecord,
  lines: readonly LogLine[],
  seen: readonly TaskEvent[],
): readonly Moment[] {
  const moments: Moment[] = [{ kind: 'accepted', at: record.createdAt }]
  if (record.runAt > record.createdAt && record.attempt <= 1) moments.push({ kind: 'due', at: record.runAt })
  for (let attempt = 1; attempt <= record.attempt; attempt++) {
    const own = lines.filter((line) => line.attempt === attempt)
    const seenAt = seen.find((event) => event.attempt === attempt && event.state === 'running')?.at
    const startedAt = attempt === record.attempt ? record.startedAt : undefined
    moments.push({
      kind: 'attempt',
      at: startedAt ?? seenAt ?? own[0]?.at ?? null,
      attempt,
      lines: own.length,
    })
    const after = seen.filter((event) => event.attempt === attempt && isPause(event))
    // One task can be told of twice; one pause of an attempt is one moment.
    const pause = after.at(-1)
    if (pause !== undefined && attempt < record.attempt) {
      moments.push({ kind: 'state', at: pause.at, state: pause.state })
    }
  }
  const endedAt = record.finishedAt
  if (endedAt !== undefined) moments.push({ kind: 'state', at: endedAt, state: record.state })
  else if (record.attempt > 0 && (record.state === 'scheduled' || record.state === 'queued')) {
    moments.push({ kind: 'state', at: record.runAt, state: record.state })
  }
  return moments
}

/** Between two attempts. */
function isPause({ state, progress, lines }: TaskEvent): boolean {
  return progress === undefined && lines === undefined && (state === 'scheduled' || state === 'queued')
}
