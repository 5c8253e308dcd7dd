/** Schemas of `work.*`: what workers use. Unknown fields are ignored here, so that newer workers get along with older servers. */

import Type from 'typebox'
import {
  BATCH_ENTRIES_MAX,
  CREDIT_MAX,
  DELAY_MS_MAX,
  LOG_LINES_MAX,
  QUEUE_DEFAULT,
} from '../../task/limits.ts'
import { LOG_LEVELS } from '../outcome-codec.ts'
import type { MethodDescription, NotificationDescription } from './method.ts'
import {
  AnyJson,
  Count,
  Key,
  literals,
  Metadata,
  open,
  optional,
  orNull,
  Priority,
  QueueName,
  State,
  TaskId,
  TaskType,
  Time,
  WORKER_IDENTITY,
} from './shapes.ts'

const Epoch = Type.Integer({
  description: 'From the delivery; a later delivery of the task has a greater one.',
})
const LeaseId = Type.String({ description: 'Id of the task.' })
const Lease = open({ id: LeaseId, epoch: Epoch }, 'The right to finish one attempt.', 'lease')
const Leases = Type.Array(Lease, { maxItems: BATCH_ENTRIES_MAX, description: 'The deliveries meant.' })
const ConsumerId = Type.String({ description: 'Id of a consumer of this connection.' })
const Accepted = Type.Boolean({ description: 'False: the lease is not yours any more; stop working on it.' })
const LeaseAnswers = Type.Array(open({ id: TaskId, accepted: Accepted }), {
  description: 'In the order asked.',
})

const errorFields = {
  name: optional(Type.String({ description: 'Name of the error. Default `Error`.' })),
  message: optional(Type.String({ description: 'What it says.' })),
  stack: optional(orNull(Type.String(), 'Where it was thrown.')),
}

const RunMs = optional(
  Type.Number({ minimum: 0, description: 'How long the handler ran: for measures only.' }),
)

const Outcome = Type.Union(
  [
    open({
      id: LeaseId,
      epoch: Epoch,
      kind: Type.Literal('returned', { description: 'The handler returned.' }),
      value: optional(AnyJson('What it returned. Default null.')),
      runMs: RunMs,
    }),
    open({
      id: LeaseId,
      epoch: Epoch,
      kind: Type.Literal('threw', { description: 'The handler failed.' }),
      error: open({
        ...errorFields,
        retryable: optional(Type.Boolean({ description: 'False: do not try again. Default true.' })),
        retryAfterMs: optional(
          Type.Integer({
            minimum: 0,
            maximum: DELAY_MS_MAX,
            description: 'Replaces the back-off before the next attempt.',
          }),
        ),
      }),
      runMs: RunMs,
    }),
    open({
      id: LeaseId,
      epoch: Epoch,
      kind: literals(
        ['timedOut', 'crashed'],
        '`timedOut`: counted as a failure; `crashed`: what ran it died, counted apart from failures.',
      ),
      error: optional(open(errorFields)),
      runMs: RunMs,
    }),
    open({
      id: LeaseId,
      epoch: Epoch,
      kind: Type.Literal('released', { description: 'Given back unstarted; uses up nothing.' }),
    }),
  ],
  { description: 'What an attempt came to.', title: 'outcome' },
)

