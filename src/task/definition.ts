/**
 * A task type as a value: its name, its schemas, the defaults of its tasks and the code that runs them. The client reads the
 * name, defaults and input schema; a worker's thread reads all of it.
 *
 * Types follow from the schemas: a submitter passes the *input* of the input schema, the handler gets its *output* (defaults and
 * transforms applied), and whoever awaits the result gets what the handler's value looks like after JSON. What travels is always
 * what the submitter passed; the schema is applied again in the worker, so it must accept its own input read back from JSON.
 */

import type { Backoff } from './backoff.ts'
import { ChasquiError } from './errors.ts'
import {
  ATTEMPTS_MAX,
  BACKOFF_BASE_MS,
  BACKOFF_LIST_MAX,
  BACKOFF_MAX_MS,
  CRASHES_MAX,
  DELAY_MS_MAX,
  INPUT_ISSUES_MAX,
  PRIORITY_MAX,
  PRIORITY_MIN,
  QUEUE_LENGTH_MAX,
  TIMEOUT_MS_MAX,
  TYPE_LENGTH_MAX,
} from './limits.ts'
import { describeIssues, pathText, type StandardSchemaV1 } from './standard-schema.ts'

/** What the submitter of a task may leave out because its definition says it. */
export interface TaskDefaults {
  /** 0 to 9; higher runs first. */
  readonly priority?: number
  readonly maxAttempts?: number
  readonly maxCrashes?: number
  readonly backoff?: Backoff
  /** For one attempt. */
  readonly timeoutMs?: number
  /** A task that was not started this long after its submission expires. */
  readonly ttlMs?: number
}

/** A number waits that long each time; a list waits its n-th delay after the n-th failure. */
export type BackoffSetting =
  | Backoff
  | {
      readonly kind: 'exponential'
      readonly baseMs?: number
      readonly maxMs?: number
      readonly jitter?: boolean
    }
  | number
  | readonly number[]

/**
 * `thread`: shares its thread with other handlers that wait asynchronously. `exclusive`: one at a time in a thread, with
 * nothing waiting behind it: for code that computes. `process`: in a process of its own, one at a time: for code that may crash it (native
 * addons), eats memory, changes what belongs to a whole process, or starts others.
 */
export type Isolation = 'thread' | 'exclusive' | 'process'

const ISOLATIONS: readonly unknown[] = ['thread', 'exclusive', 'process'] satisfies Isolation[]

/** What a handler is told, and what it can say. */
export interface TaskContext {
  readonly id: string
  readonly type: string
  readonly queue: string
  /** 1 for the first. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly metadata: Readonly<Record<string, string>>
  /**
   * Aborts when the attempt should end: timed out, cancelled, or the worker stops. A handler that does not end soon after it
   * has its thread terminated.
   */
  readonly signal: AbortSignal
  /** W3C Trace Context of this attempt where the worker traces, otherwise of the submitter, when it sent one. */
  readonly traceparent: string | undefined
  /** Only the newest is kept; calling it often is cheap. */
  progress(done: number, total?: number | null, note?: string): void
  /** Lines that stay with the task. */
  readonly log: TaskLog
}

export interface TaskLog {
  debug(text: string): void
  info(text: string): void
  warn(text: string): void
  error(text: string): void
}

export interface TaskDescription extends Omit<TaskDefaults, 'backoff'> {
  readonly type: string
  /** Where its tasks wait when the submitter names no queue. */
  readonly queue?: string
  readonly isolation?: Isolation
  readonly backoff?: BackoffSetting
}

/** @typeParam Input what a submitter passes @typeParam Output what awaiting the task gives @typeParam Data what the handler gets */
export interface TaskDefinition<Input = unknown, Output = unknown, Data = Input> {
  readonly type: string
  readonly queue?: string
  readonly isolation: Isolation
  readonly defaults: TaskDefaults
  readonly input?: StandardSchemaV1<Input, Data>
  readonly output?: StandardSchemaV1<unknown, Output>
  // A method, so that any definition is a TaskDefinition (parameters of methods are compared both ways).
  run(data: Data, context: TaskContext): unknown
  readonly [DEFINITION]: true
}

