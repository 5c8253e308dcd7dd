/**
 * The one table of what Chasqui measures: name → kind, labels and meaning. The exposition, docs/metrics.md and the tests of both are made from it.
 *
 * Names and units follow the conventions of Prometheus: base units, `_total` for what only grows. Labels are few and bounded (label-limit.ts): queues,
 * types, and words of our own tables; never an id, a key or an address.
 */

interface Common {
  readonly help: string
  readonly labels: readonly string[]
  /** Who exports it: a server that holds tasks (a distributor, or a worker directly on the cluster), a distributor, a worker process, each. */
  readonly of: 'tasks' | 'distributor' | 'worker' | 'process'
}

export type MetricEntry = Common &
  (
    | { readonly kind: 'counter' | 'gauge' }
    | { readonly kind: 'histogram'; readonly bounds: readonly number[] }
  )

/** Seconds. From a commit on a fast disk to a task that takes an hour. */
const WAITS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600]
const RUNS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 3600]
const SYNCS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

const QUEUE_AND_TYPE = ['queue', 'type'] as const

function counter(of: Common['of'], labels: readonly string[], help: string) {
  return { kind: 'counter', of, labels, help } as const
}

function gauge(of: Common['of'], labels: readonly string[], help: string) {
  return { kind: 'gauge', of, labels, help } as const
}

function histogram(of: Common['of'], labels: readonly string[], bounds: readonly number[], help: string) {
  return { kind: 'histogram', of, labels, bounds, help } as const
}