export const WORK_METHODS = {
  'work.consume': {
    summary: 'Starts deliveries on this connection, or changes the credit of a consumer.',
    params: open({
      queues: optional(
        Type.Array(QueueName, {
          minItems: 1,
          maxItems: 1_000,
          description: `Queues to take from. Default \`["${QUEUE_DEFAULT}"]\`.`,
        }),
      ),
      types: optional(
        orNull(Type.Array(TaskType, { maxItems: 1_000 }), 'Only these types; null or left out: every type.'),
      ),
      slots: optional(
        Type.Integer({
          minimum: 1,
          maximum: CREDIT_MAX,
          description: 'Tasks that you run at a time. Default 1.',
        }),
      ),
      prefetch: optional(
        Type.Integer({
          minimum: 0,
          maximum: CREDIT_MAX,
          description: `Deliveries a slot. 0: none until it is changed, for who has leases to take up first. Default 1. Slots times prefetch: at most ${CREDIT_MAX}.`,
        }),
      ),
      payload: optional(
        literals(['json', 'text'], '`text`: deliveries carry `dataText` instead of `data`. Default `json`.'),
      ),
      consumer: optional(
        Type.String({ description: 'Change slots and prefetch of this consumer instead of making one.' }),
      ),
      worker: optional(open(WORKER_IDENTITY, 'Who runs the tasks, where that is not who said hello.')),
    }),
    result: open({
      consumer: ConsumerId,
      leaseMs: Count('Renew leases within this time; a third of it is a good rhythm.'),
    }),
    errors: ['TOO_MANY_SUBSCRIPTIONS'],
  },
  'work.stop': {
    summary: 'Ends deliveries to a consumer. Its leases stay yours. One that is unknown, or ended, is fine.',
    params: open({
      consumer: ConsumerId,
      lost: optional(
        Type.Boolean({
          description:
            'True: its worker is gone. What it holds goes elsewhere after a time of grace, as when a connection breaks. Default false.',
        }),
      ),
    }),
    result: open({}),
    errors: [],
  },
  'work.settle': {
    summary: 'Records what attempts came to; answered when that is durable.',
    params: open({
      outcomes: Type.Array(Outcome, { maxItems: BATCH_ENTRIES_MAX, description: 'The outcomes.' }),
    }),
    result: open({
      settled: Type.Array(
        open({
          id: TaskId,
          accepted: Type.Boolean({
            description: 'False: the lease was not yours any more; nothing was changed.',
          }),
          state: orNull(State, 'The state that the task is in; null: no such task is known.'),
        }),
        { description: 'In the order asked.' },
      ),
    }),
    errors: ['TOO_DEEP'],
  },
  'work.extend': {
    summary: 'Renews leases. With `consumer`: takes them up after a lost connection, too.',
    params: open({
      leases: Leases,
      consumer: optional(Type.String({ description: 'The consumer that holds them from now on.' })),
    }),
    result: open({ extended: LeaseAnswers }),
    errors: [],
  },
  'work.release': {
    summary: 'Gives deliveries back unstarted. No attempt is used up.',
    params: open({ leases: Leases }),
    result: open({ released: LeaseAnswers }),
    errors: [],
  },
  'work.progress': {
    summary: 'Says how far a running attempt is.',
    params: open({
      id: LeaseId,
      epoch: Epoch,
      done: Type.Number({ description: 'How much is done.' }),
      total: optional(orNull(Type.Number(), 'How much there is; null or left out: unknown.')),
      note: optional(Type.String({ description: 'For people.' })),
    }),
    result: open({ accepted: Accepted }),
    errors: [],
  },
  'work.log': {
    summary: 'Adds log lines to a task.',
    params: open({
      id: LeaseId,
      epoch: Epoch,
      lines: Type.Array(
        Type.Union([
          Type.String(),
          open({
            level: optional(literals(LOG_LEVELS, 'How important it is. Default `info`.')),
            text: Type.String({ description: 'The line.' }),
            at: optional(Time('When it was written. Default: when it arrives.')),
          }),
        ]),
        { maxItems: LOG_LINES_MAX, description: 'The lines.' },
      ),
    }),
    result: open({ accepted: Accepted }),
    errors: [],
  },
} as const satisfies Record<string, MethodDescription>

export const WORK_NOTIFICATIONS = {
  'work.deliver': {
    summary: 'Tasks to run, each under a lease: settle, renew or release it before `leaseMs` is over.',
    params: open({
      consumer: ConsumerId,
      deliveries: Type.Array(
        open({
          task: open(
            {
              id: TaskId,
              type: TaskType,
              data: optional(AnyJson('What was submitted (payload `json`).')),
              dataText: optional(Type.String({ description: 'The same as JSON text (payload `text`).' })),
              queue: QueueName,
              priority: Priority,
              metadata: Metadata,
              key: optional(Key),
              timeoutMs: optional(Count('Stop the attempt after this time.')),
              maxAttempts: Count('Attempts that it may use.'),
            },
            'What to run.',
            'delivered task',
          ),
          attempt: Count('1 for the first.'),
          epoch: Epoch,
          leaseMs: Count('How long the lease is valid.'),
        }),
        { description: 'The deliveries.' },
      ),
    }),
  },
  'work.revoke': {
    summary: 'These leases are void (cancelled, or lost): stop the handlers. A hint.',
    params: open({ consumer: ConsumerId, leases: Type.Array(Lease, { description: 'The leases.' }) }),
  },
  'work.drain': {
    summary:
      'Somebody wants this worker to leave (`worker.drain`): nothing more is delivered to this consumer. Release what was not started, finish the rest, and go.',
    params: open({ consumer: ConsumerId }),
  },
} as const satisfies Record<string, NotificationDescription>
