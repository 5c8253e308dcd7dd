/**
 * What a process measures, put together: the metrics of its role, the decorator around its engine, the looks at a scrape. `--metrics off` leaves all of it
 * out, and nothing is between the server and its engine then.
 */

import type { Distributor } from '../distributor/distributor.ts'
import type { Engine } from '../engine/engine.ts'
import { InstrumentedEngine } from '../engine/instrumented.ts'
import { showReport } from '../engine/report-gauges.ts'
import { OUTCOME_LABELS } from '../engine/task-measures.ts'
import type { OutcomeKind } from '../task/outcome.ts'
import { Metrics } from '../telemetry/metrics/metrics.ts'
import type { Worker } from '../worker/worker.ts'
import type { Settings } from './settings.ts'
import { VERSION } from './version.ts'

/** Of a server that holds tasks. null: nothing is measured. */
export function serverMetrics({ metrics, engine }: Pick<Settings, 'metrics' | 'engine'>): Metrics | null {
  if (metrics === 'off') return null
  return created(new Metrics({ of: ['tasks', 'distributor', 'process'] }), 'distributor', engine)
}

/** Of a worker. One that sits on the cluster itself is where its tasks are measured; behind a distributor, the distributor is. */
export function workerMetrics({ metrics, engine }: Pick<Settings, 'metrics' | 'engine'>): Metrics | null {
  if (metrics === 'off') return null
  const of =
    engine === 'cluster' ? (['tasks', 'worker', 'process'] as const) : (['worker', 'process'] as const)
  return created(new Metrics({ of }), 'worker', engine)
}

function created(metrics: Metrics, role: string, engine: string): Metrics {
  // Not the address: it may carry a password, and would be a label without bounds.
  const kind = /^(memory|embedded|cluster)/.exec(engine)?.[1] ?? 'remote'
  metrics.set('chasqui_build_info', 1, VERSION, role, kind)
  return metrics
}

/** @returns the engine to use instead */
export function measured(engine: Engine, metrics: Metrics | null): Engine {
  if (metrics === null) return engine
  showReport(engine, metrics)
  return new InstrumentedEngine(engine, metrics)
}

/** For the engine's own reports of commits; undefined: it need not look at the clock. */
export function syncMeasure(metrics: Metrics | null): ((tookMs: number) => void) | undefined {
  if (metrics === null) return undefined
  const syncs = metrics.distribution('chasqui_store_sync_seconds')
  return (tookMs) => syncs.observe(tookMs / 1_000)
}

/** For errors that peers are told of, by code: the codes are our own table, so they are bounded. */
export function refusalMeasure(metrics: Metrics | null): { onRefused?: (code: string) => void } {
  if (metrics === null) return {}
  const refused = metrics.counter('chasqui_requests_refused_total')
  return {
    onRefused: (code) => {
      refused.of(code).value++
    },
  }
}

export function showDistributor({ grounds }: Pick<Distributor, 'grounds'>, metrics: Metrics): void {
  metrics.onScrape(() => {
    const { connections, ready } = grounds.serverReport()
    metrics.set('chasqui_connections', connections)
    metrics.set('chasqui_ready', ready ? 1 : 0)
  })
}

export function showWorker(worker: Worker, metrics: Metrics): void {
  metrics.onScrape(() => {
    const stats = worker.stats()
    metrics.set('chasqui_worker_slots', stats.slots)
    metrics.set('chasqui_worker_running', stats.running)
    metrics.set('chasqui_worker_held', stats.held)
    metrics.set('chasqui_worker_prefetch', stats.prefetch)
    metrics.set('chasqui_worker_threads', stats.threadsReady, 'ready')
    metrics.set('chasqui_worker_threads', stats.threads - stats.threadsReady, 'starting')
    metrics.set('chasqui_worker_connected', stats.connected ? 1 : 0)
    metrics.set('chasqui_worker_threads_replaced_total', stats.threadsReplaced)
    metrics.set('chasqui_worker_unrecorded_total', stats.unrecorded)
    for (const [kind, count] of Object.entries(stats.outcomes)) {
      metrics.set('chasqui_worker_attempts_total', count, OUTCOME_LABELS[kind as OutcomeKind])
    }
  })
}
