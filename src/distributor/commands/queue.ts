/** `queue.*`: looking at queues, and steering them. What was done to a queue is written down. */

import type { QueueOrder } from '../../task/queue.ts'
import type { Params } from '../../wire/messages.ts'
import { readQueueChange, writePurge, writeQueueAnswer } from '../../wire/queue-codec.ts'
import { writeQueues } from '../../wire/report-codec.ts'
import type { CommandContext } from '../command.ts'

export async function list({ engine }: CommandContext): Promise<string> {
  return writeQueues(await engine.inspect())
}

export function pause(context: CommandContext, params: Params): Promise<string> {
  return steer(context, { kind: 'pause', queue: params.queue as string })
}

export function drain(context: CommandContext, params: Params): Promise<string> {
  return steer(context, { kind: 'drain', queue: params.queue as string })
}

export function resume(context: CommandContext, params: Params): Promise<string> {
  return steer(context, { kind: 'resume', queue: params.queue as string })
}

export async function define(context: CommandContext, params: Params): Promise<string> {
  const { queue, ...change } = params
  return steer(context, { kind: 'define', queue: queue as string, change: readQueueChange(change) })
}

async function steer(context: CommandContext, order: QueueOrder): Promise<string> {
  const answer = await context.engine.steer(order)
  const details = order.kind === 'define' ? { details: { change: order.change } } : {}
  context.audit({ act: `queue.${order.kind}`, queue: order.queue, ...details })
  return writeQueueAnswer(answer)
}

export async function purge(context: CommandContext, params: Params): Promise<string> {
  const { queue, cursor } = params as { queue: string; cursor?: string | null }
  const answer = await context.engine.steer({ kind: 'purge', queue, ...(cursor != null && { cursor }) })
  context.audit({ act: 'queue.purge', queue, count: answer.purged })
  return writePurge(answer)
}
