/** What can be seen of a cluster without changing it: tasks, pages of them, log lines, counts. */

import {
  LIST_LIMIT_MAX,
  LIST_SCAN_MAX,
  LOG_LINES_MAX,
  OLDEST_SCAN_MAX,
  WAITING_TYPES_MAX,
} from '../../task/limits.ts'
import type { TaskRecord } from '../../task/task.ts'
import type { EngineReport, ListQuery, LogLine, QueueReport, TaskPage } from '../engine.ts'
import { LOG_LEVEL_NAMES } from '../log-lines.ts'
import { readCursor, writeCursor } from '../page-cursor.ts'
import { reportOfSeat } from '../seat-ring.ts'
import type { Core } from './core.ts'
import { isPlain, numbers, texts } from './ledger/columns.ts'
import {
  COUNTS,
  FIND,
  FIND_SEQS,
  FIND_WITH_DATA,
  LANE_COUNTS,
  LOG,
  OLDEST,
  OWNED,
  PAGE,
  PAGE_WITH_DATA,
  readTask,
  recordOf,
  SIZE,
  type TaskRow,
} from './ledger/look-statements.ts'
import { laneOf } from './steering.ts'

export async function readRecords(
  core: Core,
  ids: readonly string[],
  withData: boolean,
): Promise<(TaskRecord | null)[]> {
  if (ids.length === 0) return []
  const rows = await core.ledger.look.repeat(withData ? FIND_WITH_DATA : FIND, [texts(ids.filter(isPlain))])
  const records = new Map<string, TaskRecord>()
  for (const row of rows.map(readTask)) records.set(row.id, await toRecord(core, row, withData))
  return ids.map((id) => records.get(id) ?? null)
}

export async function readRecordsOf(core: Core, seqs: readonly number[]): Promise<Map<number, TaskRecord>> {
  const rows = await core.ledger.look.repeat(FIND_SEQS, [numbers(seqs)])
  const records = new Map<number, TaskRecord>()
  for (const row of rows.map(readTask)) records.set(row.seq, await toRecord(core, row, false))
  return records
}

export async function toRecord(core: Core, row: TaskRow, withData: boolean): Promise<TaskRecord> {
  const [resultText, dataText, lane] = await Promise.all([
    row.state === 'succeeded' ? core.values.load(row.resultText, row.resultRef) : null,
    withData ? core.values.load(row.dataText, row.dataRef) : null,
    laneOf(core, row.laneNo),
  ])
  const record = recordOf(row, lane, { resultText, dataText })
  const progress = core.leases.find(row)?.progress ?? null
  return progress === null || row.state !== 'running' ? record : { ...record, progress }
}

/** Newest first; a bounded number of rows is looked at. */
export async function readPage(core: Core, query: ListQuery): Promise<TaskPage> {
  const withData = query.data === true
  const limit = Math.max(1, Math.min(query.limit, LIST_LIMIT_MAX))
  const tasks: TaskRecord[] = []
  let beforeSeq = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(query.cursor)
  for (let left = LIST_SCAN_MAX; left > 0; ) {
    const want = Math.min(LIST_LIMIT_MAX, left)
    const rows = await core.ledger.look.repeat(withData ? PAGE_WITH_DATA : PAGE, [beforeSeq, want])
    for (const row of rows.map(readTask)) {
      beforeSeq = row.seq
      if (await matches(core, row, query)) tasks.push(await toRecord(core, row, withData))
      if (tasks.length === limit) return { tasks, cursor: writeCursor(beforeSeq) }
    }
    if (rows.length < want) return { tasks, cursor: null }
    left -= rows.length
  }
  return { tasks, cursor: writeCursor(beforeSeq) }
}

async function matches(core: Core, row: TaskRow, { states, types, queues }: ListQuery): Promise<boolean> {
  const lane = await laneOf(core, row.laneNo)
  return (
    (states === undefined || states.includes(row.state)) &&
    (types === undefined || types.includes(lane.type)) &&
    (queues === undefined || queues.includes(lane.queue))
  )
}

export async function readLog(core: Core, id: string, after: number): Promise<LogLine[]> {
  if (!isPlain(id)) return []
  const rows = await core.ledger.look.repeat<[number, number, number, number, string]>(LOG, [
    id,
    after,
    LOG_LINES_MAX,
  ])
  return rows.map(([number, atMs, attempt, level, text]) => ({
    number,
    atMs,
    attempt,
    level: LOG_LEVEL_NAMES[level]!,
    text,
  }))
}

/**
 * Counts are rows that every statement changes with what it does, so they are exact and cheap. The oldest waiting task is looked for among the
 * first OLDEST_SCAN_MAX rows only: behind more finished ones it is not seen.
 */
export async function queueReports(core: Core): Promise<QueueReport[]> {
  const rows = await core.ledger.look.repeat(COUNTS, [])
  const waitingTypes = await waitingTypesOf(core)
  const reports: Omit<QueueReport, 'settings'>[] = []
  for (const row of rows) {
    const [queue, submitted, scheduled, running, succeeded, failed, canceled, expired] = row as readonly [
      string,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const queued = submitted - scheduled - running - succeeded - failed - canceled - expired
    reports.push({
      queue,
      scheduled,
      blocked: 0,
      queued,
      running,
      oldestQueuedAtMs: queued > 0 ? await oldestOf(core, queue) : null,
      waitingTypes: waitingTypes.get(queue) ?? [],
      totals: { submitted, succeeded, failed, canceled, expired },
    })
  }
  return core.queues.complete(reports)
}

export async function inspect(core: Core, openedAtMs: number, isSilent: boolean): Promise<EngineReport> {
  const [queues, [size]] = await Promise.all([queueReports(core), core.ledger.look.repeat(SIZE, [])])
  const [bytes, outbox, claims] = size as readonly [number, number, number]
  return {
    kind: 'cluster',
    durability: 'disk',
    queues,
    consumers: [...core.ring.seats.map(reportOfSeat), ...core.otherConsumers],
    store: {
      bytes,
      outbox,
      claims,
      leases: core.leases.size,
      lapses: core.lapses,
      member: core.member,
      broker: core.broker.isBlocked ? 'blocked' : core.broker.isUp ? 'up' : 'down',
      consumption: isSilent ? 'silent' : 'ok',
      openedAt: new Date(openedAtMs).toISOString(),
    },
    owners: async () =>
      Object.fromEntries(await core.ledger.look.repeat<readonly [string, number]>(OWNED, [])),
  }
}

/** By queue. */
async function waitingTypesOf(core: Core): Promise<Map<string, string[]>> {
  const types = new Map<string, string[]>()
  for (const [laneNo, queued] of await core.ledger.look.repeat<[number, number]>(LANE_COUNTS, [])) {
    if (queued <= 0) continue
    const { queue, type } = await laneOf(core, laneNo)
    const ofQueue = types.get(queue) ?? []
    // A type has a lane for each priority.
    if (ofQueue.length < WAITING_TYPES_MAX && !ofQueue.includes(type)) ofQueue.push(type)
    types.set(queue, ofQueue)
  }
  return types
}

async function oldestOf(core: Core, queue: string): Promise<number | null> {
  const lanes = [...core.lanes.all].filter((lane) => lane.queue === queue).map(({ no }) => no)
  const [row] = await core.ledger.look.repeat(OLDEST, [numbers(lanes), OLDEST_SCAN_MAX])
  return (row?.[0] ?? null) as number | null
}
