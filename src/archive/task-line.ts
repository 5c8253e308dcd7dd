/**
 * One task ↔ one line of an archive. What is absent, empty or zero is left out. Data and result are strings that hold the JSON text
 * as it is stored: parsed and written again, large numbers, repeated keys and spaces would not be the same.
 *
 * Invariant: what is read has the form of a task that an engine may hold, whoever wrote the file; the text of data and results is JSON.
 */

import {
  type ArchivedFinal,
  type ArchivedTask,
  RESTING_STATES,
  type RestingState,
} from '../engine/archive.ts'
import type { LogLevel, LogLine } from '../engine/engine.ts'
import { isFinal } from '../task/lifecycle.ts'
import {
  ID_LENGTH_MAX,
  KEY_LENGTH_MAX,
  PRIORITY_MAX,
  PRIORITY_MIN,
  QUEUE_LENGTH_MAX,
  TYPE_LENGTH_MAX,
} from '../task/limits.ts'
import type { TaskError } from '../task/outcome.ts'
import type { TaskOptions, WorkerIdentity } from '../task/task.ts'
import { readCommonName, readInteger, readName, refuse } from '../wire/fields.ts'
import { isObject, refuseTooDeep } from '../wire/messages.ts'
import { readBackoff, readMetadata } from '../wire/submission-codec.ts'

export function writeTask(task: ArchivedTask): string {
  const { id, type, queue, state, priority, createdAtMs, runAtMs, failures, crashes, options } = task
  const { dedupeUntilMs, documentPending, final, errors, log, dataText } = task
  return JSON.stringify({
    id,
    type,
    queue,
    state,
    priority,
    createdAtMs,
    runAtMs,
    ...(failures > 0 && { failures }),
    ...(crashes > 0 && { crashes }),
    ...(options !== null && { options }),
    ...(dedupeUntilMs !== null && { dedupeUntilMs }),
    ...(documentPending && { documentPending }),
    ...(final !== null && { final: writeFinal(final) }),
    ...(errors.length > 0 && { errors }),
    ...(log.length > 0 && { log }),
    data: dataText,
  })
}

function writeFinal({ epoch, attempt, startedAtMs, finishedAtMs, worker, resultText, error }: ArchivedFinal) {
  return {
    attempt,
    ...(epoch > 0 && { epoch }),
    ...(startedAtMs !== null && { startedAtMs }),
    finishedAtMs,
    ...(worker !== null && { worker }),
    ...(error !== null && { error }),
    ...(resultText !== null && { result: resultText }),
  }
}

const COUNT_MAX = Number.MAX_SAFE_INTEGER
const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'] satisfies LogLevel[]

/** Throws INVALID_PARAMS, naming the field, or TOO_DEEP. */
export function readTask(value: unknown): ArchivedTask {
  if (!isObject(value)) refuse('a task', 'must be an object')
  const state = value.state as RestingState
  if (!RESTING_STATES.includes(state)) refuse('state', `must be one of ${RESTING_STATES.join(', ')}`)
  if (isFinal(state) !== (value.final !== undefined)) {
    refuse('final', `must ${isFinal(state) ? '' : 'not '}be there when the state is ${state}`)
  }
  return {
    id: readName(value.id, 'id', ID_LENGTH_MAX),
    type: readCommonName(value.type, 'type', TYPE_LENGTH_MAX),
    queue: readCommonName(value.queue, 'queue', QUEUE_LENGTH_MAX),
    priority: readInteger(value.priority, 'priority', PRIORITY_MIN, PRIORITY_MAX),
    state,
    createdAtMs: readCount(value.createdAtMs, 'createdAtMs'),
    runAtMs: readCount(value.runAtMs, 'runAtMs'),
    failures: readCount(value.failures ?? 0, 'failures'),
    crashes: readCount(value.crashes ?? 0, 'crashes'),
    options: value.options === undefined ? null : readOptions(value.options),
    dataText: readJson(value.data, 'data'),
    final: value.final === undefined ? null : readFinal(value.final),
    errors: readArray(value.errors, 'errors').map((entry) => {
      const { atMs, error } = readObject(entry, 'errors')
      return { atMs: readCount(atMs, 'errors.atMs'), error: readError(error, 'errors.error') }
    }),
    log: readArray(value.log, 'log').map(readLine),
    dedupeUntilMs: value.dedupeUntilMs === undefined ? null : readCount(value.dedupeUntilMs, 'dedupeUntilMs'),
    documentPending: value.documentPending === true,
  }
}

