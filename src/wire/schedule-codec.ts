/** Schedules and what is known of them: the port ↔ the params and results of `cron.*`. The server reads params that the schema of the method has passed. */

import type {
  CatchUp,
  Overlap,
  Placement,
  Schedule,
  ScheduledTask,
  SchedulePage,
  ScheduleQuery,
  ScheduleRecord,
  Timing,
} from '../engine/cron.ts'
import { LIST_LIMIT_DEFAULT, PRIORITY_DEFAULT, QUEUE_DEFAULT } from '../task/limits.ts'
import type { TaskOptions } from '../task/task.ts'
import { refuse } from './fields.ts'
import { isObject } from './messages.ts'
import { readSubmission } from './submission-codec.ts'
import { readTime, writeTime } from './time-codec.ts'

export const TIMEZONE_DEFAULT = 'UTC'
export const OVERLAP_DEFAULT: Overlap = 'skip'
export const CATCH_UP_DEFAULT: CatchUp = 'last'

// ---- both sides -------------------------------------------------------------------------------------------

/** Throws INVALID_PARAMS naming the field. Whether its expression and its zone are good is the engine's to say. */
export function readSchedule(wire: Readonly<Record<string, unknown>>): Schedule {
  const { name, expression, every, anchor, timezone, task, overlap, catchUp, owner } = wire
  if ((expression === undefined) === (every === undefined)) refuse('expression', 'or every: give exactly one')
  if (every === undefined && anchor !== undefined) refuse('anchor', 'belongs to every')
  if (every !== undefined && timezone !== undefined) refuse('timezone', 'belongs to expression')
  const timing: Timing =
    every === undefined
      ? { expression: expression as string, timezone: (timezone as string | undefined) ?? TIMEZONE_DEFAULT }
      : { everyMs: every as number, anchorMs: anchor === undefined ? 0 : readTime(anchor, 'anchor') }
  return {
    name: name as string,
    timing,
    task: readScheduledTask(task),
    overlap: (overlap as Overlap | undefined) ?? OVERLAP_DEFAULT,
    catchUp: (catchUp as CatchUp | undefined) ?? CATCH_UP_DEFAULT,
    owner: (owner as string | null | undefined) ?? null,
  }
}

/** What a single task may say of itself, and a schedule's may not: its tick says it. */
const OF_ONE_TASK = [
  ...['id', 'runAt', 'delayMs', 'expiresAt', 'dedupeKey', 'dedupeWindowMs', 'dependsOn'],
  // Engines make the tasks of ticks by themselves; the owed call is a distributor's doing.
  'webhook',
]

export function readScheduledTask(wire: unknown): ScheduledTask {
  if (!isObject(wire)) refuse('task', 'must be an object')
  const { ttlMs, ...rest } = wire
  for (const field of OF_ONE_TASK)
    if (field in rest) refuse(`task.${field}`, 'is no field of the task of a schedule')
  const read = readSubmission(ttlMs === undefined ? rest : wire, { nowMs: 0, bare: false })
  const { type, queue, priority, dataText, options } = read
  const { expiresAtMs, ...kept } = options ?? {}
  return {
    type,
    queue,
    priority,
    dataText,
    ttlMs: expiresAtMs ?? null,
    options: Object.keys(kept).length === 0 ? null : (kept as TaskOptions),
  }
}

/** What has its default is left out, and what nobody said. */
function writeFields({ name, timing, task, overlap, catchUp, owner }: Schedule): string {
  let text = `"name":${JSON.stringify(name)}`
  if ('everyMs' in timing) text += `,"every":${timing.everyMs},"anchor":"${writeTime(timing.anchorMs)}"`
  else
    text += `,"expression":${JSON.stringify(timing.expression)},"timezone":${JSON.stringify(timing.timezone)}`
  text += `,"task":${writeScheduledTask(task)},"overlap":"${overlap}","catchUp":"${catchUp}"`
  return owner === null ? text : `${text},"owner":${JSON.stringify(owner)}`
}

