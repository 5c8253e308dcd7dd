/**
 * A task as it is submitted: wire ↔ `Submission`. Hot path: one loop over the fields checks, converts and finds unknown ones.
 *
 * Invariant: what leaves here is complete: defaults are filled in, times are absolute, data is JSON text within the depth limit.
 */

import type { Backoff } from '../task/backoff.ts'
import { ChasquiError } from '../task/errors.ts'
import { newTaskId } from '../task/ids.ts'
import {
  ATTEMPTS_MAX,
  BACKOFF_BASE_MS,
  BACKOFF_LIST_MAX,
  BACKOFF_MAX_MS,
  CRASHES_MAX,
  DEDUPE_WINDOW_MS_DEFAULT,
  DELAY_MS_MAX,
  ID_LENGTH_MAX,
  KEY_LENGTH_MAX,
  METADATA_ENTRIES_MAX,
  METADATA_LENGTH_MAX,
  PRIORITY_DEFAULT,
  PRIORITY_MAX,
  PRIORITY_MIN,
  QUEUE_DEFAULT,
  QUEUE_LENGTH_MAX,
  TIMEOUT_MS_MAX,
  TYPE_LENGTH_MAX,
  URL_LENGTH_MAX,
} from '../task/limits.ts'
import type { Durability, Submission, TaskOptions } from '../task/task.ts'
import { readCommonName, readInteger, readName, refuse } from './fields.ts'
import { jsonText } from './json-text.ts'
import { isObject } from './messages.ts'
import { readTime, writeTime } from './time-codec.ts'

export interface ReadSubmissionOptions {
  readonly nowMs: number
  /** A task of the seed's clients: numeric ids are taken, unknown fields ignored. */
  readonly bare: boolean
}

/** Throws INVALID_PARAMS (naming the field), TOO_DEEP or NOT_SUPPORTED. */
export function readSubmission(wire: unknown, { nowMs, bare }: ReadSubmissionOptions): Submission {
  if (!isObject(wire)) refuse('a task', 'must be an object')
  let id: string | undefined
  let type: string | undefined
  let queue = QUEUE_DEFAULT
  let dataText = 'null'
  let priority = PRIORITY_DEFAULT
  let runAtMs = 0
  let options: { -readonly [Key in keyof TaskOptions]: TaskOptions[Key] } | null = null
  for (const field in wire) {
    const value = wire[field]
    switch (field) {
      case 'id':
        id = bare && typeof value === 'number' ? readNumericId(value) : readName(value, field, ID_LENGTH_MAX)
        break
      case 'type':
        type = readCommonName(value, field, TYPE_LENGTH_MAX)
        break
      case 'data':
        dataText = jsonText(value)
        break
      case 'queue':
        queue = readCommonName(value, field, QUEUE_LENGTH_MAX)
        break
      case 'priority':
        priority = readInteger(value, field, PRIORITY_MIN, PRIORITY_MAX)
        break
      case 'delayMs': {
        if (wire.runAt !== undefined) refuse(field, 'and runAt exclude each other')
        const delayMs = readInteger(value, field, 0, DELAY_MS_MAX)
        runAtMs = delayMs === 0 ? 0 : nowMs + delayMs
        break
      }
      case 'runAt':
        runAtMs = readDueTime(value, field, nowMs)
        break
      case 'ttlMs':
        if (wire.expiresAt !== undefined) refuse(field, 'and expiresAt exclude each other')
        options ??= {}
        options.expiresAtMs = nowMs + readInteger(value, field, 1, DELAY_MS_MAX)
        break
      case 'expiresAt':
        options ??= {}
        options.expiresAtMs = readDueTime(value, field, nowMs)
        break
      case 'maxAttempts':
        options ??= {}
        options.maxAttempts = readInteger(value, field, 1, ATTEMPTS_MAX)
        break
      case 'maxCrashes':
        options ??= {}
        options.maxCrashes = readInteger(value, field, 0, CRASHES_MAX)
        break
      case 'backoff':
        options ??= {}
        options.backoff = readBackoff(value)
        break
      case 'timeoutMs':
        options ??= {}
        options.timeoutMs = readInteger(value, field, 1, TIMEOUT_MS_MAX)
        break
      case 'key':
        options ??= {}
        options.key = readName(value, field, KEY_LENGTH_MAX)
        break
      case 'dedupeKey':
        options ??= {}
        options.dedupeKey = readName(value, field, KEY_LENGTH_MAX)
        options.dedupeWindowMs ??= DEDUPE_WINDOW_MS_DEFAULT
        break
      case 'dedupeWindowMs':
        if (wire.dedupeKey === undefined) refuse(field, 'needs a dedupeKey')
        options ??= {}
        options.dedupeWindowMs = readInteger(value, field, 1, DELAY_MS_MAX)
        break
      case 'metadata':
        options ??= {}
        options.metadata = readMetadata(value)
        break
      case 'webhook':
        options ??= {}
        options.webhook = readWebhook(value)
        break
      case 'dependsOn':
        throw new ChasquiError('NOT_SUPPORTED', 'dependsOn is not supported yet', { details: { field } })
      default:
        if (!bare) refuse(field, 'is no field of a task')
    }
  }
  if (type === undefined) refuse('type', 'is missing')
  return { id: id ?? newTaskId(nowMs), type, queue, dataText, priority, runAtMs, options }
}

function readNumericId(value: number): string {
  // Beyond 2^53 two different numbers read as the same one: the second task would be taken for a repetition of the first.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    refuse('id', 'must be sent as a string when it is beyond 2^53')
  }
  return String(value)
}

