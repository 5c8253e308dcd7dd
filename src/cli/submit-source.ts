/** Where the tasks of `chasqui submit` come from: one value, the same value many times, or a line each. */

import type { SubmitOptions } from '../client/submission.ts'
import { FRAME_BYTES_MAX } from '../task/limits.ts'
import type { Json } from '../task/task.ts'
import { CommandError } from './exit-codes.ts'
import { isSource, readJson, readJsonLines } from './input.ts'

export interface PlannedTask {
  readonly type: string
  readonly data: Json
  readonly options: SubmitOptions
  /** For messages: `line 7`. */
  readonly name: string
}

export interface Source {
  readonly tasks: AsyncIterator<PlannedTask>
  /** null: known at the end. */
  readonly count: number | null
}

export interface SourceRequest {
  readonly type: string
  readonly data: string | undefined
  readonly count: number
  readonly ndjson: boolean
  readonly options: SubmitOptions
}

export async function openSource(request: SourceRequest): Promise<Source> {
  const { type, data, count, ndjson, options } = request
  if (!ndjson) {
    const value = data === undefined ? null : await readJson(data, FRAME_BYTES_MAX)
    return { tasks: repeated(type, value, options, count), count }
  }
  if (options.id !== undefined) throw new CommandError('usage', '--id names one task; --ndjson reads many.')
  if (count !== 1) throw new CommandError('usage', '--count repeats one task; --ndjson reads many.')
  // `submit --ndjson @tasks.ndjson`: each line is a whole task. `submit TYPE --ndjson @data.ndjson`: the data of one.
  const tasks =
    data === undefined && isSource(type) ? wholeTasks(type, options) : dataTasks(type, data ?? '-', options)
  return { tasks, count: null }
}

async function* repeated(
  type: string,
  data: Json,
  options: SubmitOptions,
  count: number,
): AsyncGenerator<PlannedTask> {
  for (let index = 0; index < count; index++) yield { type, data, options, name: `task ${index + 1}` }
}

async function* dataTasks(type: string, source: string, options: SubmitOptions): AsyncGenerator<PlannedTask> {
  for await (const { number, value } of readJsonLines(source, FRAME_BYTES_MAX)) {
    yield { type, data: value, options, name: `line ${number}` }
  }
}

/** A line's own fields win over those of the command line. They are named as on the wire, and checked by the client library. */
async function* wholeTasks(source: string, options: SubmitOptions): AsyncGenerator<PlannedTask> {
  for await (const { number, value } of readJsonLines(source, FRAME_BYTES_MAX)) {
    const name = `line ${number}`
    if (
      typeof value !== 'object' ||
      value === null ||
      Array.isArray(value) ||
      typeof value.type !== 'string'
    ) {
      throw new CommandError('usage', `${name} is not a task: an object with a "type".`)
    }
    const { type, data = null, id, ...fields } = value
    const own = { ...fields, ...(id !== undefined && { id: typeof id === 'number' ? String(id) : id }) }
    yield { type: type as string, data, options: { ...options, ...(own as SubmitOptions) }, name }
  }
}