/** Survives two copies of this package in one process, as instanceof would not. */
const DEFINITION: unique symbol = Symbol.for('chasqui.task') as never

/** A value as it looks after JSON.stringify and JSON.parse. */
export type JsonOf<T> = unknown extends T
  ? T
  : [T] extends [never]
    ? never
    : // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed void
      T extends undefined | void
      ? null
      : T extends string | number | boolean | null
        ? T
        : T extends { toJSON(): infer Json }
          ? JsonOf<Json>
          : T extends readonly unknown[]
            ? { -readonly [K in keyof T]: JsonOf<T[K]> }
            : T extends object
              ? {
                  [K in keyof T]: undefined extends T[K]
                    ? JsonOf<Exclude<T[K], undefined>> | undefined
                    : JsonOf<T[K]>
                }
              : never

/**
 * Makes a definition. Without an input schema the data is passed to the handler as it came (annotate the parameter of `run` to
 * give it a type that nothing checks).
 * @throws ChasquiError CONFIG_INVALID when a field cannot be used; the message names it
 */
export function defineTask<Input, Data, Returned, Output = Returned>(
  description: TaskDescription & {
    readonly input: StandardSchemaV1<Input, Data>
    readonly output?: StandardSchemaV1<Returned, Output>
    readonly run: (data: Data, context: TaskContext) => Returned | Promise<Returned>
  },
): TaskDefinition<Input, JsonOf<Output>, Data>
export function defineTask<Data, Returned, Output = Returned>(
  description: TaskDescription & {
    readonly input?: undefined
    readonly output?: StandardSchemaV1<Returned, Output>
    readonly run: (data: Data, context: TaskContext) => Returned | Promise<Returned>
  },
): TaskDefinition<Data, JsonOf<Output>>
export function defineTask(description: TaskDescription & AnyParts): TaskDefinition {
  const { type, queue, isolation = 'thread', input, output, run, backoff, ...numbers } = description
  if (typeof type !== 'string' || type === '' || type.length > TYPE_LENGTH_MAX) {
    throw unusable(String(type), `its type must be a string of 1 to ${TYPE_LENGTH_MAX} characters`)
  }
  if (queue !== undefined && (typeof queue !== 'string' || queue === '' || queue.length > QUEUE_LENGTH_MAX)) {
    throw unusable(type, `queue must be a string of 1 to ${QUEUE_LENGTH_MAX} characters`)
  }
  if (!ISOLATIONS.includes(isolation)) {
    throw unusable(type, `isolation must be "thread", "exclusive" or "process"`)
  }
  if (typeof run !== 'function') throw unusable(type, 'run must be a function')
  for (const [name, schema] of Object.entries({ input, output })) {
    if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
      throw unusable(type, `${name} must be a Standard Schema (zod 4, valibot, arktype …)`)
    }
  }
  for (const [name, value] of Object.entries(numbers)) {
    const range = RANGES[name]
    if (range === undefined) throw unusable(type, `"${name}" is not a field of a definition`)
    if (value !== undefined && !inRange(value, range)) {
      throw unusable(type, `${name} must be a whole number from ${range[0]} to ${range[1]}`)
    }
  }
  return Object.freeze({
    [DEFINITION]: true as const,
    type,
    isolation,
    defaults: Object.freeze(
      backoff === undefined ? numbers : { ...numbers, backoff: backoffOf(type, backoff) },
    ),
    run,
    ...(queue !== undefined && { queue }),
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
  })
}

interface AnyParts {
  readonly input?: StandardSchemaV1 | undefined
  readonly output?: StandardSchemaV1 | undefined
  readonly run: (data: never, context: TaskContext) => unknown
}

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  priority: [PRIORITY_MIN, PRIORITY_MAX],
  maxAttempts: [1, ATTEMPTS_MAX],
  maxCrashes: [0, CRASHES_MAX],
  timeoutMs: [1, TIMEOUT_MS_MAX],
  ttlMs: [1, DELAY_MS_MAX],
}

function inRange(value: unknown, [min, max]: readonly [number, number]): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}

