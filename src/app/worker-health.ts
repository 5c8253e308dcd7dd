/** The small HTTP server of a worker, where one is asked for: what it tells comes from the worker, its engine and its signals. */

import type { Engine } from '../engine/engine.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import { addressText } from '../wire/address.ts'
import { type HealthServer, type HealthServerOptions, openHealthServer } from '../worker/health.ts'
import type { Worker } from '../worker/worker.ts'
import type { Role } from './role.ts'

/** What keeps tasks from coming; null: nothing. */
export type WhyNoTasks = HealthServerOptions['whyNoTasks']

export interface WorkerHealthParts {
  readonly role: Pick<Role, 'settings' | 'log' | 'stop'>
  readonly worker: Worker
  readonly metrics: Metrics | null
  readonly whyNoTasks: WhyNoTasks
}

/** Null: not asked for. Throws CONFIG_INVALID when it cannot listen. */
export async function openWorkerHealth(parts: WorkerHealthParts): Promise<HealthServer | null> {
  const { role, worker, metrics, whyNoTasks } = parts
  const { workerHttpPort: port, workerHttpHost: host } = role.settings
  if (port === undefined) return null
  let isDraining = false
  void role.stop.drain.then(() => {
    isDraining = true
  })
  const stats = () => worker.stats()
  const server = await openHealthServer({
    host,
    port,
    metrics,
    whyNoTasks,
    stats,
    isDraining: () => isDraining,
  })
  role.log.event('worker.http', { address: addressText(server) })
  return server
}

/** Of a worker that sits on the cluster itself. */
export async function whyClusterIsSilent(
  engine: Pick<Engine, 'inspect'>,
): Promise<'disconnected' | 'silent' | null> {
  try {
    const { store } = await engine.inspect()
    if (store.broker === 'down') return 'disconnected'
    return store.consumption === 'silent' ? 'silent' : null
  } catch {
    return 'disconnected'
  }
}
