/** What `chasqui cron` does: list, put, delete, pause, resume, run. */

import { formatDuration } from '../app/quantities.ts'
import type { Client } from '../client/client.ts'
import type { ScheduleOptions } from '../client/schedules.ts'
import type { ScheduleRecord, Timing } from '../engine/cron.ts'
import { CRON_LIST_MAX, FRAME_BYTES_MAX } from '../task/limits.ts'
import { writePlacement, writeScheduleRecord } from '../wire/schedule-codec.ts'
import type { Call, End } from './action.ts'
import { CommandError } from './exit-codes.ts'
import { readJson } from './input.ts'
import { type Column, shortText, tableLines } from './screen.ts'
import { submitOptionsOf } from './submit-options.ts'

interface Named {
  readonly name: string | undefined
  readonly type: string | undefined
  readonly data: string | undefined
}

type Act = (client: Client, named: Named, call: Call) => Promise<End>

const turning =
  (kind: 'pause' | 'resume'): Act =>
  async (client, { name }, { screen }) => {
    const changed = await client.cron[kind](name!)
    const state = kind === 'pause' ? 'paused' : 'running'
    if (screen.json) screen.value({ name, changed })
    else screen.line(`${shortText(name!, 80)}  ${state}${changed ? '' : ' (already)'}`)
    return 'done'
  }

export const CRON_ACTS: Readonly<Record<string, Act>> = {
  list: async (client, { name }, { screen, options }) => {
    const ticks = (options.next as number | undefined) ?? 1
    const all: ScheduleRecord[] = []
    let cursor: string | null = null
    do {
      const page = await client.cron.list({
        limit: CRON_LIST_MAX,
        ticks,
        ...(name !== undefined && { names: [name] }),
        ...(cursor !== null && { cursor }),
      })
      all.push(...page.schedules)
      cursor = page.cursor
    } while (cursor !== null)
    if (screen.json) for (const one of all) screen.value(JSON.parse(writeScheduleRecord(one)))
    else if (all.length === 0)
      screen.note(name === undefined ? 'There is no schedule.' : `There is no schedule "${name}".`)
    else for (const line of tableLines(COLUMNS, all, screen.colors)) screen.line(line)
    return name !== undefined && all.length === 0 ? 'failed' : 'done'
  },
  put: async (client, { name, type, data = 'null' }, { screen, options }) => {
    if (type === undefined) throw new CommandError('usage', 'which task? cron put NAME TYPE [DATA].')
    const { expression, timezone, every, anchor, overlap, catchUp } = options
    const schedule = {
      name,
      task: type,
      data: await readJson(data, FRAME_BYTES_MAX),
      options: submitOptionsOf(options),
      expression,
      timezone,
      every,
      anchor,
      overlap,
      catchUp,
    } as unknown as ScheduleOptions
    const placement = await client.cron.put(schedule)
    if (screen.json) screen.value(JSON.parse(writePlacement(placement)))
    else {
      const what = placement.created ? 'made' : placement.changed ? 'changed' : 'as it was'
      const next = placement.nextMs === null ? 'paused' : `next ${new Date(placement.nextMs).toISOString()}`
      screen.line(`${shortText(name!, 80)}  ${what}, ${next}`)
    }
    return 'done'
  },
  delete: async (client, { name }, { screen }) => {
    const deleted = await client.cron.delete(name!)
    if (screen.json) screen.value({ name, deleted })
    else if (deleted) screen.line(`${shortText(name!, 80)}  deleted`)
    else screen.note(`There is no schedule "${shortText(name!, 80)}".`)
    return deleted ? 'done' : 'failed'
  },
  pause: turning('pause'),
  resume: turning('resume'),
  run: async (client, { name }, { screen, options }) => {
    const { id } = options as { readonly id?: string }
    const task = await client.cron.run(name!, id === undefined ? {} : { id })
    if (screen.json) screen.value({ id: task })
    else screen.line(`${task}  submitted`)
    return 'done'
  },
}

const COLUMNS: readonly Column<ScheduleRecord>[] = [
  { title: 'schedule', cell: ({ name }) => shortText(name, 40) },
  { title: 'ticks', cell: ({ timing }) => timingText(timing) },
  { title: 'task', cell: ({ task }) => shortText(task.type, 30) },
  { title: 'queue', cell: ({ task }) => shortText(task.queue, 30) },
  {
    title: 'next',
    cell: ({ nextMs, paused }) =>
      paused ? 'paused' : nextMs.map((ms) => new Date(ms).toISOString()).join(' '),
  },
  {
    title: 'last',
    cell: ({ lastTickMs }) => (lastTickMs === null ? '' : new Date(lastTickMs).toISOString()),
  },
  ...(['fired', 'skipped', 'missed', 'waiting'] as const).map((count) => ({
    title: count,
    cell: (record: ScheduleRecord) => String(record[count]),
    right: true,
  })),
]

function timingText(timing: Timing): string {
  return 'everyMs' in timing
    ? `every ${formatDuration(timing.everyMs)}`
    : `${timing.expression} ${timing.timezone}`
}
