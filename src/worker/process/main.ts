/**
 * A handler process, from its start: thread/serve.ts over the pipe to the worker, one task at a time. Started by process-host.ts.
 *
 * Handlers run in the main thread of this process, for that is what they want it for. So a thread beside it watches whether the worker is still there.
 */

import { Worker } from 'node:worker_threads'
import { PROCESS_LAST_WORD_MS } from '../../task/limits.ts'
import { Board } from '../board.ts'
import { type FlatList, type ProcessSetup, type StopList, TAG } from '../hand-over.ts'
import { serveHandlers } from '../thread/serve.ts'

const WATCH_MODULE = new URL(import.meta.url.endsWith('.ts') ? './watch.ts' : './watch.js', import.meta.url)

new Worker(WATCH_MODULE, { execArgv: [] }).unref()

/** As a user sees it in a list of processes. */
process.title = 'chasqui handler'

const board = Board.make(1, process.hrtime.bigint())
let take: ((list: FlatList | StopList) => void) | null = null
let isBegun = false
/** Messages that have not left yet. */
let leaving = 0
let whenLeft: (() => void) | null = null

process.on('message', (message: ProcessSetup | FlatList | StopList) => {
  if (!isBegun) {
    isBegun = true
    void begin(message as ProcessSetup)
  } else if (take !== null) {
    const list = message as FlatList | StopList
    if (list[0] === TAG.tasks) board.hand(list[1] as number)
    take(list)
  }
})

async function begin(setup: ProcessSetup): Promise<void> {
  take = await serveHandlers(
    { ...setup, slots: 1, board, crash: 'ProcessCrashed' },
    {
      send(message) {
        if (!process.connected) return
        leaving++
        process.send!(message, undefined, undefined, () => {
          leaving--
          if (leaving === 0) whenLeft?.()
        })
      },
      exit(code) {
        if (leaving === 0) process.exit(code)
        whenLeft = () => process.exit(code)
        setTimeout(() => process.exit(code), PROCESS_LAST_WORD_MS)
      },
    },
  )
}