function readOptions(value: unknown): TaskOptions {
  const options: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(readObject(value, 'options'))) {
    const field = `options.${name}`
    switch (name) {
      case 'expiresAtMs':
      case 'maxAttempts':
      case 'maxCrashes':
      case 'timeoutMs':
      case 'dedupeWindowMs':
        options[name] = readCount(option, field)
        break
      case 'key':
      case 'dedupeKey':
        options[name] = readName(option, field, KEY_LENGTH_MAX)
        break
      case 'backoff':
        options[name] = readBackoff(option)
        break
      case 'metadata':
        options[name] = readMetadata(option)
        break
      case 'owned':
        options[name] = readOwned(option, field)
        break
      default:
        refuse(field, 'is no option of a task')
    }
  }
  return options
}

function readOwned(value: unknown, field: string): TaskOptions['owned'] {
  if (!Array.isArray(value) || value.length !== 2)
    return refuse(field, 'must be an account and a number of bytes')
  return [readName(value[0], `${field}[0]`, KEY_LENGTH_MAX), readCount(value[1], `${field}[1]`)]
}

function readFinal(value: unknown): ArchivedFinal {
  const final = readObject(value, 'final')
  return {
    epoch: readCount(final.epoch ?? 0, 'final.epoch'),
    attempt: readCount(final.attempt, 'final.attempt'),
    startedAtMs: final.startedAtMs === undefined ? null : readCount(final.startedAtMs, 'final.startedAtMs'),
    finishedAtMs: readCount(final.finishedAtMs, 'final.finishedAtMs'),
    worker: final.worker === undefined ? null : readWorker(final.worker),
    resultText: final.result === undefined ? null : readJson(final.result, 'final.result'),
    error: final.error === undefined ? null : readError(final.error, 'final.error'),
  }
}

function readWorker(value: unknown): WorkerIdentity {
  const { id, pid, host } = readObject(value, 'final.worker')
  return {
    id: readString(id, 'final.worker.id'),
    pid: readCount(pid, 'final.worker.pid'),
    host: readString(host, 'final.worker.host'),
  }
}

function readError(value: unknown, field: string): TaskError {
  const { name, message, stack } = readObject(value, field)
  return {
    name: readString(name, `${field}.name`),
    message: readString(message, `${field}.message`),
    ...(stack !== undefined && { stack: readString(stack, `${field}.stack`) }),
  }
}

function readLine(value: unknown): LogLine {
  const { number, atMs, attempt, level, text } = readObject(value, 'log')
  if (!LEVELS.includes(level as string)) refuse('log.level', `must be one of ${LEVELS.join(', ')}`)
  return {
    number: readCount(number, 'log.number'),
    atMs: readCount(atMs, 'log.atMs'),
    attempt: readCount(attempt, 'log.attempt'),
    level: level as LogLevel,
    text: readString(text, 'log.text'),
  }
}

function readJson(value: unknown, field: string): string {
  const text = readString(value, field)
  try {
    refuseTooDeep(text)
    JSON.parse(text)
  } catch {
    refuse(field, 'must be a string that holds JSON, nested no deeper than the limit')
  }
  return text
}

function readCount(value: unknown, field: string): number {
  return readInteger(value, field, 0, COUNT_MAX)
}

function readString(value: unknown, field: string): string {
  return typeof value === 'string' ? value : refuse(field, 'must be a string')
}

function readObject(value: unknown, field: string): Record<string, unknown> {
  return isObject(value) ? value : refuse(field, 'must be an object')
}

function readArray(value: unknown, field: string): readonly unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : refuse(field, 'must be an array')
}
