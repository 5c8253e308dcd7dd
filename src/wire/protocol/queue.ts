/** Schemas of `queue.*`: looking at queues, and steering them. */

import Type from 'typebox'
import {
  ATTEMPTS_DEFAULT,
  ATTEMPTS_MAX,
  CRASHES_DEFAULT,
  CRASHES_MAX,
  DELAY_MS_MAX,
  PRIORITY_DEFAULT,
  TIMEOUT_MS_MAX,
} from '../../task/limits.ts'
import { QUEUE_MODES } from '../../task/queue.ts'
import type { MethodDescription } from './method.ts'
import {
  Backoff,
  Count,
  closed,
  literals,
  open,
  optional,
  orNull,
  Priority,
  QueueName,
  Time,
} from './shapes.ts'

const integer = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description })

const DEFAULTS = {
  priority: Priority,
  maxAttempts: integer(1, ATTEMPTS_MAX, `Without it ${ATTEMPTS_DEFAULT}.`),
  maxCrashes: integer(0, CRASHES_MAX, `Without it ${CRASHES_DEFAULT}.`),
  backoff: Backoff,
  timeoutMs: integer(1, TIMEOUT_MS_MAX, 'For one attempt.'),
  ttlMs: integer(
    1,
    DELAY_MS_MAX,
    'A task that was not started after this time expires; it begins when the task is due.',
  ),
}
const LIMITS = {
  tasksMax: orNull(
    integer(0, Number.MAX_SAFE_INTEGER, 'How many.'),
    'Unfinished tasks, waiting or running; beyond it new ones are refused with `QUEUE_FULL`. null: no limit.',
  ),
  bytesMax: orNull(integer(0, Number.MAX_SAFE_INTEGER, 'How many.'), 'Bytes of their data, likewise.'),
  retentionMs: orNull(
    integer(0, DELAY_MS_MAX, 'How long.'),
    'How long tasks are kept that succeeded, were cancelled or expired. null: as long as the server keeps them.',
  ),
  failedRetentionMs: orNull(
    integer(0, DELAY_MS_MAX, 'How long.'),
    'How long failed tasks are kept, likewise.',
  ),
}

const Settings = open(
  {
    mode: literals(
      QUEUE_MODES,
      '`open`; `paused`: takes tasks and delivers none; `draining`: takes no new tasks and delivers those it has.',
    ),
    defaults: open(
      Object.fromEntries(Object.entries(DEFAULTS).map(([name, schema]) => [name, optional(schema)])),
      `What a task gets that does not say it itself. Priority ${PRIORITY_DEFAULT} counts as not said.`,
    ),
    ...LIMITS,
  },
  'What a queue was told.',
  'queue settings',
)

const Queue = open(
  {
    queue: QueueName,
    settings: Settings,
    scheduled: Count('Tasks that are not due yet.'),
    blocked: Count('Tasks that wait for other tasks.'),
    queued: Count('Tasks that wait for a worker.'),
    running: Count('Tasks that a worker holds.'),
    oldestQueuedAt: orNull(Time('A time.'), 'When the oldest queued task became due; null when none waits.'),
    waitingTypes: optional(Type.Array(Type.String(), { description: 'Types of which tasks are queued.' })),
    totals: open(
      {
        submitted: Count('Tasks accepted.'),
        succeeded: Count('Tasks that succeeded.'),
        failed: Count('Tasks that failed.'),
        canceled: Count('Tasks that were cancelled.'),
        expired: Count('Tasks that were not started in time.'),
      },
      'Since the store was made.',
    ),
  },
  'A queue with its counts.',
  'queue',
)

export const Queues = Type.Array(Queue, { description: 'The queues.' })

const OnlyQueue = closed({ queue: QueueName })
const Answer = open({ queue: QueueName, settings: Settings })

export const QUEUE_METHODS = {
  'queue.list': {
    summary: 'Every queue with its counts.',
    params: closed({}),
    result: open({ queues: Queues }),
    errors: [],
  },
  'queue.pause': {
    summary:
      'Delivers no task of this queue any more, on any server, until it is resumed: also after a restart. What workers hold goes on; new tasks are accepted and wait. Repeating it is harmless.',
    params: OnlyQueue,
    result: Answer,
    errors: [],
  },
  'queue.drain': {
    summary:
      'Takes no new tasks into this queue (`QUEUE_DRAINING`) until it is resumed, and delivers those that it has. Retries, and tasks put back by hand, still go in. It ends a pause.',
    params: OnlyQueue,
    result: Answer,
    errors: [],
  },
  'queue.resume': {
    summary: 'Ends a pause, or a drain.',
    params: OnlyQueue,
    result: Answer,
    errors: [],
  },
  'queue.define': {
    summary:
      'Changes what the queue gives its tasks and how much it may hold: for tasks that are submitted from now on; how long final tasks are kept also counts for those that there are. What is left out stays; null takes it away.',
    params: closed({
      queue: QueueName,
      defaults: optional(
        closed(
          Object.fromEntries(
            Object.entries(DEFAULTS).map(([name, schema]) => [
              name,
              optional(orNull(schema, (schema as { description?: string }).description)),
            ]),
          ),
          'What a task gets that does not say it itself.',
        ),
      ),
      ...Object.fromEntries(Object.entries(LIMITS).map(([name, schema]) => [name, optional(schema)])),
    }),
    result: Answer,
    errors: [],
  },
  'queue.purge': {
    summary:
      'Cancels tasks that wait in this queue, newest first, a bounded number at a time: call again with the cursor until it is null. What runs goes on. Cancelled tasks can be put back with `task.retry`.',
    params: closed({
      queue: QueueName,
      cursor: optional(orNull(Type.String({ maxLength: 64 }), 'From the answer before.')),
    }),
    result: open({
      purged: Count('Tasks that were cancelled.'),
      cursor: orNull(Type.String(), 'To go on; null: this was the end.'),
    }),
    errors: [],
  },
} as const satisfies Record<string, MethodDescription>
