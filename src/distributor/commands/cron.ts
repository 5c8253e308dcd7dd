/** `cron.*`: tasks that submit themselves. */

import { ChasquiError } from '../../task/errors.ts'
import { newTaskId } from '../../task/ids.ts'
import type { Params } from '../../wire/messages.ts'
import { errorOfRefusal } from '../../wire/receipt-codec.ts'
import {
  readSchedule,
  readScheduleQuery,
  writePlacement,
  writeSchedulePage,
} from '../../wire/schedule-codec.ts'
import type { CommandContext } from '../command.ts'

export async function put(context: CommandContext, params: Params): Promise<string> {
  const schedule = readSchedule(params)
  const [placement] = await context.engine.cron.put([schedule])
  const { name, task } = schedule
  if (placement!.changed) {
    context.audit({ act: 'cron.put', details: { name, type: task.type, queue: task.queue } })
  }
  return writePlacement(placement!)
}

export async function list({ engine }: CommandContext, params: Params): Promise<string> {
  return writeSchedulePage(await engine.cron.list(readScheduleQuery(params)))
}

export async function remove(context: CommandContext, params: Params): Promise<string> {
  const { name } = params as { name: string }
  const [deleted] = await context.engine.cron.delete([name])
  if (deleted) context.audit({ act: 'cron.delete', details: { name } })
  return JSON.stringify({ name, deleted })
}

export async function pause(context: CommandContext, params: Params): Promise<string> {
  return turn(context, params, true)
}

export async function resume(context: CommandContext, params: Params): Promise<string> {
  return turn(context, params, false)
}

async function turn(context: CommandContext, params: Params, paused: boolean): Promise<string> {
  const { name } = params as { name: string }
  const [changed] = await context.engine.cron.pause([name], paused)
  if (changed == null) throw unknownSchedule(name)
  if (changed) context.audit({ act: paused ? 'cron.pause' : 'cron.resume', details: { name } })
  return JSON.stringify({ name, changed })
}

export async function run(context: CommandContext, params: Params): Promise<string> {
  const { name, id = newTaskId(context.clock.nowMs()) } = params as { name: string; id?: string }
  const answer = await context.engine.cron.run(name, id)
  if (answer === null) throw unknownSchedule(name)
  if ('refused' in answer) throw errorOfRefusal(answer)
  if (!answer.duplicate) context.audit({ act: 'cron.run', ids: [answer.id], count: 1, details: { name } })
  const { state, duplicate } = answer
  return JSON.stringify({ id: answer.id, state, duplicate })
}

function unknownSchedule(name: string): ChasquiError {
  return new ChasquiError('SCHEDULE_UNKNOWN', `there is no schedule "${name}"`)
}
