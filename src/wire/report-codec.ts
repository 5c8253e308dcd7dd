/** The look at queues, workers and totals: `EngineReport` ↔ `queue.list`, `worker.list`, `system.stats`. */

import type { ConsumerReport, EngineReport, QueueReport } from '../engine/engine.ts'
import { writeTime } from './time-codec.ts'

/** What a server adds to the report of its engine. */
export interface ServerReport {
  readonly name: string
  readonly version: string
  readonly pid: number
  readonly startedAtMs: number
  readonly uptimeMs: number
  /** False: it is about to stop. */
  readonly ready: boolean
  readonly connections: number
  readonly memory: { readonly rssBytes: number; readonly heapUsedBytes: number }
}

// ---- the server's side ------------------------------------------------------------------------------------

/** Result of `queue.list`. */
export function writeQueues({ queues }: EngineReport): string {
  return JSON.stringify({ queues: queues.map(queueShape) })
}

/** Result of `worker.list`. */
export function writeWorkers({ consumers }: EngineReport): string {
  return JSON.stringify({ workers: consumers.map(consumerShape) })
}

/** Result of `system.stats`. */
export function writeStats(report: EngineReport, { startedAtMs, ...server }: ServerReport): string {
  const { kind, durability, queues, consumers, store } = report
  return JSON.stringify({
    server: { ...server, startedAt: writeTime(startedAtMs) },
    engine: kind,
    durability,
    queues: queues.map(queueShape),
    workers: consumers.map(consumerShape),
    store,
  })
}

function queueShape({ oldestQueuedAtMs, ...same }: QueueReport) {
  return { ...same, oldestQueuedAt: oldestQueuedAtMs === null ? null : writeTime(oldestQueuedAtMs) }
}

function consumerShape({ id, connectedAtMs, ...same }: ConsumerReport) {
  return { consumer: id, ...same, connectedAt: writeTime(connectedAtMs) }
}

// ---- the client's side ------------------------------------------------------------------------------------

/** Result of `system.stats`. */
export function readStats(result: unknown): { report: EngineReport; server: ServerReport } {
  const { server, engine, durability, queues, workers, store } = result as {
    server: { startedAt: string } & Omit<ServerReport, 'startedAtMs'>
    engine: string
    durability: EngineReport['durability']
    queues: unknown[]
    workers: unknown[]
    store: EngineReport['store']
  }
  const { startedAt, ...sameOfServer } = server
  return {
    report: {
      kind: engine,
      durability,
      queues: queues.map(readQueueReport),
      consumers: workers.map(readConsumerReport),
      store,
    },
    server: { ...sameOfServer, startedAtMs: Date.parse(startedAt) },
  }
}

function readQueueReport(wire: unknown): QueueReport {
  const { oldestQueuedAt, ...same } = wire as { oldestQueuedAt: string | null } & Omit<
    QueueReport,
    'oldestQueuedAtMs'
  >
  return { ...same, oldestQueuedAtMs: oldestQueuedAt === null ? null : Date.parse(oldestQueuedAt) }
}

function readConsumerReport(wire: unknown): ConsumerReport {
  const { consumer, connectedAt, ...same } = wire as { consumer: string; connectedAt: string } & Omit<
    ConsumerReport,
    'id' | 'connectedAtMs'
  >
  return { ...same, id: consumer, connectedAtMs: Date.parse(connectedAt) }
}
