/** Ours as it is installed: the commands `chasqui distributor` and `chasqui worker`, the embedded engine, every setting at its default. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandLine, library } from '../built.ts'
import { type Child, startNode } from '../children.ts'
import { freePort } from '../free-port.ts'
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
  start: startChasqui,
}

async function startChasqui({ folder, workers, execArgv }: Context): Promise<Running> {
  const { connect } = await library()
  const port = await freePort()
  const address = `chasqui://127.0.0.1:${port}`
  const startCommand = (role: string, args: readonly string[]) => {
    const leash = ['--import', join(processes, 'leash.mjs')]
    return startNode(role, commandLine, [role, ...args, '--json'], [...leash, ...execArgv(role)])
  }
  const startServer = async () => {
    const child = startCommand('distributor', ['--port', String(port), '--engine', `embedded:${folder}`])
    await ready(child)
    return child
  }
  let server = await startServer()
  // A connection of our own, to ask how far things are; it is not part of the load.
  const observer = await connect(address)
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
      producer = startNode('producer', file, ['chasqui', address], execArgv('producer'))
      return producer
    },
    async startWorkers() {
      const args = [join(processes, 'handlers.ts'), '--connect', address]
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
