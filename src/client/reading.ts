/**
 * What a client reads of its engine, as its middleware lets it be seen: records, events and log lines. Without middleware that reads, it is
 * the engine itself.
 */

import type { Engine, LogLine, TaskEvent, TaskPage } from '../engine/engine.ts'
import { ChasquiError, type ErrorCode } from '../task/errors.ts'
import { type ReadRecord, readerOf, type TextMiddleware, textsOf, type Use } from '../task/middleware.ts'
import type { TaskRecord } from '../task/task.ts'

export interface ReadTask extends TaskRecord {
  /** Why its data or result could not be read (a key that is not here, for example); they are then as they came. */
  readonly unreadable?: { readonly code: ErrorCode; readonly message: string }
}

export interface Reading extends Pick<Engine, 'watch' | 'log'> {
  get(...asked: Parameters<Engine['get']>): Promise<readonly (ReadTask | null)[]>
  list(
    ...asked: Parameters<Engine['list']>
  ): Promise<Omit<TaskPage, 'tasks'> & { tasks: readonly ReadTask[] }>
  wait(...asked: Parameters<Engine['wait']>): Promise<readonly (ReadTask | null)[]>
}

export function readingOf(engine: Engine, use: Use): Reading {
  const values = readerOf(use)
  const texts = textsOf(use)
  if (values === null && texts === null) return engine
  const all = <Found extends TaskRecord | null>(records: readonly Found[]) =>
    Promise.all(records.map((record) => (record === null ? null : readTask(record, values, texts))))
  return {
    get: async (...asked) => all(await engine.get(...asked)),
    wait: async (...asked) => all(await engine.wait(...asked)),
    async list(...asked) {
      const page = await engine.list(...asked)
      return { ...page, tasks: (await all(page.tasks)) as ReadTask[] }
    },
    watch: (query, listener) =>
      engine.watch(query, (events) => listener(events.map((event) => readEvent(event, texts)))),
    log: async (id, after) => readLines(await engine.log(id, after), id, texts),
  }
}

async function readTask(
  record: TaskRecord,
  values: ReadRecord | null,
  texts: TextMiddleware | null,
): Promise<ReadTask> {
  const told = texts === null ? record : readTexts(record, texts)
  if (values === null) return told
  try {
    return await values(told)
  } catch (error) {
    if (!(error instanceof ChasquiError)) throw error
    return { ...told, unreadable: { code: error.code, message: error.message } }
  }
}

function readTexts(record: TaskRecord, { read }: TextMiddleware): TaskRecord {
  const { id, error, progress } = record
  if (error === undefined && progress?.note === undefined) return record
  return {
    ...record,
    ...(error !== undefined && {
      error: {
        ...error,
        message: read(error.message, id),
        ...(error.stack !== undefined && { stack: read(error.stack, id) }),
      },
    }),
    ...(progress?.note !== undefined && { progress: { ...progress, note: read(progress.note, id) } }),
  }
}

function readEvent(event: TaskEvent, texts: TextMiddleware | null): TaskEvent {
  const { id, progress, lines } = event
  if (texts === null || (progress?.note === undefined && lines === undefined)) return event
  return {
    ...event,
    ...(progress?.note !== undefined && { progress: { ...progress, note: texts.read(progress.note, id) } }),
    ...(lines !== undefined && { lines: readLines(lines, id, texts) }),
  }
}

function readLines(lines: readonly LogLine[], id: string, texts: TextMiddleware | null): readonly LogLine[] {
  return texts === null ? lines : lines.map((line) => ({ ...line, text: texts.read(line.text, id) }))
}
