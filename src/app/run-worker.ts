/** The role of a worker: takes tasks from a distributor, or straight from the cluster, and runs them, until it is told to stop. */

import { hostname } from 'node:os'
import { openRemoteEngine } from '../engine/remote/remote-engine.ts'
import { TracedEngine } from '../engine/traced-engine.ts'
import { newTaskId } from '../task/ids.ts'
import type { WorkerIdentity } from '../task/task.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import { isTraced } from '../telemetry/spans.ts'
import { addressText } from '../wire/address.ts'
import { handlerEnvironment } from '../worker/environment.ts'
import type { HealthServer } from '../worker/health.ts'
import { openWorker } from '../worker/worker.ts'
import { clientTls } from './client-tls.ts'
import { type OpenEngine, openEngine } from './composition.ts'
import { measured, showWorker, syncMeasure, workerMetrics } from './measuring.ts'
import { ownToken } from './own-token.ts'
import type { Role } from './role.ts'
import type { Settings } from './settings.ts'
import { VERSION } from './version.ts'
import { openWorkerHealth, type WhyNoTasks, whyClusterIsSilent } from './worker-health.ts'

/** Resolves with the exit code, after everything is closed. */
export async function runWorker({ settings, log, stop, onReady }: Role): Promise<number> {
  const identity: WorkerIdentity = { id: newTaskId(), pid: process.pid, host: hostname() }
  const metrics = workerMetrics(settings)
  const opened = await openWorkersEngine(settings, identity, log, metrics)
  const { engine } = opened
  let health: HealthServer | null = null
  try {
    const { modules, queues, types, concurrency, threads, prefetch, taskLines } = settings
    const worker = openWorker({
      engine,
      modules,
      concurrency,
      identity,
      log,
      taskLines,
      env: handlerEnvironment(process.env, settings.handlerEnv),
      ...(queues !== undefined && { queues }),
      ...(types !== undefined && { types }),
      ...(settings.encryptionKeys !== undefined && { encryptionKeys: settings.encryptionKeys }),
      allowPlain: settings.plainPayloads === 'take',
      ...(threads !== undefined && { threads }),
      ...(prefetch !== undefined && { prefetch }),
      limits: {
        stopGraceMs: settings.stopGraceMs,
        drainMs: settings.drainMs,
        threadMemoryMb: Math.round(settings.threadMemoryBytes / 1024 ** 2),
        processMemoryMb: Math.round(settings.processMemoryBytes / 1024 ** 2),
        resultBytesMax: settings.resultMaxBytes,
      },
    })
    if (metrics !== null) showWorker(worker, metrics)
    try {
      health = await openWorkerHealth({
        role: { settings, log, stop },
        worker,
        metrics,
        whyNoTasks: opened.whyNoTasks,
      })
    } catch (error) {
      await worker.stopNow()
      throw error
    }
    // Not becoming ready is told by `ended` as well, with the reason.
    void worker.ready.then(
      () =>
        onReady({
          role: 'worker',
          address: settings.engine === 'cluster' ? 'cluster' : settings.connect,
          ...(health !== null && { http: `http://${addressText(health)}` }),
        }),
      () => {},
    )
    void stop.drain.then(() => worker.drain())
    const now = stop.now.then(async (exitCode) => {
      await worker.stopNow()
      return exitCode
    })
    const end = await worker.ended
    if (end.reason === 'failed') throw end.error
    return end.reason === 'stopped' ? await now : 0
  } finally {
    await health?.close()
    await opened.close()
  }
}

interface WorkersEngine extends OpenEngine {
  readonly whyNoTasks: WhyNoTasks
}

async function openWorkersEngine(
  settings: Settings,
  identity: WorkerIdentity,
  log: Log,
  metrics: Metrics | null,
): Promise<WorkersEngine> {
  // What foreign programs publish is adopted by distributors, which also say who is refused.
  if (settings.engine === 'cluster') {
    const opened = await openEngine({ ...settings, inboxes: [] }, log, syncMeasure(metrics))
    const { engine, close } = opened
    const measuredEngine = measured(engine, metrics)
    return {
      engine: isTraced() ? new TracedEngine(measuredEngine) : measuredEngine,
      close,
      whyNoTasks: () => whyClusterIsSilent(engine),
    }
  }
  const engine = await openRemoteEngine({
    url: settings.connect,
    client: { name: 'chasqui worker', version: VERSION, worker: identity },
    connectTimeoutMs: settings.connectTimeoutMs,
    ...ownToken(settings),
    ...clientTls(settings, settings.connect),
  })
  const { link } = engine
  return {
    engine,
    close: () => engine.close(),
    whyNoTasks: async () => (link.state === 'up' ? null : 'disconnected'),
  }
}
