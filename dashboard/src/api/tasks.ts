/** Tasks: looking at them and steering them. */

import { ask } from './door.ts'
import type { Change, Explanation, LogLine, NewTask, Receipt, TaskRecord } from './shapes.ts'

export interface TaskFilter {
  readonly states?: readonly string[]
  readonly types?: readonly string[]
  readonly queues?: readonly string[]
  /** ISO 8601. */
  readonly createdAfter?: string | null
  readonly createdBefore?: string | null
}

export interface TaskPage {
  readonly tasks: readonly TaskRecord[]
  readonly cursor: string | null
}

export interface PageRequest {
  readonly limit: number
  readonly cursor?: string | null
  readonly signal?: AbortSignal
}

export function listTasks(filter: TaskFilter, { limit, cursor, signal }: PageRequest): Promise<TaskPage> {
  const { states, types, queues, createdAfter, createdBefore } = filter
  const query = { state: states, type: types, queue: queues, createdAfter, createdBefore, limit, cursor }
  return ask('GET', 'v1/tasks', { query, ...(signal !== undefined && { signal }) })
}

/** With what was submitted. null: unknown. */
export async function getTask(id: string, signal?: AbortSignal): Promise<TaskRecord | null> {
  const { tasks } = await ask<{ tasks: (TaskRecord | null)[] }>('POST', 'v1/tasks/get', {
    body: { ids: [id], data: true },
    ...(signal !== undefined && { signal }),
  })
  return tasks[0] ?? null
}

export async function getTasks(ids: readonly string[]): Promise<readonly (TaskRecord | null)[]> {
  const { tasks } = await ask<{ tasks: (TaskRecord | null)[] }>('POST', 'v1/tasks/get', { body: { ids } })
  return tasks
}

export async function readLog(id: string, after: number): Promise<readonly LogLine[]> {
  const path = `v1/tasks/${encodeURIComponent(id)}/log`
  return (await ask<{ lines: LogLine[] }>('GET', path, { query: { after } })).lines
}

export function explainTask(id: string, signal: AbortSignal): Promise<Explanation> {
  return ask('GET', `v1/tasks/${encodeURIComponent(id)}/explain`, { signal })
}

export async function submitTasks(tasks: readonly NewTask[]): Promise<readonly Receipt[]> {
  return (await ask<{ receipts: Receipt[] }>('POST', 'v1/tasks', { body: { tasks } })).receipts
}

export async function cancelTasks(ids: readonly string[]): Promise<readonly (Change | null)[]> {
  return (await ask<{ tasks: (Change | null)[] }>('POST', 'v1/tasks/cancel', { body: { ids } })).tasks
}

export async function retryTasks(ids: readonly string[]): Promise<readonly (Change | null)[]> {
  return (await ask<{ tasks: (Change | null)[] }>('POST', 'v1/tasks/retry', { body: { ids } })).tasks
}

export interface RetryFilter {
  readonly type?: readonly string[]
  readonly queue?: readonly string[]
}

/** Failed ones, the oldest first, as many as the server takes up at a time. */
export function retryMatching(
  filter: RetryFilter,
): Promise<{ readonly tasks: readonly (Change | null)[]; readonly more: boolean }> {
  return ask('POST', 'v1/tasks/retry', { body: { filter } })
}
