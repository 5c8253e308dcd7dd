/**
 * A pool thread: loads the handler modules, says what they define, then runs what it is handed. Started by thread-host.ts.
 *
 * Invariant: whatever ends this thread from the inside (process.exit, an error that nobody caught), finished results and one last
 * word on the cause leave first. What ends it from the outside (terminate, out of memory) is known outside.
 */

import { parentPort, workerData } from 'node:worker_threads'
import type { TaskDefinition } from '../../task/definition.ts'
import type { TaskError } from '../../task/outcome.ts'
import { Board } from '../board.ts'
import { type FlatList, type StopList, TAG, type ThreadNews, type ThreadSetup } from '../hand-over.ts'
import { taskErrorOf } from './failure.ts'
import { actingFor, Inbox } from './inbox.ts'
import { loadDefinitions } from './load.ts'
import { Reports } from './reports.ts'

const setup = workerData as ThreadSetup
const port = parentPort!
const tell = (news: ThreadNews) => port.postMessage(news)

let lastWordSaid = false
let inbox: Inbox | null = null

function lastWord(error: TaskError): void {
  if (lastWordSaid) return
  lastWordSaid = true
  inbox?.flush()
  const attempt = actingFor.getStore()
  tell({ died: error, guilty: attempt === undefined || attempt.ended ? null : attempt.position })
}

process.on('uncaughtException', (thrown) => {
  const { name, message, stack } = taskErrorOf(thrown)
  lastWord({
    name: 'ThreadCrashed',
    message: `an error was thrown that nobody caught: ${name}: ${message}`,
    ...(stack !== undefined && { stack }),
  })
  process.exit(1)
})

process.on('exit', (code) => {
  lastWord({ name: 'ThreadCrashed', message: `process.exit(${code}) was called while it ran` })
})

let definitions: Map<string, TaskDefinition>
try {
  definitions = await loadDefinitions(setup.modules)
} catch (error) {
  lastWordSaid = true
  tell({ refused: (error as Error).message })
  process.exit(1)
}

inbox = new Inbox({
  slots: setup.slots,
  board: new Board(setup.board, setup.base),
  definitions,
  reports: new Reports((reports) => port.postMessage([TAG.reports, ...reports])),
  resultBytesMax: setup.resultBytesMax,
  post: (list) => port.postMessage(list),
})

port.on('message', (list: FlatList | StopList) => {
  if (list[0] === TAG.tasks) inbox.push(list as FlatList)
  else inbox.stop(...((list as StopList).slice(1) as [number, string, string]))
})

tell({
  ready: [...definitions.values()].map((definition) => ({
    type: definition.type,
    queue: definition.queue ?? null,
    isolation: definition.isolation,
    timeoutMs: definition.defaults.timeoutMs ?? null,
  })),
})