export const METRICS = {
  // ---- the way of a task: counted where tasks are held
  chasqui_tasks_submitted_total: counter(
    'tasks',
    QUEUE_AND_TYPE,
    'Tasks that were submitted: new ones, duplicates, and those that were refused.',
  ),
  chasqui_tasks_confirmed_total: counter(
    'tasks',
    QUEUE_AND_TYPE,
    'New tasks that were confirmed: safe at the durability that their receipts name.',
  ),
  chasqui_tasks_duplicate_total: counter(
    'tasks',
    QUEUE_AND_TYPE,
    'Submissions of a task that was there already, by its id or dedupe key.',
  ),
  chasqui_tasks_refused_total: counter(
    'tasks',
    ['reason'],
    'Tasks that the engine refused, by error code (docs/errors.md).',
  ),
  chasqui_tasks_delivered_total: counter('tasks', QUEUE_AND_TYPE, 'Deliveries to workers.'),
  chasqui_tasks_redelivered_total: counter(
    'tasks',
    QUEUE_AND_TYPE,
    'Deliveries of tasks that a worker had before: after a failed attempt, or after the death of a worker.',
  ),
  chasqui_attempts_total: counter(
    'tasks',
    [...QUEUE_AND_TYPE, 'outcome'],
    'Attempts whose outcome was recorded, by outcome: returned, threw, timed_out, crashed, released.',
  ),
  chasqui_retries_total: counter(
    'tasks',
    QUEUE_AND_TYPE,
    'Failed attempts that another one follows by itself.',
  ),
  chasqui_tasks_finished_total: counter(
    'tasks',
    [...QUEUE_AND_TYPE, 'state'],
    'Tasks that an outcome made final, by state: succeeded or failed.',
  ),
  chasqui_tasks_canceled_total: counter('tasks', [], 'Tasks that were cancelled.'),
  chasqui_tasks_revived_total: counter('tasks', [], 'Final tasks that were put back in their queue by hand.'),
  chasqui_outcomes_refused_total: counter(
    'tasks',
    [],
    'Outcomes that came too late: the lease was lost, or the task was final.',
  ),
  chasqui_leases_lapsed_total: counter(
    'tasks',
    [],
    'Leases that nobody renewed: their workers were taken for dead, and the tasks go elsewhere.',
  ),
  chasqui_confirmation_seconds: histogram(
    'tasks',
    ['durability'],
    SYNCS,
    'From the arrival of a task at the engine to its confirmation.',
  ),
  chasqui_start_delay_seconds: histogram(
    'tasks',
    ['queue'],
    WAITS,
    'From the moment a task was due to its delivery to a worker; each attempt counts.',
  ),
  chasqui_run_seconds: histogram(
    'tasks',
    ['type'],
    RUNS,
    'How long handlers ran, an attempt each, as their workers measured it.',
  ),
  chasqui_task_seconds: histogram(
    'tasks',
    ['queue'],
    WAITS,
    'From the acceptance of a task to the outcome that made it final: delays, waiting and retries included.',
  ),
  chasqui_store_sync_seconds: histogram(
    'tasks',
    [],
    SYNCS,
    'Commits that waited for the disk: embedded, the COMMIT with its fsync; cluster, the statement with its way to PostgreSQL and back.',
  ),

  // ---- what waits, who works: a look at the engine at every scrape
  chasqui_queue_tasks: gauge(
    'tasks',
    ['queue', 'state'],
    'Tasks that are not final, by state: scheduled, blocked, queued, running.',
  ),
  chasqui_queue_finished_tasks: gauge(
    'tasks',
    ['queue', 'state'],
    'Tasks that have become final since the store was made, by state; one that is retried by hand leaves it.',
  ),
  chasqui_queue_oldest_seconds: gauge(
    'tasks',
    ['queue'],
    'How long the oldest queued task has been due; 0 when none waits.',
  ),
  chasqui_queue_work_tasks: gauge(
    'tasks',
    ['queue'],
    'Work to be done now: ready, due and running. Made for autoscaling.',
  ),
  chasqui_queue_paused: gauge('tasks', ['queue'], '1 while the queue is paused: it delivers nothing.'),
  chasqui_queue_consumers: gauge('tasks', ['queue'], 'Consumers that take tasks from this queue.'),
  chasqui_type_unserved: gauge(
    'tasks',
    QUEUE_AND_TYPE,
    '1 while tasks of this type wait in this queue and no consumer takes them.',
  ),
  chasqui_consumers: gauge('tasks', [], 'Consumers: workers that take tasks.'),
  chasqui_slots: gauge('tasks', [], 'Attempts that all consumers together run at once.'),
  chasqui_held_deliveries: gauge('tasks', [], 'Deliveries in the hands of workers.'),
  chasqui_store_bytes: gauge('tasks', [], 'Size of the store: the database.'),
  chasqui_store_wal_bytes: gauge('tasks', [], 'Size of the write-ahead log of the embedded store.'),
  chasqui_store_commits_total: counter('tasks', [], 'Transactions of the embedded store.'),
  chasqui_disk_free_bytes: gauge('tasks', [], 'Free space on the disk of the embedded store.'),
  chasqui_disk_reserve_bytes: gauge(
    'tasks',
    [],
    'Free space below which the embedded store refuses new tasks (--disk-free-min).',
  ),
  chasqui_consumption_silent: gauge(
    'tasks',
    [],
    '1 while work waits, a consumer is idle and nothing is delivered (cluster).',
  ),

  // ---- the distributor
  chasqui_connections: gauge('distributor', [], 'Open TCP connections.'),
  chasqui_ready: gauge('distributor', [], '1 while it takes new clients; 0 when it is about to stop.'),
  chasqui_requests_refused_total: counter(
    'distributor',
    ['reason'],
    'Requests that were answered with an error, bad messages, and connections that were turned away, by error code.',
  ),

  // ---- the worker process
  chasqui_worker_slots: gauge('worker', [], 'Attempts that this worker runs at once.'),
  chasqui_worker_running: gauge('worker', [], 'Attempts that run.'),
  chasqui_worker_held: gauge('worker', [], 'Deliveries whose settlement is not answered.'),
  chasqui_worker_prefetch: gauge('worker', [], 'Deliveries a slot.'),
  chasqui_worker_threads: gauge('worker', ['state'], 'Threads, by state: ready, or starting.'),
  chasqui_worker_connected: gauge('worker', [], '1 while tasks can come.'),
  chasqui_worker_attempts_total: counter(
    'worker',
    ['outcome'],
    'Attempts that ended here: returned, threw, timed_out, crashed, released.',
  ),
  chasqui_worker_threads_replaced_total: counter('worker', [], 'Threads that ended and were replaced.'),
  chasqui_worker_unrecorded_total: counter(
    'worker',
    [],
    'Outcomes that the engine did not accept, or that could not be recorded.',
  ),

  // ---- every process
  chasqui_build_info: gauge('process', ['version', 'role', 'engine'], 'Always 1; what this process is.'),
} as const satisfies Record<string, MetricEntry>

export type MetricName = keyof typeof METRICS

type NamesOf<Kind> = {
  [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never
}[MetricName]

export type CounterName = NamesOf<'counter'>
export type GaugeName = NamesOf<'gauge'>
export type HistogramName = NamesOf<'histogram'>