function unusable(type: string, why: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `the definition of task type "${type}" cannot be used: ${why}`)
}

function backoffOf(type: string, setting: BackoffSetting): Backoff {
  const backoff = resolveBackoff(setting)
  if (backoff === null) {
    throw unusable(
      type,
      'backoff must be a delay in ms, a list of delays, or {kind: "exponential" | "fixed" | "list", …}',
    )
  }
  return backoff
}

/** The full form of a back-off setting; null when it makes no sense. */
export function resolveBackoff(setting: BackoffSetting): Backoff | null {
  const delay = (value: unknown) => inRange(value, [0, DELAY_MS_MAX])
  if (typeof setting === 'number') return delay(setting) ? { kind: 'fixed', delayMs: setting } : null
  if (Array.isArray(setting)) return resolveBackoff({ kind: 'list', delaysMs: setting as readonly number[] })
  if (typeof setting !== 'object' || setting === null || !('kind' in setting)) return null
  switch (setting.kind) {
    case 'fixed':
      return delay(setting.delayMs) ? { kind: 'fixed', delayMs: setting.delayMs } : null
    case 'list': {
      const { delaysMs } = setting
      const usable =
        Array.isArray(delaysMs) &&
        delaysMs.length > 0 &&
        delaysMs.length <= BACKOFF_LIST_MAX &&
        delaysMs.every(delay)
      return usable ? { kind: 'list', delaysMs } : null
    }
    case 'exponential': {
      const { baseMs = BACKOFF_BASE_MS, maxMs = BACKOFF_MAX_MS, jitter = true } = setting
      const usable = delay(baseMs) && delay(maxMs) && typeof jitter === 'boolean'
      return usable ? { kind: 'exponential', baseMs, maxMs, jitter } : null
    }
    default:
      return null
  }
}

export function isTaskDefinition(value: unknown): value is TaskDefinition {
  return (
    typeof value === 'object' && value !== null && (value as Partial<TaskDefinition>)[DEFINITION] === true
  )
}

/**
 * The value as the handler will see it; a promise only when the schema is asynchronous. Without a schema: the value itself.
 * @throws (or rejects with) ChasquiError INVALID_INPUT; `details` is `{type, issues: [{path, message}]}`
 */
export function checkInput<Input, Output, Data>(
  definition: TaskDefinition<Input, Output, Data>,
  value: unknown,
): Data | Promise<Data> {
  return check(definition.type, 'data', definition.input, value)
}

/** The same for what a handler returned. */
export function checkOutput<Input, Output, Data>(
  definition: TaskDefinition<Input, Output, Data>,
  value: unknown,
): unknown {
  return check(definition.type, 'result', definition.output, value)
}

function check<Value>(
  type: string,
  what: 'data' | 'result',
  schema: StandardSchemaV1<unknown, Value> | undefined,
  value: unknown,
): Value | Promise<Value> {
  if (schema === undefined) return value as Value
  const judge = (checked: Awaited<ReturnType<(typeof schema)['~standard']['validate']>>): Value => {
    if (checked.issues === undefined) return checked.value
    const { issues } = checked
    throw new ChasquiError(
      'INVALID_INPUT',
      `the ${what} of task type "${type}" does not fit its schema: ${describeIssues(issues, INPUT_ISSUES_MAX)}`,
      {
        details: {
          type,
          issues: issues.slice(0, INPUT_ISSUES_MAX).map((i) => ({ path: pathText(i), message: i.message })),
        },
      },
    )
  }
  const checked = schema['~standard'].validate(value)
  return checked instanceof Promise ? checked.then(judge) : judge(checked)
}

/** Thrown by a handler: another attempt would fail likewise. So does any error with `retryable: false`. */
export class PermanentError extends Error {
  readonly retryable = false

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PermanentError'
  }
}

/** Thrown by a handler: this attempt failed, and the next one follows after `retryAfterMs` instead of the task's back-off. */
export class RetryLater extends Error {
  readonly retryAfterMs: number

  constructor(
    retryAfterMs: number,
    message = `asked to be tried again after ${retryAfterMs} ms`,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'RetryLater'
    this.retryAfterMs = retryAfterMs
  }
}
