/** Task records on the screen: a line, a table, or everything about one. */

import { roughDuration } from '../app/quantities.ts'
import type { TaskSnapshot } from '../client/snapshot.ts'
import type { TaskState } from '../task/lifecycle.ts'
import type { Progress } from '../task/task.ts'
import { writeRecord } from '../wire/record-codec.ts'
import { type Colors, type Column, type Screen, shortText, tableLines } from './screen.ts'

const RESULT_LENGTH_MAX = 60

export function coloredState(state: TaskState, colors: Colors): string {
  switch (state) {
    case 'succeeded':
      return colors.green(state)
    case 'failed':
      return colors.red(state)
    case 'canceled':
    case 'expired':
      return colors.yellow(state)
    case 'running':
      return colors.cyan(state)
    default:
      return state
  }
}

/** `12`, or `TypeError: no such thing`, or `3/10 pages`: what there is to say of it now. */
export function outcomeText({ state, result, error, progress, unreadable }: TaskSnapshot): string {
  if (unreadable !== undefined) return `${unreadable.code}: ${unreadable.message}`
  if (state === 'succeeded') return JSON.stringify(result)
  if (error !== undefined) return `${error.name}: ${error.message}`
  return progress === undefined ? '' : progressText(progress)
}

export function progressText({ done, total, note }: Progress): string {
  return `${done}${total === null ? '' : `/${total}`}${note === undefined ? '' : ` ${note}`}`
}

/** From the start of the attempt to its end; null while it has not ended. */
export function runMs({ startedAtMs, finishedAtMs }: TaskSnapshot): number | null {
  return startedAtMs === undefined || finishedAtMs === undefined ? null : finishedAtMs - startedAtMs
}

/** The line of a task that was waited for: `0199… succeeded 12  (worker 4711, 3 ms)`. */
export function endLine(record: TaskSnapshot, colors: Colors): string {
  const { id, state, worker } = record
  const took = runMs(record)
  const by = [
    worker === undefined ? null : `worker ${worker.pid}`,
    took === null ? null : roughDuration(took),
  ].filter((part) => part !== null)
  const where = by.length === 0 ? '' : colors.dim(`  (${by.join(', ')})`)
  return `${id}  ${coloredState(state, colors)}  ${shortText(outcomeText(record), 200)}${where}`.trimEnd()
}

const COLUMNS = (nowMs: number, colors: Colors): readonly Column<TaskSnapshot>[] => [
  { title: 'id', cell: ({ id }) => shortText(id, 40) },
  { title: 'type', cell: ({ type }) => shortText(type, 24) },
  { title: 'queue', cell: ({ queue }) => shortText(queue, 16) },
  { title: 'state', cell: ({ state }) => coloredState(state, colors) },
  { title: 'attempt', cell: ({ attempt, maxAttempts }) => `${attempt}/${maxAttempts}`, right: true },
  { title: 'age', cell: ({ createdAtMs }) => roughDuration(Math.max(0, nowMs - createdAtMs)), right: true },
  { title: 'worker', cell: ({ worker }) => (worker === undefined ? '' : String(worker.pid)), right: true },
  { title: 'result', cell: (record) => shortText(outcomeText(record), RESULT_LENGTH_MAX) },
]

export function recordTable(records: readonly TaskSnapshot[], nowMs: number, colors: Colors): string[] {
  return tableLines(COLUMNS(nowMs, colors), records, colors)
}

/** Everything that is known of one task, a field a line. */
export function recordDetails(record: TaskSnapshot, colors: Colors): string[] {
  const took = runMs(record)
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
  const fields: Readonly<Record<string, string | undefined>> = {
    id: record.id,
    type: record.type,
    queue: record.queue,
    state: coloredState(record.state, colors),
    priority: String(record.priority),
    attempt: `${record.attempt} of ${record.maxAttempts}`,
    crashes: record.crashes === 0 ? undefined : String(record.crashes),
    created: time(record.createdAtMs),
    due: record.runAtMs > record.createdAtMs ? time(record.runAtMs) : undefined,
    expires: time(record.expiresAtMs),
    started: time(record.startedAtMs),
    finished: time(record.finishedAtMs),
    took: took === null ? undefined : roughDuration(took),
    worker: record.worker && `${record.worker.pid} on ${record.worker.host} (${record.worker.id})`,
    key: record.key,
    metadata: record.metadata && JSON.stringify(record.metadata),
    data: record.data === undefined ? undefined : JSON.stringify(record.data),
    result: record.state === 'succeeded' ? JSON.stringify(record.result) : undefined,
    unread: record.unreadable && `${record.unreadable.code}: ${record.unreadable.message}`,
    error: record.error && `${record.error.name}: ${record.error.message}`,
    progress: record.progress && progressText(record.progress),
  }
  return Object.entries(fields)
    .filter(([, text]) => text !== undefined && text !== '')
    .map(([name, text]) => `${colors.dim(name.padEnd(10))}${shortText(text!, 2_000)}`)
}

/** A record as the wire has it: ISO times, the result as a value. */
export function recordValue({ result, data, unreadable, ...same }: TaskSnapshot): unknown {
  const written = writeRecord({
    ...same,
    ...(result !== undefined && { resultText: JSON.stringify(result) }),
    ...(data !== undefined && { dataText: JSON.stringify(data) }),
  })
  return { ...(JSON.parse(written) as object), ...(unreadable !== undefined && { unreadable }) }
}

/** Each record as a JSON line, or all of them as a table. */
export function showRecords(records: readonly TaskSnapshot[], screen: Screen): void {
  if (screen.json) for (const record of records) screen.value(recordValue(record))
  else for (const line of recordTable(records, Date.now(), screen.colors)) screen.line(line)
}
