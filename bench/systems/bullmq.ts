/**
 * BullMQ 6 on a redis-server of our own: append-only file, no snapshots and no rewrites of the file while we measure (both would only
 * slow it down). Settings are the kinder ones wherever there was a choice; docs/benchmarks.md lists them.
 */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Child, startNode, startProgram } from '../children.ts'
import { freePort } from '../free-port.ts'
import type { Context, Running, System } from './system.ts'

/** Of 100, 128, 192 and 256 the best drain rate. */
const CONCURRENCY = 256
const READY_MS = 120_000

export function bullmq(appendfsync: 'everysec' | 'always'): System {
  return {
    name: `BullMQ ${appendfsync}`,
    durable: appendfsync === 'always' ? 'before the confirmation' : 'up to about 1 s later',
    drainTasks: 60_000,
    bulkTasks: 90_000,
    bulkChunk: 1_000,
    bulkCalls: 1,
    start: (context) => startBullmq(appendfsync, context),
  }
}

async function startBullmq(appendfsync: string, { folder, workers, execArgv }: Context): Promise<Running> {
  const port = await freePort()
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  args.push('--appendonly', 'yes', '--appendfsync', appendfsync, '--auto-aof-rewrite-percentage', 0)
  const startServer = async () => {
    const child = startProgram('redis-server', 'redis-server', args.map(String))
    await answers(port, child)
    return child
  }
  let server = await startServer()
  let producer: Child | null = null
  let consumers: Child[] = []
  let settledBefore = 0
  const count = async () => {
    const counts = await Promise.all(consumers.map((child) => child.ask<number>('settled')))
    return counts.reduce((sum, value) => sum + value, 0)
  }
  return {
    pids: () => ({
      server: server.pid,
      ...(producer !== null && { producer: producer.pid }),
      ...(consumers[0] !== undefined && { worker: consumers[0].pid }),
    }),
    async startProducer() {
      const file = join(import.meta.dirname, '../processes/producer.ts')
      producer = startNode('producer', file, ['bullmq', String(port)], [])
      return producer
    },
    async startWorkers() {
      const file = join(import.meta.dirname, '../processes/bullmq-worker.ts')
      consumers = Array.from({ length: workers }, () =>
        startNode('worker', file, [String(port), String(CONCURRENCY)], execArgv('peer')),
      )
      await Promise.all(consumers.map((child) => child.ask('settled')))
    },
    async stopWorkers() {
      settledBefore += await count()
      await Promise.all(consumers.map((child) => child.stop()))
      consumers = []
    },
    settled: async () => settledBefore + (await count()),
    async crash() {
      server.kill()
      await server.exited
    },
    async restart() {
      server = await startServer()
    },
    async stop() {
      await Promise.all([producer, ...consumers].map((child) => child?.stop()))
      await server.stop()
    },
  }
}

/** Until it has read its file, a Redis answers LOADING. */
async function answers(port: number, child: Child): Promise<void> {
  const redis = new Redis({ port, host: '127.0.0.1', enableReadyCheck: false, retryStrategy: () => 20 })
  redis.on('error', () => undefined)
  let gone = false
  void child.exited.then(() => {
    gone = true
  })
  try {
    for (const untilMs = Date.now() + READY_MS; Date.now() < untilMs && !gone; await sleep(5)) {
      const answer = await redis.ping().catch(() => null)
      if (answer === 'PONG') return
    }
    throw new Error(`redis-server did not become ready: ${child.output.slice(-500)}`)
  } finally {
    redis.disconnect()
  }
}
