/**
 * The thread's own scheduler: takes tasks from the hand-over lists in order, runs up to `slots` of them at once (with one slot:
 * one after the other), and sends results back once a turn.
 *
 * Invariants: a task runs only after it was won on the board; a result leaves before a handler starts that may block the
 * loop for long; messages from the main thread are heard at least every TURN_MS between handlers.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import type { TaskDefinition } from '../../task/definition.ts'
import { THREAD_TURN_MS } from '../../task/limits.ts'
import type { Board } from '../board.ts'
import { type FlatList, RESULT, TAG, TASK_FIELDS } from '../hand-over.ts'
import { Attempt, AttemptContext, type ReportSink } from './attempt.ts'
import { type ExecutorSink, execute, type Pipe } from './executor.ts'
import type { Reports } from './reports.ts'

/** A handler that ended this fast several times in a row will not hold up the results that wait for the end of the turn. */
const SHORT_RUN_MS = 0.5
const SHORT_RUNS_MIN = 3

/** The attempt on whose behalf the running code runs: also in timers and callbacks that it left behind. */
export const actingFor = new AsyncLocalStorage<Attempt>()

interface TypeEntry {
  readonly definition: TaskDefinition
  /** Runs in a row that held the loop for less than SHORT_RUN_MS. */
  shortRuns: number
}

export interface InboxOptions {
  readonly slots: number
  readonly board: Board
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  readonly reports: Reports
  /** Where handlers say what goes to the reports. */
  readonly said: ReportSink
  readonly pipe: Pipe
  readonly post: (list: FlatList) => void
}

export class Inbox implements ExecutorSink {
  readonly #options: InboxOptions
  readonly #types = new Map<string, TypeEntry>()
  readonly #lists: FlatList[] = []
  /** Where the first list is read next. */
  #at = 1
  #running = 0
  readonly #attempts: (Attempt | undefined)[] = []
  #results: FlatList = [TAG.results]
  #turnStartedMs = 0
  #turnEnds = false

  constructor(options: InboxOptions) {
    this.#options = options
    for (const definition of options.definitions.values()) {
      this.#types.set(definition.type, { definition, shortRuns: 0 })
    }
  }

  push(list: FlatList): void {
    this.#lists.push(list)
    this.#pump()
  }

  /** Aborts the signal of what runs at this position; nothing runs there: it has ended already. */
  stop(position: number, name: string, message: string): void {
    const attempt = this.#attempts[position]
    if (attempt === undefined || attempt.ended) return
    // The handler's listeners run on its behalf, not on that of whoever is running here now.
    actingFor.run(attempt, AttemptContext.stop, attempt.context!, name, message)
  }

  /** Everything that is finished leaves now. */
  flush(): void {
    const { reports, post } = this.#options
    if (!reports.isEmpty) reports.flush()
    if (this.#results.length === 1) return
    const results = this.#results
    this.#results = [TAG.results]
    post(results)
  }

  ended(attempt: Attempt, kind: number, text: string): void {
    // A thenable may call back twice; the first one counts.
    if (attempt.ended) return
    attempt.ended = true
    const nowMs = performance.now()
    const runMs = nowMs - attempt.startedMs
    this.#attempts[attempt.position] = undefined
    this.#options.board.finish(attempt.position)
    this.#results.push(attempt.position, kind, text, runMs)
    this.#running--
    if (this.#options.slots === 1) this.#noteRun(attempt.definition.type, runMs)
    this.#beginTurn(nowMs)
    if (!this.#pumping) this.#pump()
  }

  #pumping = false

  #pump(): void {
    this.#pumping = true
    const { slots } = this.#options
    while (this.#running < slots && this.#lists.length > 0) {
      const nowMs = performance.now()
      this.#beginTurn(nowMs)
      if (nowMs - this.#turnStartedMs > THREAD_TURN_MS) {
        // Results leave now; the end of the turn goes on with the rest, after the messages that wait.
        this.flush()
        break
      }
      this.#startNext(nowMs)
    }
    this.#pumping = false
  }

  #startNext(nowMs: number): void {
    const list = this.#lists[0]!
    const at = this.#at
    this.#at += TASK_FIELDS
    if (this.#at >= list.length) {
      this.#lists.shift()
      this.#at = 1
    }
    const position = list[at] as number
    const entry = this.#types.get(list[at + 2] as string)!
    if (this.#results.length > 1 && entry.shortRuns < SHORT_RUNS_MIN) this.flush()
    if (!this.#options.board.start(position, nowMs)) {
      this.#results.push(position, RESULT.skipped, null, 0)
      return
    }
    const attempt = new Attempt(
      position,
      list[at + 1] as string,
      list[at + 3] as string,
      list[at + 4] as number,
      list[at + 5] as number,
      list[at + 6] as string,
      list[at + 7] as string | null,
      entry.definition,
    )
    attempt.context = new AttemptContext(attempt, this.#options.said)
    attempt.startedMs = nowMs
    this.#attempts[position] = attempt
    this.#running++
    actingFor.run(attempt, execute, attempt, this.#options.pipe, this)
    if (this.#options.slots > 1) this.#noteRun(entry.definition.type, performance.now() - nowMs)
  }

  #noteRun(type: string, heldLoopMs: number): void {
    const entry = this.#types.get(type)!
    entry.shortRuns = heldLoopMs < SHORT_RUN_MS ? entry.shortRuns + 1 : 0
  }

  #beginTurn(nowMs: number): void {
    if (this.#turnEnds) return
    this.#turnEnds = true
    this.#turnStartedMs = nowMs
    setImmediate(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#turnEnds = false
    this.flush()
    this.#pump()
  }
}
