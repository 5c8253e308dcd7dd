/** `task.*` except submit: looking at tasks and steering them. */

import type { Change, Engine } from '../../engine/engine.ts'
import { ChasquiError } from '../../task/errors.ts'
import {
  LIST_SCAN_MAX,
  LIST_SLICE_COST,
  READ_SLICE_TASKS,
  REPLY_LENGTH_MAX,
  WAIT_MS_DEFAULT,
} from '../../task/limits.ts'
import type { TaskRecord } from '../../task/task.ts'
import { writeLogLines } from '../../wire/event-codec.ts'
import { writeExplanation } from '../../wire/explanation-codec.ts'
import { refuse } from '../../wire/fields.ts'
import type { Params } from '../../wire/messages.ts'
import { readListQuery, readRetrySelection, readWatchQuery } from '../../wire/query-codec.ts'
import { writeChanges, writeRecord, writeRetryAnswer } from '../../wire/record-codec.ts'
import type { Call, CommandContext } from '../command.ts'
import { readNarrowing } from './narrowing.ts'

interface IdParams {
  readonly ids: readonly string[]
}

export function get({ engine }: CommandContext, params: Params): Promise<string> {
  const { ids, data = false } = params as unknown as IdParams & { data?: boolean }
  return readTasks(engine, ids, data)
}

/** In slices, so that records which are text already are not held as records, too. */
async function readTasks(engine: Engine, ids: readonly string[], data: boolean): Promise<string> {
  let text = ''
  for (let from = 0; from < ids.length; from += READ_SLICE_TASKS) {
    text = appendRecords(text, await engine.get(ids.slice(from, from + READ_SLICE_TASKS), { data }))
  }
  return `{"tasks":[${text}]}`
}

function appendRecords(before: string, records: readonly (TaskRecord | null)[]): string {
  let text = before
  for (const record of records) {
    if (text !== '') text += ','
    text += record === null ? 'null' : writeRecord(record)
    if (text.length > REPLY_LENGTH_MAX) refuse('ids', 'are too many: the reply would be too long')
  }
  return text
}

/** In slices likewise; a page whose text gets long, or for which much was looked at, ends early. */
export async function list({ engine }: CommandContext, params: Params): Promise<string> {
  const query = readListQuery(params)
  const narrowing = readNarrowing(params)
  const texts: string[] = []
  let length = 0
  let looked = 0
  let cursor = query.cursor
  for (;;) {
    const limit = Math.min(query.limit - texts.length, READ_SLICE_TASKS)
    const page = await engine.list({ ...query, limit, ...(cursor === undefined ? {} : { cursor }) })
    looked += narrowing === null ? page.tasks.length : Math.max(page.tasks.length, LIST_SLICE_COST)
    let next = page.cursor
    for (const record of page.tasks) {
      if (narrowing?.isPast(record) === true) next = null
      if (narrowing?.fits(record) === false) continue
      const text = writeRecord(record)
      length += text.length
      texts.push(text)
    }
    // A short page says that the engine has looked at enough rows for one request.
    const isOver = next === null || page.tasks.length < limit || texts.length >= query.limit
    if (isOver || length > REPLY_LENGTH_MAX || (narrowing !== null && looked >= LIST_SCAN_MAX)) {
      return `{"tasks":[${texts.join(',')}],"cursor":${JSON.stringify(next)}}`
    }
    cursor = next!
  }
}

export function wait(context: CommandContext, params: Params): Promise<string> {
  const { ids, timeoutMs = WAIT_MS_DEFAULT } = params as unknown as IdParams & { timeoutMs?: number }
  return context.waits.run(ids.length, async (signal) => {
    const { engine, clock } = context
    const untilMs = clock.nowMs() + timeoutMs
    for (let from = 0; from < ids.length; from += READ_SLICE_TASKS) {
      const slice = ids.slice(from, from + READ_SLICE_TASKS)
      const records = await engine.wait(slice, Math.max(0, untilMs - clock.nowMs()), signal)
      if (context.isClosing) throw new ChasquiError('SHUTTING_DOWN', 'the server is stopping')
      if (slice.length === ids.length && !context.isCongested)
        return `{"tasks":[${appendRecords('', records)}]}`
    }
    // Many tasks, or a peer that does not read: their records are read again when the reply can leave.
    return context.reads.run(() => readTasks(engine, ids, false))
  })
}

export async function watch({ watches }: CommandContext, params: Params, call: Call): Promise<void> {
  const opened = await watches.open(readWatchQuery(params))
  call.succeed(`{"watch":"${opened.id}"}`)
  opened.start()
}

export async function unwatch({ watches }: CommandContext, params: Params): Promise<string> {
  await watches.close(params.watch as string)
  return '{}'
}

export async function cancel(context: CommandContext, params: Params): Promise<string> {
  const { ids } = params as unknown as IdParams
  const changes = await context.engine.cancel(ids)
  writeDown(context, 'task.cancel', changes)
  return writeChanges(changes)
}

export async function retry(context: CommandContext, params: Params): Promise<string> {
  if ((params.ids === undefined) === (params.filter === undefined)) {
    refuse('ids', 'or filter: give exactly one of the two')
  }
  const answer = await context.engine.retry(readRetrySelection(params))
  writeDown(context, 'task.retry', answer.tasks)
  return writeRetryAnswer(answer)
}

function writeDown(context: CommandContext, act: string, changes: readonly (Change | null)[]): void {
  const ids = changes.flatMap((change) => (change?.changed ? [change.id] : []))
  context.audit({ act, ids, count: ids.length })
}

export async function log({ engine }: CommandContext, params: Params): Promise<string> {
  const { id, after = 0 } = params as { id: string; after?: number }
  return writeLogLines(await engine.log(id, after))
}

export async function explain({ engine }: CommandContext, params: Params): Promise<string> {
  return writeExplanation(await engine.explain(params.id as string))
}
