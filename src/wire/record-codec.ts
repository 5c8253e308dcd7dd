/**
 * Task records and changes of state: port ↔ the shapes that foreign programs rely on (DESIGN section 4). The server writes text, because
 * results and data are JSON text already and may be long; the client reads what JSON.parse made of it.
 */

import type { Change, RetryAnswer, TaskPage } from '../engine/engine.ts'
import type { TaskState } from '../task/lifecycle.ts'
import type { TaskError } from '../task/outcome.ts'
import type { Progress, TaskRecord, WorkerIdentity } from '../task/task.ts'
import { writeTime } from './time-codec.ts'

// ---- the server's side ------------------------------------------------------------------------------------

/** Result of `task.get` and `task.wait`. */
export function writeRecords(records: readonly (TaskRecord | null)[]): string {
  return `{"tasks":[${records.map((record) => (record === null ? 'null' : writeRecord(record))).join(',')}]}`
}

/** Result of `task.list`. */
export function writePage({ tasks, cursor }: TaskPage): string {
  return `{"tasks":[${tasks.map(writeRecord).join(',')}],"cursor":${JSON.stringify(cursor)}}`
}

export function writeRecord(record: TaskRecord): string {
  const { id, type, queue, state, priority, attempt, maxAttempts, crashes, createdAtMs, runAtMs } = record
  let text = `{"id":${JSON.stringify(id)},"type":${JSON.stringify(type)},"queue":${JSON.stringify(queue)}`
  text += `,"state":"${state}","priority":${priority},"attempt":${attempt},"maxAttempts":${maxAttempts}`
  // A task that was never delayed is due since it came in.
  text += `,"crashes":${crashes},"createdAt":"${writeTime(createdAtMs)}","runAt":"${writeTime(runAtMs || createdAtMs)}"`
  if (record.startedAtMs !== undefined) text += `,"startedAt":"${writeTime(record.startedAtMs)}"`
  if (record.finishedAtMs !== undefined) text += `,"finishedAt":"${writeTime(record.finishedAtMs)}"`
  if (record.expiresAtMs !== undefined) text += `,"expiresAt":"${writeTime(record.expiresAtMs)}"`
  if (record.error !== undefined) text += `,"error":${JSON.stringify(record.error)}`
  if (record.progress !== undefined) text += `,"progress":${writeProgress(record.progress)}`
  if (record.worker !== undefined) text += `,"worker":${JSON.stringify(record.worker)}`
  if (record.key !== undefined) text += `,"key":${JSON.stringify(record.key)}`
  if (record.metadata !== undefined) text += `,"metadata":${JSON.stringify(record.metadata)}`
  if (record.resultText !== undefined) text += `,"result":${record.resultText}`
  if (record.dataText !== undefined) text += `,"data":${record.dataText}`
  return `${text}}`
}

/** Without a known total the field is left out. */
export function writeProgress({ done, total, note }: Progress): string {
  return JSON.stringify({
    done,
    ...(total === null ? {} : { total }),
    ...(note === undefined ? {} : { note }),
  })
}

/** Result of `task.cancel`. */
export function writeChanges(changes: readonly (Change | null)[]): string {
  return JSON.stringify({ tasks: changes.map(changeShape) })
}

/** Result of `task.retry`. */
export function writeRetryAnswer({ tasks, more }: RetryAnswer): string {
  return JSON.stringify({ tasks: tasks.map(changeShape), more })
}

function changeShape(change: Change | null) {
  return change === null ? null : { id: change.id, state: change.state, changed: change.changed }
}

// ---- the client's side ------------------------------------------------------------------------------------

export function readRecords(result: unknown): (TaskRecord | null)[] {
  return (result as { tasks: unknown[] }).tasks.map((wire) => (wire === null ? null : readRecord(wire)))
}

export function readPage(result: unknown): TaskPage {
  const { tasks, cursor } = result as { tasks: unknown[]; cursor: string | null }
  return { tasks: tasks.map(readRecord), cursor }
}

interface WireRecord {
  readonly id: string
  readonly type: string
  readonly queue: string
  readonly state: TaskState
  readonly priority: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashes?: number
  readonly createdAt: string
  readonly runAt: string
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly expiresAt?: string
  readonly result?: unknown
  readonly error?: TaskError
  readonly progress?: { readonly done: number; readonly total?: number; readonly note?: string }
  readonly worker?: WorkerIdentity
  readonly key?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly data?: unknown
}

export function readRecord(wire: unknown): TaskRecord {
  const {
    createdAt,
    runAt,
    startedAt,
    finishedAt,
    expiresAt,
    result,
    progress,
    data,
    crashes = 0,
    ...same
  } = wire as WireRecord
  return {
    ...same,
    crashes,
    createdAtMs: Date.parse(createdAt),
    runAtMs: Date.parse(runAt),
    ...(startedAt === undefined ? {} : { startedAtMs: Date.parse(startedAt) }),
    ...(finishedAt === undefined ? {} : { finishedAtMs: Date.parse(finishedAt) }),
    ...(expiresAt === undefined ? {} : { expiresAtMs: Date.parse(expiresAt) }),
    ...(result === undefined ? {} : { resultText: JSON.stringify(result) }),
    ...(progress === undefined ? {} : { progress: readProgress(progress) }),
    ...(data === undefined ? {} : { dataText: JSON.stringify(data) }),
  }
}

export function readProgress(wire: unknown): Progress {
  const { done, total = null, note } = wire as { done: number; total?: number; note?: string }
  return { done, total, ...(note === undefined ? {} : { note }) }
}

export function readChanges(result: unknown): (Change | null)[] {
  return (result as { tasks: (Change | null)[] }).tasks
}

export function readRetryAnswer(result: unknown): RetryAnswer {
  return result as RetryAnswer
}
