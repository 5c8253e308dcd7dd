/** Schemas of the nouns that several methods share. The words are those of DESIGN section 3. */

import Type, { type TSchema } from 'typebox'
import { TASK_STATES } from '../../task/lifecycle.ts'
import {
  BACKOFF_BASE_MS,
  BACKOFF_LIST_MAX,
  BACKOFF_MAX_MS,
  BATCH_ENTRIES_MAX,
  DELAY_MS_MAX,
  ID_LENGTH_MAX,
  KEY_LENGTH_MAX,
  PRIORITY_MAX,
  PRIORITY_MIN,
  QUEUE_LENGTH_MAX,
  TYPE_LENGTH_MAX,
} from '../../task/limits.ts'
import { NAME_PATTERN } from '../fields.ts'
import { LOG_LEVELS } from '../outcome-codec.ts'
import { TIME_PATTERN } from '../time-codec.ts'

export const optional = Type.Optional

/** Unknown fields are refused: a typo must not pass for a default. A shape with a title is described once, under that name. */
export function closed<const Fields extends Record<string, TSchema>>(
  fields: Fields,
  description?: string,
  title?: string,
) {
  return Type.Object(fields, { additionalProperties: false, ...about(description, title) })
}

/** Unknown fields are ignored. */
export function open<const Fields extends Record<string, TSchema>>(
  fields: Fields,
  description?: string,
  title?: string,
) {
  return Type.Object(fields, about(description, title))
}

function about(description: string | undefined, title: string | undefined) {
  return { ...(description === undefined ? {} : { description }), ...(title === undefined ? {} : { title }) }
}

export function literals<const Values extends readonly string[]>(
  values: Values,
  description?: string,
  title?: string,
) {
  return Type.Enum(values as unknown as string[], about(description, title))
}

export function orNull<Schema extends TSchema>(schema: Schema, description?: string) {
  return Type.Union([schema, Type.Null()], description === undefined ? {} : { description })
}

export function oneOrMany<Schema extends TSchema>(schema: Schema, description: string) {
  return Type.Union([schema, Type.Array(schema, { minItems: 1, maxItems: BATCH_ENTRIES_MAX })], {
    description,
  })
}

export function name(lengthMax: number, description?: string) {
  return Type.String({
    minLength: 1,
    maxLength: lengthMax,
    pattern: NAME_PATTERN,
    ...(description === undefined ? {} : { description }),
  })
}

export const Time = (description: string) => Type.String({ pattern: TIME_PATTERN, description })
export const Count = (description: string) => Type.Integer({ minimum: 0, description })
export const AnyJson = (description: string) => Type.Unknown({ description })

export const TaskId = name(ID_LENGTH_MAX, 'Id of a task.')
export const TaskType = name(TYPE_LENGTH_MAX, 'Names the handler.')
export const QueueName = name(QUEUE_LENGTH_MAX, 'Name of a queue.')
export const Key = name(KEY_LENGTH_MAX, 'Whose task it is: usually a tenant.')
export const Priority = Type.Integer({
  minimum: PRIORITY_MIN,
  maximum: PRIORITY_MAX,
  description: 'Higher runs first.',
})
export const State = literals(TASK_STATES, 'See the life of a task.', 'state')
export const Durability = literals(
  ['disk', 'relaxed', 'memory'],
  '`disk`: synced before the confirmation; `relaxed`: confirmed before the sync; `memory`: in no file.',
  'durability',
)
export const Metadata = Type.Record(Type.String(), Type.String(), {
  description: 'Small string map that travels with the task.',
})
/** Any string that is short enough: an id that cannot be one is simply unknown. */
export const Ids = Type.Array(Type.String({ maxLength: ID_LENGTH_MAX }), {
  maxItems: BATCH_ENTRIES_MAX,
  description: 'Ids of tasks.',
})

export const Progress = open(
  {
    done: Type.Number({ description: 'How much is done.' }),
    total: optional(Type.Number({ description: 'How much there is; left out when unknown.' })),
    note: optional(Type.String({ description: 'For people.' })),
  },
  'How far the running attempt is.',
  'progress',
)

