/** pg-boss 12 on a PostgreSQL of our own, with a batch size that suits tasks that do nothing and the shortest polling that it allows. */

import { join } from 'node:path'
import { type Child, startNode } from '../children.ts'
import { newDatabase } from './cluster-servers.ts'
import type { Context, Running, System } from './system.ts'

export const pgBoss: System = {
  name: 'pg-boss',
  durable: 'before the confirmation, in PostgreSQL',
  drainTasks: 30_000,
  bulkTasks: 60_000,
  bulkChunk: 1_000,
  bulkCalls: 1,
  start: startPgBoss,
}

async function startPgBoss({ workers, execArgv }: Context): Promise<Running> {
  const databaseUrl = await newDatabase()
  const file = (name: string) => join(import.meta.dirname, '../processes', name)
  let producer: Child | null = null
  let consumers: Child[] = []
  let settledBefore = 0
  const count = async () => {
    const counts = await Promise.all(consumers.map((child) => child.ask<number>('settled')))
    return counts.reduce((sum, value) => sum + value, 0)
  }
  const impossible = () => Promise.reject(new Error('its server is PostgreSQL, which is shared here'))
  return {
    pids: () => ({
      ...(producer !== null && { producer: producer.pid }),
      ...(consumers[0] !== undefined && { worker: consumers[0].pid }),
    }),
    async startProducer() {
      producer = startNode('producer', file('producer.ts'), ['pg-boss', databaseUrl], [])
      return producer
    },
    async startWorkers() {
      consumers = Array.from({ length: workers }, () =>
        startNode('worker', file('pg-boss-worker.ts'), [databaseUrl], execArgv('peer')),
      )
      await Promise.all(consumers.map((child) => child.ask('settled')))
    },
    async stopWorkers() {
      settledBefore += await count()
      await Promise.all(consumers.map((child) => child.stop()))
      consumers = []
    },
    settled: async () => settledBefore + (await count()),
    crash: impossible,
    restart: impossible,
    async stop() {
      await Promise.all([producer, ...consumers].map((child) => child?.stop()))
    },
  }
}
