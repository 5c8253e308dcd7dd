/** A pool thread, from its start: serve.ts over the port of a thread. Started by thread-host.ts. */

import { parentPort, workerData } from 'node:worker_threads'
import { Board } from '../board.ts'
import type { FlatList, StopList, ThreadSetup } from '../hand-over.ts'
import { serveHandlers } from './serve.ts'

const { board, base, ...setup } = workerData as ThreadSetup
const port = parentPort!

// Nothing comes before this side has said that it is ready.
const take = await serveHandlers(
  { ...setup, board: new Board(board, base), crash: 'ThreadCrashed' },
  {
    send: (message) => port.postMessage(message),
    exit: (code) => process.exit(code),
  },
)
port.on('message', (list: FlatList | StopList) => take(list))
