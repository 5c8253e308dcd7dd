/**
 * The thread that moves the write-ahead log into the database file, so that the loop of the distributor never waits for it.
 *
 * Passive passes never block the writer, but never end while it writes either. So when the log is long: a few passive passes
 * until little is left, then the writer is asked to hold its next commit, one last pass, go on; the next commit then starts the log
 * at its beginning. Holding lasts 2 to 12 ms (docs/decisions/0003); TRUNCATE or RESTART would stall the loop for up to 300 ms.
 */

import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { type CheckpointData, COMMIT_COUNT, HOLD_STATE, RUNNING } from './checkpoint-signals.ts'

const PAUSE_MS = 20
const IDLE_MS = 1_000
/** What may be left for the pass during which the writer holds. */
const LAST_PASS_FRAMES = 256
const PASSES_MAX = 4
const HOLD_WAIT_MS = 500

const { path, signals, walBytesMax } = workerData as CheckpointData
const port = parentPort!
const database = new DatabaseSync(path, { timeout: 1_000 })
database.exec('pragma wal_autocheckpoint = 0; pragma synchronous = full')
const look = database.prepare('pragma wal_checkpoint(noop)')
const pass = database.prepare('pragma wal_checkpoint(passive)')
const pageBytes = Number(database.prepare('pragma page_size').get()!.page_size)
const framesMax = Math.ceil(walBytesMax / pageBytes)

function framesLeft(statement: typeof look): { log: number; left: number } {
  const row = statement.get() as { log: number; checkpointed: number }
  return { log: Number(row.log), left: Number(row.log) - Number(row.checkpointed) }
}

function checkpoint(): void {
  for (let passes = 0; passes < PASSES_MAX && framesLeft(pass).left > LAST_PASS_FRAMES; passes++);
  Atomics.store(signals, HOLD_STATE, RUNNING)
  port.postMessage('hold')
  // Answered from the writer's loop, which may be in the middle of a turn.
  if (Atomics.wait(signals, HOLD_STATE, RUNNING, HOLD_WAIT_MS) !== 'timed-out') pass.get()
  Atomics.store(signals, HOLD_STATE, RUNNING)
  port.postMessage('release')
}

let stopped = false
port.on('message', () => {
  stopped = true
})

let seen = 0
let idleDone = true
function watch(): void {
  if (stopped) {
    database.close()
    port.close()
    return
  }
  const commits = Atomics.load(signals, COMMIT_COUNT)
  if (commits !== seen) {
    seen = commits
    idleDone = false
    if (framesLeft(look).log > framesMax) checkpoint()
    setTimeout(watch, PAUSE_MS)
    return
  }
  if (!idleDone) {
    // Quiet: leave little behind, so that reopening after a crash has little to read.
    idleDone = true
    pass.get()
  }
  // Sleeps without a timer until the next commit; wakes now and then to see whether it should end.
  Atomics.wait(signals, COMMIT_COUNT, commits, IDLE_MS)
  setTimeout(watch, 0)
}

port.postMessage('ready')
watch()
