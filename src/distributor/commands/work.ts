/** `work.*`: what workers do with the tasks in their hands. */

import type { WorkerIdentity } from '../../task/task.ts'
import { refuse } from '../../wire/fields.ts'
import type { Params } from '../../wire/messages.ts'
import {
  readLeases,
  readLogReport,
  readOutcomes,
  readProgressReport,
  writeLeaseAnswers,
  writeSettlements,
} from '../../wire/outcome-codec.ts'
import { readConsume } from '../../wire/query-codec.ts'
import type { Call, CommandContext } from '../command.ts'

export async function consume(context: CommandContext, params: Params, call: Call): Promise<void> {
  const { consumers, limits } = context
  const wire = readConsume(params)
  if (wire.consumer !== undefined) {
    const { slots, prefetch } = params as { slots?: number; prefetch?: number }
    consumers.resize(wire.consumer, slots, prefetch)
    call.succeed(consumeResult(wire.consumer, limits.leaseMs))
    return
  }
  const consumer = await consumers.open(wire, wire.worker ?? identityOf(context))
  call.succeed(consumeResult(consumer.id, limits.leaseMs))
  consumer.start()
}

function consumeResult(consumer: string, leaseMs: number): string {
  return JSON.stringify({ consumer, leaseMs })
}

/** A worker that did not say who it is, is known by its connection. */
function identityOf({ client, id, peer }: CommandContext): WorkerIdentity {
  return client?.worker ?? { id: client?.name ?? id, pid: client?.pid ?? 0, host: client?.host ?? peer }
}

export async function stop({ consumers }: CommandContext, params: Params): Promise<string> {
  const { consumer, lost = false } = params as { consumer: string; lost?: boolean }
  await consumers.stop(consumer, lost)
  return '{}'
}

export function settle({ outcomes }: CommandContext, params: Params, call: Call): void {
  outcomes.add(readOutcomes(params), {
    succeed: (settlements) => call.succeed(writeSettlements(settlements)),
    fail: (error) => call.fail(error),
  })
}

export async function extend({ engine }: CommandContext, params: Params): Promise<string> {
  const { consumer } = params
  if (consumer !== undefined && typeof consumer !== 'string') refuse('consumer', 'must be a string')
  return writeLeaseAnswers('extended', await engine.extend(readLeases(params), consumer))
}

export async function release({ engine }: CommandContext, params: Params): Promise<string> {
  const released = readLeases(params).map((lease) => ({ ...lease, kind: 'released' as const }))
  return writeLeaseAnswers('released', await engine.settle(released))
}

export async function progress({ engine }: CommandContext, params: Params): Promise<string> {
  const [answer] = await engine.report([readProgressReport(params)])
  return JSON.stringify({ accepted: answer!.accepted })
}

export async function log({ engine, clock }: CommandContext, params: Params): Promise<string> {
  const [answer] = await engine.report([readLogReport(params, clock.nowMs())])
  return JSON.stringify({ accepted: answer!.accepted })
}
