/**
 * What a worker sends about its leases: outcomes, renewals, reports; and the answers. Hot path: one check-and-convert per outcome.
 *
 * Invariant: a request with one bad entry changes nothing; it is refused as a whole with INVALID_PARAMS naming the entry.
 */

import type { LeaseAnswer, LogLevel, Report, Settlement } from '../engine/engine.ts'
import {
  BATCH_ENTRIES_MAX,
  DELAY_MS_MAX,
  ERROR_MESSAGE_LENGTH_MAX,
  ERROR_NAME_LENGTH_MAX,
  ERROR_STACK_LENGTH_MAX,
  LOG_LINE_LENGTH_MAX,
  LOG_LINES_MAX,
  NOTE_LENGTH_MAX,
} from '../task/limits.ts'
import type { Lease, Outcome, TaskError } from '../task/outcome.ts'
import type { Progress } from '../task/task.ts'
import { readInteger, readText, refuse } from './fields.ts'
import { jsonText } from './json-text.ts'
import { isObject, type Params } from './messages.ts'
import { writeProgress } from './record-codec.ts'
import { readTime, writeTime } from './time-codec.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]

// ---- the server's side: requests --------------------------------------------------------------------------

/** Params of `work.settle`. Throws INVALID_PARAMS or TOO_DEEP. */
export function readOutcomes(params: Params): Outcome[] {
  return readArray(params.outcomes, 'outcomes', readOutcome)
}

function readOutcome(wire: unknown, index: number): Outcome {
  if (!isObject(wire)) refuse(`outcomes[${index}]`, 'must be an object')
  const { id, kind } = wire
  const epoch = wire.epoch as number
  if (typeof id !== 'string') refuse(`outcomes[${index}].id`, 'must be a string')
  if (!Number.isSafeInteger(epoch)) refuse(`outcomes[${index}].epoch`, 'must be an integer')
  switch (kind) {
    case 'returned': {
      const valueText = wire.value === undefined ? 'null' : jsonText(wire.value)
      const runMs = readRunMs(wire.runMs, index)
      return runMs === null ? { id, epoch, kind, valueText } : { id, epoch, kind, valueText, runMs }
    }
    case 'released':
      return { id, epoch, kind }
    case 'threw': {
      const field = `outcomes[${index}].error`
      if (!isObject(wire.error)) refuse(field, 'must be an object')
      const { retryable = true, retryAfterMs } = wire.error
      if (typeof retryable !== 'boolean') refuse(`${field}.retryable`, 'must be true or false')
      const error = readTaskError(wire.error, field, 'Error', 'the handler failed and gave no message')
      const runMs = readRunMs(wire.runMs, index)
      return {
        id,
        epoch,
        kind,
        error,
        retryable,
        ...(retryAfterMs !== undefined && {
          retryAfterMs: readInteger(retryAfterMs, `${field}.retryAfterMs`, 0, DELAY_MS_MAX),
        }),
        ...(runMs !== null && { runMs }),
      }
    }
    case 'timedOut':
    case 'crashed': {
      const field = `outcomes[${index}].error`
      const [name, message] = kind === 'timedOut' ? TIMED_OUT : CRASHED
      const runMs = readRunMs(wire.runMs, index)
      const run = runMs === null ? {} : { runMs }
      if (wire.error === undefined) return { id, epoch, kind, error: { name, message }, ...run }
      if (!isObject(wire.error)) refuse(field, 'must be an object')
      return { id, epoch, kind, error: readTaskError(wire.error, field, name, message), ...run }
    }
    default:
      return refuse(
        `outcomes[${index}].kind`,
        'must be "returned", "threw", "timedOut", "crashed" or "released"',
      )
  }
}

function readRunMs(value: unknown, index: number): number | null {
  if (value === undefined) return null
  if (!Number.isFinite(value) || (value as number) < 0) {
    refuse(`outcomes[${index}].runMs`, 'must be a number of milliseconds')
  }
  return value as number
}

const TIMED_OUT = ['TimeoutError', 'the attempt took longer than its timeoutMs'] as const
const CRASHED = ['WorkerCrash', 'what ran the attempt died under it'] as const

function readTaskError(wire: Params, field: string, nameDefault: string, messageDefault: string): TaskError {
  const { name = nameDefault, message = messageDefault, stack } = wire
  const error = {
    name: readText(name, `${field}.name`, ERROR_NAME_LENGTH_MAX),
    message: readText(message, `${field}.message`, ERROR_MESSAGE_LENGTH_MAX),
  }
  if (stack === undefined || stack === null) return error
  return { ...error, stack: readText(stack, `${field}.stack`, ERROR_STACK_LENGTH_MAX) }
}

/** `leases` of `work.extend` and `work.release`. */
export function readLeases(params: Params): Lease[] {
  return readArray(params.leases, 'leases', (wire, index) => {
    const field = `leases[${index}]`
    return isObject(wire) ? readLease(wire, `${field}.`) : refuse(field, 'must be an object')
  })
}

function readLease({ id, epoch }: Params, path: string): Lease {
  if (typeof id !== 'string') refuse(`${path}id`, 'must be a string')
  if (!Number.isSafeInteger(epoch)) refuse(`${path}epoch`, 'must be an integer')
  return { id, epoch: epoch as number }
}

