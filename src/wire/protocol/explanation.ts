/** Schema of the answer of `task.explain`. */

import Type from 'typebox'
import {
  Count,
  literals,
  open,
  optional,
  orNull,
  QueueName,
  State,
  TaskId,
  TaskType,
  Time,
  Worker,
} from './shapes.ts'

export const REASON_KINDS = [
  'not-due',
  'retry-not-due',
  'waits-for-tasks',
  'queue-paused',
  'no-worker',
  'type-unknown',
  'workers-busy',
  'behind-others',
  'runs-alone',
  'imminent',
  'running',
  'succeeded',
  'canceled',
  'expired',
  'attempts-used-up',
  'not-retryable',
  'input-refused',
  'poison',
] as const

const Takers = (description: string) =>
  optional(
    Type.Array(
      open({
        worker: Worker,
        queues: Type.Array(QueueName, { description: 'Queues that it takes from.' }),
        types: orNull(Type.Array(Type.String()), 'Types that it takes; null: every type.'),
      }),
      { description },
    ),
  )

const Reason = open(
  {
    kind: literals(REASON_KINDS, 'What it is.'),
    message: Type.String({ description: 'The whole reason as an English sentence.' }),
    until: optional(Time('`not-due`, `retry-not-due`: when it is due.')),
    failures: optional(Count('`retry-not-due`: attempts that failed so far.')),
    others: Takers('`no-worker`: who takes from other queues.'),
    takers: Takers('`type-unknown`: who takes from its queue.'),
    slots: optional(Count('`workers-busy`: slots of the workers that know its type.')),
    held: optional(Count('`workers-busy`: deliveries in their hands.')),
    credit: optional(Count('`workers-busy`: deliveries that they may have.')),
    ahead: optional(Count('`behind-others`: tasks that go before it.')),
    isMore: optional(Type.Boolean({ description: '`behind-others`: there are at least so many.' })),
    ratePerSecond: optional(
      orNull(
        Type.Number(),
        '`behind-others`: what those workers settled a second since they connected; null: nothing yet.',
      ),
    ),
    waitMs: optional(
      orNull(Count('How long.'), '`behind-others`: how long those before it take at that rate.'),
    ),
    crashes: optional(Count('`runs-alone`: worker deaths under it.')),
    worker: optional(orNull(Worker, '`running`: who has it.')),
    isConnected: optional(Type.Boolean({ description: '`running`: its worker is connected.' })),
    since: optional(orNull(Time('A time.'), '`running`: since when.')),
    leaseUntil: optional(
      orNull(
        Time('A time.'),
        '`running`: when it is taken away if its worker is not heard of; null: not known to this server.',
      ),
    ),
    at: optional(Time('Final states: since when.')),
    attempts: optional(Count('Failed: attempts that it had.')),
    maxAttempts: optional(Count('Failed: attempts that it might have had.')),
  },
  'Why a task is not running, or that it is. Which fields there are depends on `kind`.',
  'reason',
)

export const Explanation = open(
  {
    id: TaskId,
    type: TaskType,
    queue: QueueName,
    state: State,
    reasons: Type.Array(Reason, { description: 'The one that matters most first; never empty.' }),
  },
  'Where a task stands.',
  'explanation',
)
