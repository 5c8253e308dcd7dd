/** Schemas of `task.*`: what producers use. */

import Type from 'typebox'
import {
  ATTEMPTS_DEFAULT,
  ATTEMPTS_MAX,
  BATCH_ENTRIES_MAX,
  CRASHES_DEFAULT,
  CRASHES_MAX,
  DEDUPE_WINDOW_MS_DEFAULT,
  ID_LENGTH_MAX,
  KEY_LENGTH_MAX,
  LIST_LIMIT_DEFAULT,
  LIST_LIMIT_MAX,
  METADATA_ENTRIES_MAX,
  PRIORITY_DEFAULT,
  QUEUE_DEFAULT,
  RETRY_BATCH_MAX,
  TIMEOUT_MS_MAX,
  URL_LENGTH_MAX,
  WAIT_MS_DEFAULT,
  WAIT_MS_MAX,
} from '../../task/limits.ts'
import { Explanation } from './explanation.ts'
import type { MethodDescription, NotificationDescription } from './method.ts'
import {
  AnyJson,
  Backoff,
  Change,
  Count,
  closed,
  DelayMs,
  Durability,
  Ids,
  Key,
  LogLine,
  literals,
  MaybeRecord,
  name,
  oneOrMany,
  open,
  optional,
  orNull,
  Progress,
  QueueName,
  RetryAfterMs,
  State,
  TaskId,
  TaskRecord,
  TaskType,
  Time,
} from './shapes.ts'

/** Checked field by field by `readSubmission`, which is held equal to this schema by a test. */
export const SubmitTask = closed(
  {
    id: optional(name(128, 'Your own id; made by the server when missing. Submitting it twice is harmless.')),
    type: TaskType,
    data: optional(AnyJson('Any JSON. Default null.')),
    queue: optional(name(64, `Where it waits. Default \`${QUEUE_DEFAULT}\`.`)),
    priority: optional(
      Type.Integer({
        minimum: 0,
        maximum: 9,
        description: `Higher runs first. Default ${PRIORITY_DEFAULT}.`,
      }),
    ),
    runAt: optional(Time('Not before this time. Excludes `delayMs`.')),
    delayMs: optional(DelayMs('Not before this delay is over. Excludes `runAt`.')),
    expiresAt: optional(Time('Not started after this time. Excludes `ttlMs`.')),
    ttlMs: optional(DelayMs('Not started when this time is over. Excludes `expiresAt`.', 1)),
    maxAttempts: optional(
      Type.Integer({
        minimum: 1,
        maximum: ATTEMPTS_MAX,
        description: `Attempts that may fail or time out. Default ${ATTEMPTS_DEFAULT}.`,
      }),
    ),
    maxCrashes: optional(
      Type.Integer({
        minimum: 0,
        maximum: CRASHES_MAX,
        description: `Worker deaths that it survives. Default ${CRASHES_DEFAULT}.`,
      }),
    ),
    backoff: optional(Backoff),
    timeoutMs: optional(
      Type.Integer({ minimum: 1, maximum: TIMEOUT_MS_MAX, description: 'For one attempt. Default: none.' }),
    ),
    key: optional(Key),
    dedupeKey: optional(
      name(KEY_LENGTH_MAX, 'Within the window a second task of the queue with this key is the first one.'),
    ),
    dedupeWindowMs: optional(
      DelayMs(`How long the key is held. Default ${DEDUPE_WINDOW_MS_DEFAULT}. Needs \`dedupeKey\`.`, 1),
    ),
    webhook: optional(
      closed({
        url: Type.String({
          maxLength: URL_LENGTH_MAX,
          pattern: '^https?://[^@]+$',
          description: 'Where the signed call goes, until it is answered with 2xx. See docs/webhooks.md.',
        }),
      }),
    ),
    metadata: optional(
      Type.Record(Type.String(), Type.String(), {
        maxProperties: METADATA_ENTRIES_MAX,
        description: 'Small string map that travels with the task.',
      }),
    ),
  },
  'A task as it is submitted. Unknown fields are refused.',
  'task',
)

const Receipt = open(
  {
    id: orNull(Type.String(), 'The id of the task that stands for it; null when a refused task had none.'),
    state: optional(State),
    duplicate: optional(
      Type.Boolean({ description: 'True when nothing new was made: it was accepted before.' }),
    ),
    durability: optional(Durability),
    error: optional(
      open(
        {
          code: Type.Integer({ description: 'Number of the error.' }),
          name: Type.String({ description: 'Name of the error.' }),
          message: Type.String({ description: 'What was wrong.' }),
          retryable: Type.Boolean({ description: 'Whether the same task may be accepted later.' }),
          retryAfterMs: optional(RetryAfterMs),
        },
        'Set when this task was refused; then only `id` is set besides.',
      ),
    ),
  },
  'The answer to one task.',
  'receipt',
)

const Changes = Type.Array(orNull(Change, 'null: no such task is known.'))

