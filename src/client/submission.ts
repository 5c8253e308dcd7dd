/**
 * What a caller passes to `submit` → a Submission, complete and checked. Pure, and the hot path of every producer: a task without
 * options of its own costs an id and one object.
 */

import { type BackoffSetting, isTaskDefinition, type TaskDefinition } from '../task/definition.ts'
import { ChasquiError } from '../task/errors.ts'
import { newTaskId } from '../task/ids.ts'
import { JSON_DEPTH_MAX, PRIORITY_DEFAULT, QUEUE_DEFAULT, TYPE_LENGTH_MAX } from '../task/limits.ts'
import type { Durability, Submission, TaskOptions } from '../task/task.ts'
import { readCommonName } from '../wire/fields.ts'
import { refuseTooDeep } from '../wire/messages.ts'
import { readSubmission } from '../wire/submission-codec.ts'

/** Everything may be left out; what a definition says is the default of its tasks. */
export interface SubmitOptions {
  /** Your own id, 1 to 128 characters; submitting the same id again is safe. Default: a new UUIDv7. */
  readonly id?: string | undefined
  readonly queue?: string | undefined
  /** 0 to 9; higher runs first. Default 4. */
  readonly priority?: number | undefined
  /** Not before so many milliseconds from now. Excludes `runAt`. */
  readonly delayMs?: number | undefined
  /** Not before this time: a Date, milliseconds since the epoch, or ISO 8601 with its zone. */
  readonly runAt?: Date | number | string | undefined
  /** Expires when it was not started after so many milliseconds. Excludes `expiresAt`. */
  readonly ttlMs?: number | undefined
  readonly expiresAt?: Date | number | string | undefined
  readonly maxAttempts?: number | undefined
  /** Worker deaths that it survives. */
  readonly maxCrashes?: number | undefined
  readonly backoff?: BackoffSetting | undefined
  /** For one attempt. */
  readonly timeoutMs?: number | undefined
  /** While a task with the same key is younger than the window, submitting answers with that task. */
  readonly dedupeKey?: string | undefined
  readonly dedupeWindowMs?: number | undefined
  /** Whose task it is: limits and fairness apply per key. */
  readonly key?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Called by the distributor when the task is final; see docs/webhooks.md. */
  readonly webhook?: { readonly url: string } | undefined
  /** `relaxed`: confirmed before it is synced to disk. Default `disk`. */
  readonly durability?: Exclude<Durability, 'memory'> | undefined
}

/** What the tasks of a definition, or of a bare type, have in common. */
interface Template {
  readonly type: string
  readonly queue: string
  readonly priority: number
  readonly options: TaskOptions | null
  readonly ttlMs: number | undefined
}

const templates = new WeakMap<TaskDefinition, Template>()

/** @throws ChasquiError INVALID_PARAMS naming the field */
export function createSubmission(
  task: TaskDefinition | string,
  dataText: string,
  options: SubmitOptions | undefined,
  nowMs: number,
): Submission {
  if (options !== undefined) return withOptions(task, dataText, options, nowMs)
  const { type, queue, priority, options: own, ttlMs } = templateOf(task)
  const kept = ttlMs === undefined ? own : { ...own, expiresAtMs: nowMs + ttlMs }
  return { id: newTaskId(nowMs), type, queue, dataText, priority, runAtMs: 0, options: kept }
}

function templateOf(task: TaskDefinition | string): Template {
  if (typeof task === 'string') {
    const type = readCommonName(task, 'type', TYPE_LENGTH_MAX)
    return { type, queue: QUEUE_DEFAULT, priority: PRIORITY_DEFAULT, options: null, ttlMs: undefined }
  }
  const known = templates.get(task)
  if (known !== undefined) return known
  if (!isTaskDefinition(task)) {
    throw new ChasquiError('INVALID_PARAMS', 'a task is submitted by its definition or by its type, a string')
  }
  const { type, queue = QUEUE_DEFAULT, defaults } = task
  const { priority = PRIORITY_DEFAULT, ttlMs, ...rest } = defaults
  const template: Template = {
    type,
    queue,
    priority,
    options: Object.keys(rest).length === 0 ? null : rest,
    ttlMs,
  }
  templates.set(task, template)
  return template
}

/** The same check as the server's own, so that what is wrong is told at once and everywhere alike. */
function withOptions(
  task: TaskDefinition | string,
  dataText: string,
  options: SubmitOptions,
  nowMs: number,
): Submission {
  const { type, queue, priority, options: own, ttlMs } = templateOf(task)
  const wire: Record<string, unknown> = { type, queue, priority, ...own }
  if (ttlMs !== undefined && options.expiresAt === undefined) wire.ttlMs = ttlMs
  for (const [field, value] of Object.entries(options)) {
    if (value === undefined || field === 'durability') continue
    wire[field] = field === 'runAt' || field === 'expiresAt' ? timeText(value, field) : value
  }
  return { ...readSubmission(wire, { nowMs, bare: false }), dataText }
}

function timeText(value: unknown, field: string): unknown {
  if (typeof value !== 'number' && !(value instanceof Date)) return value
  const date = new Date(value)
  if (Number.isNaN(date.getTime())) throw new ChasquiError('INVALID_PARAMS', `${field} is not a time`)
  return date.toISOString()
}

/** @throws ChasquiError INVALID_INPUT or TOO_DEEP */
export function dataTextOf(data: unknown): string {
  if (data === undefined) return 'null'
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (cause) {
    throw new ChasquiError(
      'INVALID_INPUT',
      `the data cannot be written as JSON: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
  if (text === undefined)
    throw new ChasquiError('INVALID_INPUT', `a ${typeof data} cannot be written as JSON`)
  // Each level takes a bracket on either side.
  if (text.length > 2 * JSON_DEPTH_MAX) refuseTooDeep(text)
  return text
}