export const TaskError = open(
  {
    name: Type.String({ description: 'Name of the error.' }),
    message: Type.String({ description: 'What it says.' }),
    stack: optional(Type.String({ description: 'Where it was thrown.' })),
  },
  'The error of a task.',
  'task error',
)

/** As it is told by workers. */
export const WORKER_IDENTITY = {
  id: Type.String({ minLength: 1, maxLength: 128, description: 'Unique per running worker process.' }),
  pid: Type.Integer({ description: 'Its process id.' }),
  host: Type.String({ maxLength: 256, description: 'Its machine.' }),
}

export const Worker = open(
  {
    id: Type.String({ description: 'Unique per running worker process.' }),
    pid: Type.Integer({ description: 'Its process id.' }),
    host: Type.String({ description: 'Its machine.' }),
  },
  'Who runs a task.',
  'worker',
)

export const TaskRecord = open(
  {
    id: TaskId,
    type: TaskType,
    queue: QueueName,
    state: State,
    priority: Priority,
    attempt: Count('The attempt that runs, or ran last; 0 when none was started.'),
    maxAttempts: Count('Attempts that it may use.'),
    crashes: Count('How often a worker died while running it.'),
    createdAt: Time('When it was accepted.'),
    runAt: Time('When it is, or was, due.'),
    startedAt: optional(Time('When the last attempt started.')),
    finishedAt: optional(Time('When it became final.')),
    expiresAt: optional(Time('It is not started after this time.')),
    result: optional(AnyJson('The value that the handler returned; set when `succeeded`.')),
    error: optional(TaskError),
    progress: optional(Progress),
    worker: optional(Worker),
    key: optional(Key),
    metadata: optional(Metadata),
    data: optional(AnyJson('What was submitted; only where asked for.')),
  },
  'Everything that is known of a task.',
  'task record',
)

export const MaybeRecord = orNull(TaskRecord, 'null: no such task is known.')

export const Change = open(
  {
    id: TaskId,
    state: State,
    changed: Type.Boolean({ description: 'Whether this call changed it.' }),
  },
  'What a call did to a task.',
  'change',
)

export const LogLine = open(
  {
    number: Count('1, 2, 3 … within the task.'),
    at: Time('When the server received it.'),
    attempt: Count('The attempt that wrote it.'),
    level: literals(LOG_LEVELS, 'How important it is.'),
    text: Type.String({ description: 'The line.' }),
  },
  'A line that a handler has logged.',
  'log line',
)

export const RetryAfterMs = Type.Integer({ minimum: 0, description: 'When to try again.' })

export const DelayMs = (description: string, minimum = 0) =>
  Type.Integer({ minimum, maximum: DELAY_MS_MAX, description })

export const Backoff = Type.Union(
  [
    closed({
      kind: Type.Literal('exponential', { description: 'Doubles with every failure.' }),
      baseMs: optional(DelayMs(`After the first failure. Default ${BACKOFF_BASE_MS}.`)),
      maxMs: optional(DelayMs(`Never longer. Default ${BACKOFF_MAX_MS}.`)),
      jitter: optional(Type.Boolean({ description: 'Spread over half of the delay. Default true.' })),
    }),
    closed({
      kind: Type.Literal('fixed', { description: 'Always the same.' }),
      delayMs: DelayMs('The delay.'),
    }),
    closed({
      kind: Type.Literal('list', { description: 'One after the other; the last one repeats.' }),
      delaysMs: Type.Array(DelayMs('A delay.'), {
        minItems: 1,
        maxItems: BACKOFF_LIST_MAX,
        description: 'The delays.',
      }),
    }),
    DelayMs('Short for `fixed`.'),
    Type.Array(DelayMs('A delay.'), {
      minItems: 1,
      maxItems: BACKOFF_LIST_MAX,
      description: 'Short for `list`.',
    }),
  ],
  {
    description: 'How long to wait before the next attempt. Default: exponential with jitter.',
    title: 'back-off',
  },
)