export const TASK_METHODS = {
  'task.submit': {
    summary: 'Hands over tasks; answered when they are safe at the durability asked for.',
    params: closed({
      tasks: Type.Array(SubmitTask, { maxItems: BATCH_ENTRIES_MAX, description: 'The tasks.' }),
      durability: optional(
        literals(['disk', 'relaxed'], 'How safe they must be before the answer. Default `disk`.'),
      ),
    }),
    result: open({ receipts: Type.Array(Receipt, { description: 'In the order asked.' }) }),
    errors: ['ID_CONFLICT', 'TOO_DEEP', 'NOT_SUPPORTED', 'DISK_LOW'],
  },
  'task.get': {
    summary: 'What is known of these tasks.',
    params: closed({
      ids: Ids,
      data: optional(Type.Boolean({ description: 'Include what was submitted. Default false.' })),
    }),
    result: open({ tasks: Type.Array(MaybeRecord, { description: 'In the order asked.' }) }),
    errors: [],
  },
  'task.list': {
    summary: 'Tasks, newest first, a page at a time.',
    params: closed({
      state: optional(oneOrMany(State, 'Only these states.')),
      type: optional(oneOrMany(TaskType, 'Only these types.')),
      queue: optional(oneOrMany(QueueName, 'Only these queues.')),
      createdAfter: optional(Time('Only those accepted at this time or later.')),
      createdBefore: optional(Time('Only those accepted before this time.')),
      text: optional(
        name(
          ID_LENGTH_MAX,
          'Only ids with this text in them. Rows are looked at one by one: pages may be short.',
        ),
      ),
      limit: optional(
        Type.Integer({
          minimum: 1,
          maximum: LIST_LIMIT_MAX,
          description: `Tasks of a page at most. Default ${LIST_LIMIT_DEFAULT}.`,
        }),
      ),
      cursor: optional(orNull(Type.String({ maxLength: 1024 }), 'From the page before.')),
      data: optional(Type.Boolean({ description: 'Include what was submitted. Default false.' })),
    }),
    result: open({
      tasks: Type.Array(TaskRecord, { description: 'A page may be short, or empty, and not be the last.' }),
      cursor: orNull(Type.String(), 'For the next page; null at the end.'),
    }),
    errors: [],
  },
  'task.wait': {
    summary: 'Answers when all of these tasks are final or unknown, at the deadline with the states reached.',
    params: closed({
      ids: Ids,
      timeoutMs: optional(
        Type.Integer({
          minimum: 0,
          maximum: WAIT_MS_MAX,
          description: `The deadline. Default ${WAIT_MS_DEFAULT}.`,
        }),
      ),
    }),
    result: open({ tasks: Type.Array(MaybeRecord, { description: 'In the order asked.' }) }),
    errors: ['TOO_MANY_SUBSCRIPTIONS'],
  },
  'task.watch': {
    summary: 'Starts `task.event` notifications about tasks that match all fields given.',
    params: closed({
      ids: optional(Ids),
      type: optional(oneOrMany(TaskType, 'Only these types.')),
      queue: optional(oneOrMany(QueueName, 'Only these queues.')),
      state: optional(oneOrMany(State, 'Only these states.')),
    }),
    result: open({ watch: Type.String({ description: 'Names the subscription on this connection.' }) }),
    errors: ['TOO_MANY_SUBSCRIPTIONS'],
  },
  'task.unwatch': {
    summary: 'Ends a watch. One that is unknown, or ended, is fine.',
    params: closed({ watch: Type.String({ description: 'From `task.watch`.' }) }),
    result: open({}),
    errors: [],
  },
  'task.cancel': {
    summary: 'Cancels tasks in any state that is not final; answers with the state really reached.',
    params: closed({ ids: Ids }),
    result: open({ tasks: Changes }),
    errors: [],
  },
  'task.retry': {
    summary: 'Puts failed, canceled or expired tasks back in the queue with fresh budgets.',
    params: closed({
      ids: optional(Ids),
      filter: optional(
        closed(
          {
            type: optional(oneOrMany(TaskType, 'Only these types.')),
            queue: optional(oneOrMany(QueueName, 'Only these queues.')),
          },
          `Failed tasks, the oldest failure first, ${RETRY_BATCH_MAX} at a time. Excludes \`ids\`.`,
        ),
      ),
    }),
    result: open({
      tasks: Changes,
      more: Type.Boolean({ description: 'By filter: there may be more; call again.' }),
    }),
    errors: [],
  },
  'task.log': {
    summary: 'Lines that the handler of a task has logged, oldest first.',
    params: closed({
      id: Type.String({ description: 'Id of the task.' }),
      after: optional(Count('Only lines with a greater number. Default 0.')),
    }),
    result: open({ lines: Type.Array(LogLine, { description: 'The lines.' }) }),
    errors: [],
  },
  'task.explain': {
    summary: 'Why a task is not running: what is in its way, or what became of it.',
    params: closed({ id: Type.String({ description: 'Id of the task.' }) }),
    result: open({ explanation: orNull(Explanation, 'null: no such task is known.') }),
    errors: [],
  },
} as const satisfies Record<string, MethodDescription>

export const TASK_NOTIFICATIONS = {
  'task.event': {
    summary: 'News of a watched task. A hint: it may be lost or repeated, so `task.get` what matters.',
    params: open({
      watch: Type.String({ description: 'Which watch.' }),
      at: Time('When it happened.'),
      id: TaskId,
      type: TaskType,
      queue: QueueName,
      state: State,
      attempt: Count('The attempt that runs, or ran last.'),
      progress: optional(Progress),
      lines: optional(Type.Array(LogLine, { description: 'New log lines.' })),
      dropped: optional(
        Count('Events of this watch that were dropped before this one: you read too slowly.'),
      ),
    }),
  },
} as const satisfies Record<string, NotificationDescription>
