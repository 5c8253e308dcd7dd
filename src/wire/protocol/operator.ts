/** Schemas of `worker.*` and `system.*`: what operators use. */

import Type from 'typebox'
import type { MethodDescription } from './method.ts'
import { Queues } from './queue.ts'
import { Count, closed, Durability, open, orNull, QueueName, Time, Worker } from './shapes.ts'

const ConsumerShape = open(
  {
    consumer: Type.String({ description: 'Id of the consumer.' }),
    worker: Worker,
    queues: Type.Array(QueueName, { description: 'Queues that it takes from.' }),
    types: orNull(Type.Array(Type.String()), 'Types that it takes; null: every type.'),
    slots: Count('Tasks that it runs at a time.'),
    prefetch: Count('Deliveries a slot.'),
    held: Count('Deliveries not settled yet.'),
    connectedAt: Time('Since when it takes tasks.'),
    delivered: Count('Deliveries to it so far.'),
    settled: Count('Outcomes from it so far.'),
  },
  'What takes tasks on behalf of a worker.',
  'consumer',
)

const Workers = Type.Array(ConsumerShape, { description: 'The consumers of all workers.' })

export const OPERATOR_METHODS = {
  'worker.list': {
    summary: 'Every consumer that is connected.',
    params: closed({}),
    result: open({ workers: Workers }),
    errors: [],
  },
  'worker.drain': {
    summary:
      'Tells a worker to leave: it gets nothing more, hands back what it has not started, finishes what runs, and ends; who supervises it may start another. A worker at another server is told in passing, which may be lost: look at `worker.list`.',
    params: closed({
      worker: Type.String({ maxLength: 128, description: 'Id of the worker, as `worker.list` has it.' }),
    }),
    result: open({
      consumers: Count('Consumers of that worker that were told; 0: there is no such worker.'),
    }),
    errors: [],
  },
  'system.stats': {
    summary: 'Server, queues, workers and store in one look; cheap enough for once a second.',
    params: closed({}),
    result: open({
      server: open(
        {
          name: Type.String({ description: 'Always `chasqui`.' }),
          version: Type.String({ description: 'Version of the program.' }),
          pid: Type.Integer({ description: 'Its process id.' }),
          startedAt: Time('When it began to listen.'),
          uptimeMs: Count('Since then.'),
          ready: Type.Boolean({ description: 'False: it is about to stop.' }),
          connections: Count('Open connections.'),
          memory: open({
            rssBytes: Count('Resident memory.'),
            heapUsedBytes: Count('JavaScript heap in use.'),
          }),
        },
        'The distributor.',
      ),
      engine: Type.String({ description: 'Which engine holds the tasks.' }),
      durability: Durability,
      queues: Queues,
      workers: Workers,
      store: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String()]), {
        description: 'Sizes of the store, by name.',
      }),
    }),
    errors: [],
  },
} as const satisfies Record<string, MethodDescription>