/** Params of `work.progress`. */
export function readProgressReport(params: Params): Report {
  const { done, total, note } = params
  const progress: Progress = {
    done: readFinite(done, 'done'),
    total: total === undefined || total === null ? null : readFinite(total, 'total'),
    ...(note === undefined ? {} : { note: readText(note, 'note', NOTE_LENGTH_MAX) }),
  }
  return { ...readLease(params, ''), progress }
}

function readFinite(value: unknown, field: string): number {
  return Number.isFinite(value) ? (value as number) : refuse(field, 'must be a number')
}

/** Params of `work.log`. Lines that do not say when they were written get the time of their arrival. */
export function readLogReport(params: Params, nowMs: number): Report {
  const lines = readArray(params.lines, 'lines', (wire, index) => {
    const { text, level = 'info', at } = isObject(wire) ? wire : { text: wire }
    if (!LOG_LEVELS.includes(level as LogLevel)) {
      refuse(`lines[${index}].level`, `must be one of ${LOG_LEVELS.join(', ')}`)
    }
    return {
      level: level as LogLevel,
      text: readText(text, `lines[${index}]`, LOG_LINE_LENGTH_MAX),
      atMs: at === undefined ? nowMs : readTime(at, `lines[${index}].at`),
    }
  })
  if (lines.length > LOG_LINES_MAX) refuse('lines', `must not be more than ${LOG_LINES_MAX}`)
  return { ...readLease(params, ''), lines }
}

function readArray<Entry>(
  value: unknown,
  field: string,
  read: (wire: unknown, index: number) => Entry,
): Entry[] {
  if (!Array.isArray(value) || value.length > BATCH_ENTRIES_MAX) {
    refuse(field, `must be an array of at most ${BATCH_ENTRIES_MAX} entries`)
  }
  return value.map(read)
}

// ---- the server's side: answers ---------------------------------------------------------------------------

/** Result of `work.settle`. */
export function writeSettlements(settlements: readonly Settlement[]): string {
  let text = ''
  for (const { id, accepted, state } of settlements) {
    if (text !== '') text += ','
    text += `{"id":${JSON.stringify(id)},"accepted":${accepted},"state":${state === null ? 'null' : `"${state}"`}}`
  }
  return `{"settled":[${text}]}`
}

/** Result of `work.extend` (`extended`) and `work.release` (`released`). */
export function writeLeaseAnswers(name: 'extended' | 'released', answers: readonly LeaseAnswer[]): string {
  return JSON.stringify({ [name]: answers.map(({ id, accepted }) => ({ id, accepted })) })
}

// ---- the worker's side ------------------------------------------------------------------------------------

/** Params of `work.settle`. */
export function writeOutcomes(outcomes: readonly Outcome[]): string {
  let text = ''
  for (const outcome of outcomes) text += (text === '' ? '' : ',') + writeOutcome(outcome)
  return `{"outcomes":[${text}]}`
}

function writeOutcome(outcome: Outcome): string {
  const { id, epoch, runMs } = outcome
  const run = runMs === undefined ? '' : `,"runMs":${Math.round(runMs * 1_000) / 1_000}`
  const head = `{"id":${JSON.stringify(id)},"epoch":${epoch},"kind":"${outcome.kind}"${run}`
  switch (outcome.kind) {
    case 'returned':
      return `${head},"value":${outcome.valueText}}`
    case 'threw': {
      const { error, retryable, retryAfterMs } = outcome
      const retry = retryAfterMs === undefined ? { retryable } : { retryable, retryAfterMs }
      return `${head},"error":${JSON.stringify({ ...error, ...retry })}}`
    }
    case 'timedOut':
    case 'crashed':
      return `${head},"error":${JSON.stringify(outcome.error)}}`
    case 'released':
      return `${head}}`
  }
}

/** Params of `work.extend` and `work.release`. */
export function writeLeases(leases: readonly Lease[], consumer?: string): string {
  return JSON.stringify({
    leases: leases.map(({ id, epoch }) => ({ id, epoch })),
    ...(consumer === undefined ? {} : { consumer }),
  })
}

/** Method and params of one report: `work.progress` or `work.log`. */
export function writeReport(report: Report): { method: 'work.progress' | 'work.log'; paramsText: string } {
  const lease = `"id":${JSON.stringify(report.id)},"epoch":${report.epoch}`
  if ('progress' in report) {
    return { method: 'work.progress', paramsText: `{${lease},${writeProgress(report.progress).slice(1)}` }
  }
  const lines = report.lines.map(({ level, text, atMs }) => ({ level, text, at: writeTime(atMs) }))
  return { method: 'work.log', paramsText: `{${lease},"lines":${JSON.stringify(lines)}}` }
}

/** Result of `work.settle`. */
export function readSettlements(result: unknown): Settlement[] {
  return (result as { settled: Settlement[] }).settled
}

/** Result of `work.extend` or `work.release`. */
export function readLeaseAnswers(name: 'extended' | 'released', result: unknown): LeaseAnswer[] {
  return (result as Record<string, LeaseAnswer[]>)[name]!
}