function writeScheduledTask({ type, queue, priority, dataText, ttlMs, options }: ScheduledTask): string {
  let text = `{"type":${JSON.stringify(type)},"data":${dataText}`
  if (queue !== QUEUE_DEFAULT) text += `,"queue":${JSON.stringify(queue)}`
  if (priority !== PRIORITY_DEFAULT) text += `,"priority":${priority}`
  if (ttlMs !== null) text += `,"ttlMs":${ttlMs}`
  const others = JSON.stringify(options ?? {})
  return others === '{}' ? `${text}}` : `${text},${others.slice(1)}`
}

// ---- the server's side ------------------------------------------------------------------------------------

export function readScheduleQuery(params: Readonly<Record<string, unknown>>): ScheduleQuery {
  const { names, limit, cursor, next } = params as {
    names?: readonly string[]
    limit?: number
    cursor?: string | null
    next?: number
  }
  return {
    limit: limit ?? LIST_LIMIT_DEFAULT,
    ...(names !== undefined && { names }),
    ...(cursor != null && { cursor }),
    ...(next !== undefined && { ticks: next }),
  }
}

/** Result of `cron.put`. */
export function writePlacement({ nextMs, ...same }: Placement): string {
  return JSON.stringify({ ...same, next: nextMs === null ? null : writeTime(nextMs) })
}

/** Result of `cron.list`. */
export function writeSchedulePage({ schedules, cursor }: SchedulePage): string {
  return `{"schedules":[${schedules.map(writeScheduleRecord).join(',')}],"cursor":${JSON.stringify(cursor)}}`
}

export function writeScheduleRecord(record: ScheduleRecord): string {
  const { paused, nextMs, lastTickMs, lastId, waiting, fired, skipped, missed, error } = record
  const known = JSON.stringify({
    paused,
    next: nextMs.map(writeTime),
    ...(lastTickMs !== null && { lastTick: writeTime(lastTickMs) }),
    ...(lastId !== null && { lastTask: lastId }),
    waiting,
    fired,
    skipped,
    missed,
    ...(error !== null && { error }),
  })
  return `{${writeFields(record)},${known.slice(1)}`
}

// ---- the client's side ------------------------------------------------------------------------------------

/** Params of `cron.put`. */
export function writeSchedule(schedule: Schedule): string {
  return `{${writeFields(schedule)}}`
}

export function writeScheduleQuery({ names, limit, cursor, ticks }: ScheduleQuery): string {
  return JSON.stringify({
    ...(names !== undefined && { names }),
    limit,
    ...(cursor !== undefined && { cursor }),
    ...(ticks !== undefined && { next: ticks }),
  })
}

export function readPlacement(result: unknown): Placement {
  const { next, ...same } = result as Omit<Placement, 'nextMs'> & { next: string | null }
  return { ...same, nextMs: next === null ? null : Date.parse(next) }
}

export function readSchedulePage(result: unknown): SchedulePage {
  const { schedules, cursor } = result as { schedules: Record<string, unknown>[]; cursor: string | null }
  return { schedules: schedules.map(readScheduleRecord), cursor }
}

function readScheduleRecord(wire: Record<string, unknown>): ScheduleRecord {
  const { paused, next, lastTick, lastTask, waiting, fired, skipped, missed, error } = wire as {
    paused: boolean
    next: readonly string[]
    lastTick?: string
    lastTask?: string
    waiting: number
    fired: number
    skipped: number
    missed: number
    error?: string
  }
  return {
    ...readSchedule(wire),
    paused,
    nextMs: next.map((time) => Date.parse(time)),
    lastTickMs: lastTick === undefined ? null : Date.parse(lastTick),
    lastId: lastTask ?? null,
    waiting,
    fired,
    skipped,
    missed,
    error: error ?? null,
  }
}
