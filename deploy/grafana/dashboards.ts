/** The dashboards: one of the tasks, one of what carries them. Expressions are asked of a live Prometheus by test/e2e/metrics/dashboards.test.ts. */

import type { DashboardSpec, PanelSpec, Query } from './panels.ts'

const Q = '{queue=~"$queue"}'
const RATE = '[$__rate_interval]'

function q(expr: string, legend: string): Query {
  return { expr, legend }
}

/** Of a histogram: where half, and where one in a hundred lies above. */
function quantiles(metric: string, labels: string, by = 'le', legend = ''): Query[] {
  return [0.5, 0.99].map((quantile) =>
    q(
      `histogram_quantile(${quantile}, sum by (${by}) (rate(${metric}_bucket${labels}${RATE})))`,
      `${legend}p${quantile * 100}`,
    ),
  )
}

function stat(title: string, unit: PanelSpec['unit'], expr: string, description: string): PanelSpec {
  return { kind: 'stat', title, unit, description, queries: [q(expr, title)] }
}

export const DASHBOARDS: Readonly<Record<string, DashboardSpec>> = {
  'chasqui-tasks.json': {
    uid: 'chasqui-tasks',
    title: 'Chasqui: tasks',
    description: 'The way of the tasks: how many come, how long they wait and run, what becomes of them.',
    byQueue: true,
    rows: [
      {
        title: 'Now',
        panels: [
          stat(
            'Confirmed',
            'ops',
            `sum(rate(chasqui_tasks_confirmed_total${Q}${RATE}))`,
            'New tasks a second that are safe.',
          ),
          stat(
            'Finished',
            'ops',
            `sum(rate(chasqui_tasks_finished_total${Q}${RATE}))`,
            'Tasks a second that have their result, good or bad.',
          ),
          stat(
            'Waiting',
            'short',
            `sum(max by (queue) (chasqui_queue_tasks{queue=~"$queue",state="queued"}))`,
            'Tasks that wait for a worker.',
          ),
          stat(
            'Oldest',
            's',
            `max(chasqui_queue_oldest_seconds${Q})`,
            'How long the oldest of them has been due.',
          ),
          stat(
            'Failed',
            'percentunit',
            `sum(rate(chasqui_tasks_finished_total{queue=~"$queue",state="failed"}${RATE})) / sum(rate(chasqui_tasks_finished_total${Q}${RATE}))`,
            'Share of the finished tasks that failed for good.',
          ),
          stat(
            'Work',
            'short',
            `sum(max by (queue) (chasqui_queue_work_tasks${Q}))`,
            'Ready, due and running: what to scale workers by.',
          ),
        ],
      },
      {
        title: 'Rates',
        panels: [
          {
            title: 'Tasks in and out',
            description: 'What comes in and what is done. Apart for long: the backlog grows.',
            unit: 'ops',
            queries: [
              q(`sum(rate(chasqui_tasks_submitted_total${Q}${RATE}))`, 'submitted'),
              q(`sum(rate(chasqui_tasks_confirmed_total${Q}${RATE}))`, 'confirmed'),
              q(`sum(rate(chasqui_tasks_delivered_total${Q}${RATE}))`, 'delivered'),
              q(`sum(rate(chasqui_tasks_finished_total${Q}${RATE}))`, 'finished'),
            ],
          },
          {
            title: 'Finished by type',
            description: 'Which types the workers are busy with.',
            unit: 'ops',
            stacked: true,
            queries: [
              q(`topk(10, sum by (type) (rate(chasqui_tasks_finished_total${Q}${RATE})))`, '{{type}}'),
            ],
          },
          {
            title: 'Attempts by outcome',
            description: 'What attempts come to; released ones used up nothing.',
            unit: 'ops',
            stacked: true,
            queries: [q(`sum by (outcome) (rate(chasqui_attempts_total${Q}${RATE}))`, '{{outcome}}')],
          },
        ],
      },
      {
        title: 'Times',
        panels: [
          {
            title: 'Confirmation',
            description: 'From the arrival of a task to its confirmation: the disk, mostly.',
            unit: 's',
            queries: quantiles('chasqui_confirmation_seconds', '', 'le, durability', '{{durability}} '),
          },
          {
            title: 'Time to start',
            description: 'From the moment a task was due to its delivery: too few workers make it grow.',
            unit: 's',
            queries: quantiles('chasqui_start_delay_seconds', Q),
          },
          {
            title: 'Run time by type',
            description: 'How long handlers run, one in a hundred longer than this.',
            unit: 's',
            queries: [
              q(
                `histogram_quantile(0.99, sum by (le, type) (rate(chasqui_run_seconds_bucket${RATE})))`,
                '{{type}} p99',
              ),
            ],
          },
          {
            title: 'End to end',
            description: 'From the acceptance of a task to its result: delays, waiting and retries included.',
            unit: 's',
            queries: quantiles('chasqui_task_seconds', Q),
          },
        ],
      },
      {
        title: 'Queues',
        panels: [
          {
            title: 'Waiting by queue',
            description: 'Tasks that wait for a worker.',
            unit: 'short',
            stacked: true,
            queries: [q(`max by (queue) (chasqui_queue_tasks{queue=~"$queue",state="queued"})`, '{{queue}}')],
          },
          {
            title: 'Age of the oldest',
            description: 'How long the oldest waiting task has been due.',
            unit: 's',
            queries: [q(`max by (queue) (chasqui_queue_oldest_seconds${Q})`, '{{queue}}')],
          },
          {
            title: 'By state',
            description: 'All tasks that are not final.',
            unit: 'short',
            stacked: true,
            queries: [q(`sum by (state) (max by (queue, state) (chasqui_queue_tasks${Q}))`, '{{state}}')],
          },
        ],
      },
      {
        title: 'Trouble',
        panels: [
          {
            title: 'Failures and retries',
            description: 'Failed for good, failed and tried again, delivered again.',
            unit: 'ops',
            queries: [
              q(`sum(rate(chasqui_tasks_finished_total{queue=~"$queue",state="failed"}${RATE}))`, 'failed'),
              q(`sum(rate(chasqui_retries_total${Q}${RATE}))`, 'retries'),
              q(`sum(rate(chasqui_tasks_redelivered_total${Q}${RATE}))`, 'redelivered'),
            ],
          },
          {
            title: 'Refusals by reason',
            description: 'Tasks and requests that were refused, by error code (docs/errors.md).',
            unit: 'ops',
            queries: [
              q(`sum by (reason) (rate(chasqui_tasks_refused_total${RATE}))`, 'task: {{reason}}'),
              q(`sum by (reason) (rate(chasqui_requests_refused_total${RATE}))`, 'request: {{reason}}'),
            ],
          },
          {
            title: 'Lost leases, late outcomes, crashes',
            description: 'Workers that died or were cut off, and handlers that took their thread down.',
            unit: 'ops',
            queries: [
              q(`sum(rate(chasqui_leases_lapsed_total${RATE}))`, 'leases lapsed'),
              q(`sum(rate(chasqui_outcomes_refused_total${RATE}))`, 'outcomes too late'),
              q(`sum(rate(chasqui_attempts_total{outcome="crashed"}${RATE}))`, 'crashes'),
            ],
          },
        ],
      },
    ],
  },
  'chasqui-processes.json': {
    uid: 'chasqui-processes',
    title: 'Chasqui: processes and store',
    description: 'What carries the tasks: workers, connections, the store, and the processes themselves.',
    byQueue: false,
    rows: [
      {
        title: 'Workers',
        panels: [
          {
            title: 'Slots and what is held',
            description: 'Held near the slots for long: more workers would help.',
            unit: 'short',
            queries: [
              q('max(chasqui_slots)', 'slots'),
              q('max(chasqui_held_deliveries)', 'held'),
              q('max(chasqui_consumers)', 'consumers'),
            ],
          },
          {
            title: 'Consumers by queue',
            description: 'A queue without any does not move, and a paused one neither.',
            unit: 'short',
            queries: [
              q('max by (queue) (chasqui_queue_consumers)', '{{queue}}'),
              q('max by (queue) (chasqui_queue_paused)', '{{queue}} paused'),
            ],
          },
          {
            title: 'Attempts of each worker process',
            description: 'Of workers with --worker-http-port.',
            unit: 'ops',
            stacked: true,
            queries: [q(`sum by (instance) (rate(chasqui_worker_attempts_total${RATE}))`, '{{instance}}')],
          },
          {
            title: 'Slots in use',
            description: 'Running attempts of each worker process, and the slots that it has.',
            unit: 'short',
            queries: [
              q('chasqui_worker_running', '{{instance}} running'),
              q('chasqui_worker_slots', '{{instance}} slots'),
            ],
          },
          {
            title: 'Threads',
            description: 'Threads that run handlers; replaced ones had ended.',
            unit: 'short',
            queries: [
              q('sum by (state) (chasqui_worker_threads)', '{{state}}'),
              q(`sum(increase(chasqui_worker_threads_replaced_total${RATE}))`, 'replaced'),
            ],
          },
          {
            title: 'Connections',
            description: 'Open TCP connections of each distributor.',
            unit: 'short',
            queries: [q('chasqui_connections', '{{instance}}')],
          },
        ],
      },
      {
        title: 'Store',
        panels: [
          {
            title: 'Commits that wait for the disk',
            description: 'Every confirmation and every result waits for one of these.',
            unit: 's',
            queries: quantiles('chasqui_store_sync_seconds', '', 'le, instance', '{{instance}} '),
          },
          {
            title: 'Size',
            description: 'The database, and the log that is copied into it now and then.',
            unit: 'bytes',
            queries: [
              q('max(chasqui_store_bytes)', 'database'),
              q('chasqui_store_wal_bytes', '{{instance}} write-ahead log'),
            ],
          },
          {
            title: 'Free space',
            description: 'Below the reserve new tasks are refused.',
            unit: 'bytes',
            queries: [
              q('chasqui_disk_free_bytes', '{{instance}} free'),
              q('chasqui_disk_reserve_bytes', '{{instance}} reserve'),
            ],
          },
        ],
      },
      {
        title: 'Processes',
        panels: [
          {
            title: 'CPU',
            description:
              'Cores in use. The main thread of a process has one; threads of workers come on top.',
            unit: 'short',
            queries: [q(`rate(process_cpu_seconds_total{job=~"chasqui.*"}${RATE})`, '{{instance}}')],
          },
          {
            title: 'Memory',
            description: 'Resident memory.',
            unit: 'bytes',
            queries: [q('process_resident_memory_bytes{job=~"chasqui.*"}', '{{instance}}')],
          },
          {
            title: 'Delay of the event loop',
            description: 'How late the main thread is, one time in a hundred.',
            unit: 's',
            queries: [q('nodejs_eventloop_lag_p99_seconds{job=~"chasqui.*"}', '{{instance}} p99')],
          },
        ],
      },
    ],
  },
}