function readDueTime(value: unknown, field: string, nowMs: number): number {
  const ms = readTime(value, field)
  if (ms > nowMs + DELAY_MS_MAX) refuse(field, 'must not be more than ten years ahead')
  return Math.max(0, ms)
}

export function readBackoff(value: unknown): Backoff {
  if (typeof value === 'number') return { kind: 'fixed', delayMs: readDelay(value, 'backoff') }
  if (Array.isArray(value)) return { kind: 'list', delaysMs: readDelays(value, 'backoff') }
  if (!isObject(value)) refuse('backoff', 'must be an object, a number or an array of numbers')
  switch (value.kind) {
    case 'fixed':
      refuseUnknown(value, 'backoff', FIXED_FIELDS)
      return { kind: 'fixed', delayMs: readDelay(value.delayMs, 'backoff.delayMs') }
    case 'list':
      refuseUnknown(value, 'backoff', LIST_FIELDS)
      return { kind: 'list', delaysMs: readDelays(value.delaysMs, 'backoff.delaysMs') }
    case 'exponential': {
      refuseUnknown(value, 'backoff', EXPONENTIAL_FIELDS)
      const { baseMs = BACKOFF_BASE_MS, maxMs = BACKOFF_MAX_MS, jitter = true } = value
      if (typeof jitter !== 'boolean') refuse('backoff.jitter', 'must be true or false')
      return {
        kind: 'exponential',
        baseMs: readDelay(baseMs, 'backoff.baseMs'),
        maxMs: readDelay(maxMs, 'backoff.maxMs'),
        jitter,
      }
    }
    default:
      return refuse('backoff.kind', 'must be "exponential", "fixed" or "list"')
  }
}

const WEBHOOK_FIELDS: ReadonlySet<string> = new Set(['url'])
const FIXED_FIELDS: ReadonlySet<string> = new Set(['kind', 'delayMs'])
const LIST_FIELDS: ReadonlySet<string> = new Set(['kind', 'delaysMs'])
const EXPONENTIAL_FIELDS: ReadonlySet<string> = new Set(['kind', 'baseMs', 'maxMs', 'jitter'])

function refuseUnknown(value: Readonly<Record<string, unknown>>, field: string, known: ReadonlySet<string>) {
  for (const key in value) if (!known.has(key)) refuse(`${field}.${key}`, 'is no field of it')
}

function readDelay(value: unknown, field: string): number {
  return readInteger(value, field, 0, DELAY_MS_MAX)
}

function readDelays(value: unknown, field: string): readonly number[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > BACKOFF_LIST_MAX) {
    refuse(field, `must be an array of 1 to ${BACKOFF_LIST_MAX} numbers`)
  }
  return value.map((delay) => readDelay(delay, field))
}

function readWebhook(value: unknown): { readonly url: string } {
  if (!isObject(value)) refuse('webhook', 'must be an object with a url')
  refuseUnknown(value, 'webhook', WEBHOOK_FIELDS)
  const { url } = value
  const isUrl = typeof url === 'string' && url.length <= URL_LENGTH_MAX && /^https?:\/\/[^@]+$/.test(url)
  if (!isUrl || !URL.canParse(url)) {
    refuse(
      'webhook.url',
      `must be a URL with http or https, without a password, of at most ${URL_LENGTH_MAX} characters`,
    )
  }
  return { url }
}

export function readMetadata(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) refuse('metadata', 'must be an object of strings')
  let entries = 0
  let length = 0
  for (const key in value) {
    const text = value[key]
    if (typeof text !== 'string') refuse(`metadata.${key}`, 'must be a string')
    entries++
    length += key.length + text.length
  }
  if (entries > METADATA_ENTRIES_MAX)
    refuse('metadata', `must not have more than ${METADATA_ENTRIES_MAX} entries`)
  if (length > METADATA_LENGTH_MAX)
    refuse('metadata', `must not be longer than ${METADATA_LENGTH_MAX} characters`)
  return value as Readonly<Record<string, string>>
}

// ---- the client's side ------------------------------------------------------------------------------------

/** Params of `task.submit`. */
export function writeSubmit(batch: readonly Submission[], durability: Durability): string {
  let text = ''
  for (const submission of batch) text += (text === '' ? '' : ',') + writeSubmission(submission)
  return `{"tasks":[${text}]${durability === 'relaxed' ? ',"durability":"relaxed"' : ''}}`
}

/** What has its default is left out. */
export function writeSubmission(submission: Submission): string {
  const { id, type, queue, dataText, priority, runAtMs, options } = submission
  let text = `{"id":${JSON.stringify(id)},"type":${JSON.stringify(type)},"data":${dataText}`
  if (queue !== QUEUE_DEFAULT) text += `,"queue":${JSON.stringify(queue)}`
  if (priority !== PRIORITY_DEFAULT) text += `,"priority":${priority}`
  if (runAtMs > 0) text += `,"runAt":"${writeTime(runAtMs)}"`
  if (options !== null) text += writeOptions(options)
  return `${text}}`
}

function writeOptions({ expiresAtMs, backoff, ...rest }: TaskOptions): string {
  let text = expiresAtMs === undefined ? '' : `,"expiresAt":"${writeTime(expiresAtMs)}"`
  if (backoff !== undefined) text += `,"backoff":${JSON.stringify(backoff)}`
  const others = JSON.stringify(rest)
  return others === '{}' ? text : `${text},${others.slice(1, -1)}`
}
