/**
 * The look at an engine (`Engine.inspect`) as gauges: what waits, who works, how large the store is. Taken at a scrape, at most once in METRIC_LOOK_MS.
 *
 * Invariant: an engine that does not answer makes its gauges absent, and the scrape goes on without them: the rest of what the process knows is what one wants to
 * see then.
 */

import { METRIC_LOOK_MS, METRIC_LOOK_TIMEOUT_MS } from '../task/limits.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import type { CounterName, GaugeName } from '../telemetry/metrics/table.ts'
import type { ConsumerReport, Engine, EngineReport, QueueReport } from './engine.ts'

const FAMILIES = [
  'chasqui_queue_tasks',
  'chasqui_queue_finished_tasks',
  'chasqui_queue_oldest_seconds',
  'chasqui_queue_work_tasks',
  'chasqui_queue_paused',
  'chasqui_queue_consumers',
  'chasqui_type_unserved',
  'chasqui_consumers',
  'chasqui_slots',
  'chasqui_held_deliveries',
  'chasqui_consumption_silent',
] as const satisfies readonly GaugeName[]

/** Numbers of `EngineReport.store` that are measures. */
const STORE: Readonly<Record<string, GaugeName | CounterName>> = {
  bytes: 'chasqui_store_bytes',
  walBytes: 'chasqui_store_wal_bytes',
  commits: 'chasqui_store_commits_total',
  lapses: 'chasqui_leases_lapsed_total',
  diskFreeBytes: 'chasqui_disk_free_bytes',
  diskReserveBytes: 'chasqui_disk_reserve_bytes',
}

export function showReport(engine: Engine, metrics: Metrics, now: () => number = Date.now): void {
  let lookedAtMs = Number.NEGATIVE_INFINITY
  metrics.onScrape(async () => {
    if (performance.now() - lookedAtMs < METRIC_LOOK_MS) return
    try {
      const report = await withDeadline(engine.inspect())
      lookedAtMs = performance.now()
      fill(metrics, report, now())
    } catch {
      for (const name of FAMILIES) metrics.gauge(name).clear()
    }
  })
}

async function withDeadline<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no report in time')), METRIC_LOOK_TIMEOUT_MS)
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}

function fill(metrics: Metrics, { queues, consumers, store }: EngineReport, nowMs: number): void {
  for (const name of FAMILIES) metrics.gauge(name).clear()
  for (const queue of queues) fillQueue(metrics, queue, consumers, nowMs)
  metrics.set('chasqui_consumers', consumers.length)
  metrics.set('chasqui_slots', sum(consumers, 'slots'))
  metrics.set('chasqui_held_deliveries', sum(consumers, 'held'))
  for (const [field, name] of Object.entries(STORE)) {
    const value = store[field]
    if (typeof value === 'number') metrics.set(name, value)
  }
  if (store.consumption !== undefined) {
    metrics.set('chasqui_consumption_silent', store.consumption === 'silent' ? 1 : 0)
  }
}

/** Queues beyond the limit share the label `other`: so everything is added to what is there. */
function fillQueue(
  metrics: Metrics,
  report: QueueReport,
  consumers: readonly ConsumerReport[],
  nowMs: number,
): void {
  const queue = metrics.queues.of(report.queue)
  const add = (name: GaugeName, value: number, ...labels: readonly string[]) => {
    metrics.gauge(name).of(queue, ...labels).value += value
  }
  for (const state of ['scheduled', 'blocked', 'queued', 'running'] as const) {
    add('chasqui_queue_tasks', report[state], state)
  }
  for (const state of ['succeeded', 'failed', 'canceled', 'expired'] as const) {
    add('chasqui_queue_finished_tasks', report.totals[state], state)
  }
  add('chasqui_queue_work_tasks', report.queued + report.running)
  const oldest = metrics.gauge('chasqui_queue_oldest_seconds').of(queue)
  const { oldestQueuedAtMs } = report
  const ageMs = oldestQueuedAtMs === null ? 0 : Math.max(0, nowMs - oldestQueuedAtMs)
  oldest.value = Math.max(oldest.value, ageMs / 1_000)
  // Of those that share the label: whether any is.
  const paused = metrics.gauge('chasqui_queue_paused').of(queue)
  if (report.settings.mode === 'paused') paused.value = 1
  const ofQueue = consumers.filter(({ queues }) => queues.includes(report.queue))
  add('chasqui_queue_consumers', ofQueue.length)
  for (const type of report.waitingTypes ?? []) {
    const isServed = ofQueue.some(({ types }) => types === null || types.includes(type))
    if (!isServed) metrics.set('chasqui_type_unserved', 1, queue, metrics.types.of(type))
  }
}

function sum(consumers: readonly ConsumerReport[], field: 'slots' | 'held'): number {
  return consumers.reduce((total, consumer) => total + consumer[field], 0)
}
