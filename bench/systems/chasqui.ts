/**
 * Ours as it is installed: the commands `chasqui distributor` and `chasqui worker`, every setting at its default. On the embedded engine the workers
 * come through the distributor; on the cluster engine they sit on PostgreSQL and RabbitMQ themselves, as in the seed.
 */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { commandLine, library } from '../built.ts'
import { type Child, startNode } from '../children.ts'
import { freePort } from '../free-port.ts'
import type { Locks } from '../processes/dial.ts'
import { newCluster } from './cluster-servers.ts'
import { lookOn } from './onlookers.ts'
import type { Context, Running, System } from './system.ts'

const processes = join(import.meta.dirname, '../processes')
const READY_MS = 60_000

export const chasqui: System = {
  name: 'Chasqui',
  durable: 'before the confirmation',
  drainTasks: 200_000,
  bulkTasks: 400_000,
  bulkChunk: 1_000,
  bulkCalls: 4,
  start: (context) =>
    startChasqui(context, { server: ['--engine', `embedded:${context.folder}`], worker: null }),
}

export const chasquiCluster: System = clusterSystem('Chasqui cluster', undefined)

/** What being watched costs: the same without any measure, scraped by a Prometheus, and scraped with a listener to all events. */
export const watchedSystems: readonly System[] = (['unmeasured', 'scraped', 'watched'] as const).map(
  (watch) => ({
    ...chasqui,
    name: `Chasqui ${watch}`,
    start: (context) =>
      startChasqui(context, { server: ['--engine', `embedded:${context.folder}`], worker: null, watch }),
  }),
)

export const watchedClusters: readonly System[] = (['unmeasured', 'scraped', 'watched'] as const).map(
  (watch) => clusterSystem(`Cluster ${watch}`, watch),
)

function clusterSystem(name: string, watch: Place['watch']): System {
  return {
    ...chasqui,
    name,
    durable: 'before the confirmation, in PostgreSQL',
    drainTasks: 60_000,
    bulkTasks: 120_000,
    async start(context) {
      const { databaseUrl, amqpUrl } = await newCluster()
      const engine = ['--engine', 'cluster', '--database-url', databaseUrl, '--amqp-url', amqpUrl]
      const running = await startChasqui(context, { server: engine, worker: engine, watch })
      return { ...running, holdTransaction: () => holdTransaction(databaseUrl) }
    },
  }
}

async function holdTransaction(databaseUrl: string): Promise<() => Promise<void>> {
  const holder = new pg.Client(databaseUrl)
  await holder.connect()
  await holder.query('begin isolation level repeatable read')
  await holder.query('select count(*) from chasqui.task')
  return () => holder.end()
}

export interface Place {
  readonly server: readonly string[]
  /** null: through the distributor. */
  readonly worker: readonly string[] | null
  /** What clients show and trust. */
  readonly locks?: Locks
  /** The same for a worker that comes through the distributor. */
  readonly workerLocks?: readonly string[]
  /** Who looks on. Default: nobody; it measures as it always does. */
  readonly watch?: 'unmeasured' | 'scraped' | 'watched' | undefined
}

export async function startChasqui({ workers, execArgv }: Context, place: Place): Promise<Running> {
  const { connect } = await library()
  const port = await freePort()
  const { locks = {}, workerLocks = [] } = place
  const address = `${locks.tls === undefined ? 'chasqui' : 'chasquis'}://127.0.0.1:${port}`
  const startCommand = (role: string, args: readonly string[]) => {
    const leash = ['--import', join(processes, 'leash.mjs')]
    return startNode(role, commandLine, [role, ...args, '--json'], [...leash, ...execArgv(role)])
  }
  const isWatched = place.watch === 'scraped' || place.watch === 'watched'
  const httpPort = isWatched ? await freePort() : 0
  const http = isWatched ? ['--http-port', String(httpPort)] : ['--http', 'off']
  const measures = place.watch === 'unmeasured' ? ['--metrics', 'off'] : []
  const startServer = async () => {
    const args = ['--port', String(port), ...http, ...measures, ...place.server]
    const child = startCommand('distributor', args)
    await ready(child)
    return child
  }
  let server = await startServer()
  // A connection of our own, to ask how far things are; it is not part of the load.
  const observer = await connect(address, locks)
  const onlookers = isWatched
    ? lookOn(`http://127.0.0.1:${httpPort}`, { listens: place.watch === 'watched' })
    : null
  let producer: Child | null = null
  let consumers: Child[] = []
  return {
    pids: () => ({
      server: server.pid,
      ...(producer !== null && { producer: producer.pid }),
      ...(consumers[0] !== undefined && { worker: consumers[0].pid }),
    }),
    async startProducer() {
      const file = join(processes, 'producer.ts')
      producer = startNode(
        'producer',
        file,
        ['chasqui', address, JSON.stringify(locks)],
        execArgv('producer'),
      )
      return producer
    },
    async startWorkers() {
      const where = place.worker ?? ['--connect', address, ...workerLocks]
      const args = [join(processes, 'handlers.ts'), ...measures, ...where]
      consumers = Array.from({ length: workers }, () => startCommand('worker', args))
      await Promise.all(consumers.map(ready))
    },
    async stopWorkers() {
      await Promise.all(consumers.map((child) => child.stop()))
      consumers = []
    },
    async settled() {
      const { queues } = await observer.stats()
      return queues.reduce((sum, { totals }) => sum + totals.succeeded, 0)
    },
    async crash() {
      server.kill()
      await server.exited
    },
    async restart() {
      server = await startServer()
    },
    async stop() {
      await onlookers?.stop()
      await observer.close()
      await Promise.all([producer, ...consumers].map((child) => child?.stop()))
      await server.stop()
    },
  }
}

/** With `--json` a role says one line when it does its work. */
async function ready(child: Child): Promise<void> {
  let gone = false
  void child.exited.then(() => {
    gone = true
  })
  for (const untilMs = Date.now() + READY_MS; Date.now() < untilMs && !gone; await sleep(2)) {
    if (child.said.includes('"role":')) return
  }
  throw new Error(`it did not become ready: ${child.output}`)
}
