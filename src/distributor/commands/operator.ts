/** `worker.list`, `worker.drain`, `system.stats`: what operators look at. */

import type { Params } from '../../wire/messages.ts'
import { writeStats, writeWorkers } from '../../wire/report-codec.ts'
import type { CommandContext } from '../command.ts'

export async function workers({ engine }: CommandContext): Promise<string> {
  return writeWorkers(await engine.inspect())
}

export async function drainWorker(context: CommandContext, params: Params): Promise<string> {
  const worker = params.worker as string
  const consumers = await context.engine.drainWorker(worker)
  context.audit({ act: 'worker.drain', count: consumers, details: { worker } })
  return JSON.stringify({ consumers })
}

export async function stats(context: CommandContext): Promise<string> {
  return writeStats(await context.engine.inspect(), context.serverReport())
}
