/**
 * What a pool thread and a handler process have in common: load the handler modules, say what they define, then run what comes in.
 *
 * Invariant: whatever ends them from the inside (process.exit, an error that nobody caught), finished results and one last
 * word on the cause leave first. What ends them from the outside (terminate, a signal, out of memory) is known outside.
 */

import { encryption } from '../../sealing/encryption.ts'
import { keyFile } from '../../sealing/key-file.ts'
import { ChasquiError } from '../../task/errors.ts'
import { aroundRun, textsOf, type Use } from '../../task/middleware.ts'
import type { TaskError } from '../../task/outcome.ts'
import type { Board } from '../board.ts'
import { type FlatList, type ReportList, type StopList, TAG, type ThreadNews } from '../hand-over.ts'
import { taskErrorOf } from './failure.ts'
import { actingFor, Inbox } from './inbox.ts'
import { type Loaded, loadModules } from './load.ts'
import { Reports } from './reports.ts'
import { writeError, writtenBy } from './texts.ts'

export interface Post {
  send(message: FlatList | ReportList | ThreadNews): void
  /** Ends this thread or process once what was sent has left. */
  exit(code: number): void
}

export interface Handling {
  readonly modules: readonly string[]
  /** Of encryption, which is nearer to the wire than what the modules use; null: none. */
  readonly keyFile: string | null
  /** With keys: also take what is not encrypted. */
  readonly allowPlain: boolean
  readonly slots: number
  readonly board: Board
  readonly resultBytesMax: number
  /** What an end from the inside is called. */
  readonly crash: 'ThreadCrashed' | 'ProcessCrashed'
}

/** Resolves with what takes the messages of the pool, once everything is loaded and told. */
export async function serveHandlers(
  handling: Handling,
  post: Post,
): Promise<(list: FlatList | StopList) => void> {
  let lastWordSaid = false
  let inbox: Inbox | null = null
  let use: Use = []

  const lastWord = (error: TaskError) => {
    if (lastWordSaid) return
    lastWordSaid = true
    inbox?.flush()
    const attempt = actingFor.getStore()
    const guilty = attempt === undefined || attempt.ended ? null : attempt.position
    post.send({ died: writeError(error, attempt?.id ?? null, textsOf(use)), guilty })
  }
  process.on('uncaughtException', (thrown) => {
    const { name, message, stack } = taskErrorOf(thrown)
    lastWord({
      name: handling.crash,
      message: `an error was thrown that nobody caught: ${name}: ${message}`,
      ...(stack !== undefined && { stack }),
    })
    post.exit(1)
  })
  process.on('exit', (code) => {
    lastWord({ name: handling.crash, message: `process.exit(${code}) was called while it ran` })
  })

  const loaded = await load(handling)
  if (loaded instanceof ChasquiError) {
    lastWordSaid = true
    post.send({ refused: loaded.message })
    post.exit(1)
    return () => {}
  }
  use = loaded.use
  const { slots, board, resultBytesMax } = handling
  const texts = textsOf(use)
  const reports = new Reports((list) => post.send([TAG.reports, ...list]))
  const running = new Inbox({
    slots,
    board,
    definitions: loaded.definitions,
    reports,
    said: writtenBy(texts, reports),
    pipe: { resultBytesMax, around: aroundRun(use), texts },
    post: (list) => post.send(list),
  })
  inbox = running
  post.send({
    sealed: texts !== null,
    ready: [...loaded.definitions.values()].map((definition) => ({
      type: definition.type,
      queue: definition.queue ?? null,
      isolation: definition.isolation,
      timeoutMs: definition.defaults.timeoutMs ?? null,
    })),
  })
  return (list) => {
    if (list[0] === TAG.tasks) running.push(list as FlatList)
    else running.stop(...((list as StopList).slice(1) as [number, string, string]))
  }
}

async function load({ modules, keyFile: path, allowPlain }: Handling): Promise<Loaded | ChasquiError> {
  try {
    const own = path === null ? [] : [encryption(keyFile(path), { allowPlain })]
    const { definitions, use } = await loadModules(modules)
    return { definitions, use: [...use, ...own] }
  } catch (error) {
    return error as ChasquiError
  }
}
