/** What can be seen of a store without changing it: tasks, pages of them, log lines, counts. Reads only what is committed. */

import { LIST_LIMIT_MAX, LIST_SCAN_MAX, LOG_LINES_MAX, WAITING_TYPES_MAX } from '../../task/limits.ts'
import type { TaskRecord } from '../../task/task.ts'
import type { ListQuery, LogLine, QueueReport, TaskPage } from '../engine.ts'
import { LOG_LEVEL_NAMES } from '../log-lines.ts'
import { readCursor, writeCursor } from '../page-cursor.ts'
import type { FullRow } from './full-row.ts'
import type { Heart } from './heart.ts'
import { recordOf, stateOf } from './records.ts'

export function readRecords(heart: Heart, ids: readonly string[], withData: boolean): (TaskRecord | null)[] {
  return ids.map((id) => {
    const row = heart.store.look.find(id, withData)
    return row === null ? null : recordOf(heart, row)
  })
}

export function readRecord(heart: Heart, seq: number): TaskRecord | null {
  const row = heart.store.look.findSeq(seq)
  return row === null ? null : recordOf(heart, row)
}

/** Newest first. The dead-letter set has an index of its own; for everything else a bounded number of rows is looked at. */
export function readPage(heart: Heart, query: ListQuery): TaskPage {
  const { look } = heart.store
  const withData = query.data === true
  const limit = Math.max(1, Math.min(query.limit, LIST_LIMIT_MAX))
  const onlyFailed = query.states?.length === 1 && query.states[0] === 'failed'
  const tasks: TaskRecord[] = []
  let beforeSeq = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(query.cursor)
  for (let left = LIST_SCAN_MAX; left > 0; ) {
    const want = Math.min(LIST_LIMIT_MAX, left)
    const rows = onlyFailed
      ? look.readFailedBackwards(beforeSeq, want, withData)
      : look.readBackwards(beforeSeq, want, withData)
    for (const row of rows) {
      beforeSeq = row.seq
      if (matches(heart, row, query)) tasks.push(recordOf(heart, row))
      if (tasks.length === limit) return { tasks, cursor: writeCursor(beforeSeq) }
    }
    if (rows.length < want) return { tasks, cursor: null }
    left -= rows.length
  }
  return { tasks, cursor: writeCursor(beforeSeq) }
}

function matches(heart: Heart, row: FullRow, { states, types, queues }: ListQuery): boolean {
  const { names } = heart.store
  return (
    (states === undefined || states.includes(stateOf(heart, row))) &&
    (types === undefined || types.includes(names.nameOf(row.typeNo))) &&
    (queues === undefined || queues.includes(names.nameOf(row.queueNo)))
  )
}

export function readLog(heart: Heart, id: string, after: number): LogLine[] {
  return heart.store.log
    .readLog(id, after, LOG_LINES_MAX)
    .map(({ level, ...line }) => ({ ...line, level: LOG_LEVEL_NAMES[level]! }))
}

export function queueReports(heart: Heart): QueueReport[] {
  const oldest = new Map<number, number>()
  const waitingTypes = new Map<number, string[]>()
  for (const line of heart.lines.all) {
    const dueAtMs = line.oldest()
    if (dueAtMs !== null) {
      const types = waitingTypes.get(line.queueNo) ?? []
      if (types.length < WAITING_TYPES_MAX) types.push(heart.store.names.nameOf(line.typeNo))
      waitingTypes.set(line.queueNo, types)
    }
    if (dueAtMs !== null && dueAtMs < (oldest.get(line.queueNo) ?? Number.POSITIVE_INFINITY)) {
      oldest.set(line.queueNo, dueAtMs)
    }
  }
  const counted = [...heart.counts.byQueue].map(([queueNo, count]) => ({
    queue: heart.store.names.nameOf(queueNo),
    scheduled: count.scheduled,
    blocked: 0,
    queued: count.queued,
    running: count.running,
    oldestQueuedAtMs: oldest.get(queueNo) ?? null,
    waitingTypes: waitingTypes.get(queueNo) ?? [],
    totals: { ...count.totals },
  }))
  return heart.queues.complete(counted)
}
