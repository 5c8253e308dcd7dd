/** `worker.list`, `system.stats`: what operators look at. */

import { writeStats, writeWorkers } from '../../wire/report-codec.ts'
import type { CommandContext } from '../command.ts'

export async function workers({ engine }: CommandContext): Promise<string> {
  return writeWorkers(await engine.inspect())
}

export async function stats(context: CommandContext): Promise<string> {
  return writeStats(await context.engine.inspect(), context.serverReport())
}
