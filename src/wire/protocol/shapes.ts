/** Schemas of the nouns that several methods share. The words are those of DESIGN section 3. */

import Type, { type TSchema } from 'typebox'
import { TASK_STATES } from '../../task/lifecycle.ts'
import {
  BATCH_ENTRIES_MAX,
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

/** Unknown fields are refused: a typo must not pass for a default. */
export function closed<const Fields extends Record<string, TSchema>>(fields: Fields, description?: string) {
  return Type.Object(fields, {
    additionalProperties: false,
    ...(description === undefined ? {} : { description }),
  })
}

/** Unknown fields are ignored. */
export function open<const Fields extends Record<string, TSchema>>(fields: Fields, description?: string) {
  return Type.Object(fields, description === undefined ? {} : { description })
}

export function literals<const Values extends readonly string[]>(values: Values, description?: string) {
  return Type.Enum(values as unknown as string[], description === undefined ? {} : { description })
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
export const State = literals(TASK_STATES, 'State of a task.')
export const Durability = literals(
  ['disk', 'relaxed', 'memory'],
  '`disk`: synced before the confirmation; `relaxed`: confirmed before the sync; `memory`: in no file.',
)
export const Metadata = Type.Record(Type.String(), Type.String(), {
  description: 'Small string map that travels with the task.',
})
/** Any string: an id that cannot be one is simply unknown. */
export const Ids = Type.Array(Type.String(), { maxItems: BATCH_ENTRIES_MAX, description: 'Ids of tasks.' })

export const Progress = open(
  {
    done: Type.Number({ description: 'How much is done.' }),
    total: optional(Type.Number({ description: 'How much there is; left out when unknown.' })),
    note: optional(Type.String({ description: 'For people.' })),
  },
  'How far the running attempt is.',
)

export const TaskError = open(
  {
    name: Type.String({ description: 'Name of the error.' }),
    message: Type.String({ description: 'What it says.' }),
    stack: optional(Type.String({ description: 'Where it was thrown.' })),
  },
  'The error of a task.',
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
)

export const MaybeRecord = orNull(TaskRecord, 'null: no such task is known.')

export const Change = open({
  id: TaskId,
  state: State,
  changed: Type.Boolean({ description: 'Whether this call changed it.' }),
})

export const LogLine = open({
  number: Count('1, 2, 3 … within the task.'),
  at: Time('When the server received it.'),
  attempt: Count('The attempt that wrote it.'),
  level: literals(LOG_LEVELS, 'How important it is.'),
  text: Type.String({ description: 'The line.' }),
})

export const RetryAfterMs = Type.Integer({ minimum: 0, description: 'When to try again.' })
