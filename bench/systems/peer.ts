/** A peer whose server is one that we share with it: a producer and workers of its own, and nothing else. */

import { join } from 'node:path'
import { type Child, startNode } from '../children.ts'
import type { Context, Running } from './system.ts'

/** @param library its processes are `<library>-client.ts` and `<library>-worker.ts` */
export function startPeer(library: string, address: string, { workers, execArgv }: Context): Running {
  const file = (name: string) => join(import.meta.dirname, '../processes', name)
  let producer: Child | null = null
  let consumers: Child[] = []
  let settledBefore = 0
  const count = async () => {
    const counts = await Promise.all(consumers.map((child) => child.ask<number>('settled')))
    return counts.reduce((sum, value) => sum + value, 0)
  }
  const impossible = () => Promise.reject(new Error('its server is shared here'))
  return {
    pids: () => ({
      ...(producer !== null && { producer: producer.pid }),
      ...(consumers[0] !== undefined && { worker: consumers[0].pid }),
    }),
    async startProducer() {
      producer = startNode('producer', file('producer.ts'), [library, address], [])
      return producer
    },
    async startWorkers() {
      consumers = Array.from({ length: workers }, () =>
        startNode('worker', file(`${library}-worker.ts`), [address], execArgv('peer')),
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
