/**
 * One pool thread as the main thread sees it: hands tasks over, receives results, knows by the shared board what runs, and ends
 * the thread when it must. It decides nothing: pool.ts does.
 *
 * Invariant: every task that was handed over comes back exactly once: as a result, as taken back, or with the thread's end.
 */

import { Worker } from 'node:worker_threads'
import { INBOX_POSITIONS } from '../task/limits.ts'
import type { TaskError } from '../task/outcome.ts'
import { Board, POSITION } from './board.ts'
import {
  type FlatList,
  RESULT,
  RESULT_FIELDS,
  type ReportList,
  TAG,
  type ThreadNews,
  type ThreadReport,
  type ThreadSetup,
  type TypeFacts,
} from './hand-over.ts'
import { type Held, pushTask } from './held.ts'

const THREAD_MODULE = new URL(
  import.meta.url.endsWith('.ts') ? './thread/main.ts' : './thread/main.js',
  import.meta.url,
)

/**
 * V8 ends a thread that reaches its heap limit, but a large allocation at that moment takes the whole process down. So V8's limit is
 * set well above ours, and the main thread looks at the heap and ends the thread in between: above what garbage can bring it to
 * (V8 collects about halfway from the live data to its limit), and below what a fast eater reaches between two looks.
 */
const hardMemoryMb = (memoryMb: number) => Math.round(memoryMb * 1.5) + 512
function endsAtMemoryMb(memoryMb: number): number {
  const hardMb = hardMemoryMb(memoryMb)
  const halfwayMb = (memoryMb + hardMb) / 2
  return halfwayMb + (hardMb - halfwayMb) / 3
}

export interface ThreadOptions {
  readonly modules: readonly string[]
  /** Of encryption. */
  readonly keyFile: string | null
  readonly allowPlain: boolean
  readonly env: NodeJS.ProcessEnv
  readonly memoryMb: number
  readonly resultBytesMax: number
}

export interface ThreadEvents {
  ready(host: ThreadHost, types: readonly TypeFacts[]): void
  /** One that ended. The thread no longer has it. */
  result(host: ThreadHost, held: Held, kind: number, text: string, runMs: number): void
  /** After the last result of a turn. */
  turned(host: ThreadHost): void
  report(held: Held, report: ThreadReport): void
  /** The thread is gone, with what was still in its hands. */
  ended(host: ThreadHost, end: ThreadEnd): void
}

export interface ThreadEnd {
  /** What happened. */
  readonly error: TaskError
  /** The task on whose behalf the fatal code ran, where that is known. */
  readonly guilty: Held | null
  /** Whether the thread itself knew the cause: then nobody but `guilty` is to blame. */
  readonly causeKnown: boolean
  /** Never started. */
  readonly unstarted: readonly Held[]
  readonly started: readonly Held[]
  /** Ended, but the result was lost with the thread. */
  readonly finished: readonly Held[]
}

export class ThreadHost {
  readonly number: number
  readonly slots: number
  state: 'starting' | 'ready' | 'ending' | 'ended' = 'starting'
  /** Tasks handed over and not come back. */
  inHand = 0
  /** Whether the only task in hand is one that runs alone. */
  runsAlone = false
  /** Whether it ever got so far as to take tasks. */
  wasReady = false
  /** Whether any task ended well or badly in it. */
  broughtResults = false
  /** Whether it was ended on account of a task that had to stop, or of the worker. */
  wasTerminated = false
  /** performance.now() of that. */
  endingSinceMs = 0
  #worker: Worker
  #board: Board
  #events: ThreadEvents
  #held: (Held | null)[] = []
  #free: number[] = []
  #handOver: FlatList = [TAG.tasks]
  #refused: string | null = null
  #cause: Pick<ThreadEnd, 'error' | 'guilty' | 'causeKnown'> | null = null
  #memoryMb: number
  #measuring = false

  constructor(number: number, slots: number, options: ThreadOptions, events: ThreadEvents) {
    this.number = number
    this.slots = slots
    this.#events = events
    this.#memoryMb = options.memoryMb
    const base = process.hrtime.bigint()
    // As many again as can run, so that lookahead never waits for a position.
    const positions = Math.max(INBOX_POSITIONS, 2 * slots)
    this.#board = Board.make(positions, base)
    for (let position = positions - 1; position >= 0; position--) {
      this.#free.push(position)
      this.#held.push(null)
    }
    this.#worker = new Worker(THREAD_MODULE, {
      name: `chasqui-${number}`,
      env: options.env,
      resourceLimits: { maxOldGenerationSizeMb: hardMemoryMb(options.memoryMb) },
      workerData: {
        modules: options.modules,
        keyFile: options.keyFile,
        allowPlain: options.allowPlain,
        slots,
        board: this.#board.buffer,
        base,
        resultBytesMax: options.resultBytesMax,
      } satisfies ThreadSetup,
    })
    this.#worker.on('message', (message) => this.#onMessage(message))
    this.#worker.on('error', (error) => {
      this.#cause ??= { error: this.#evidence(error), guilty: null, causeKnown: false }
    })
    this.#worker.on('exit', (code) => this.#onExit(code))
  }

  /** The sentence of a thread that could not load its modules. */
  get refused(): string | null {
    return this.#refused
  }

  get isFull(): boolean {
    return this.#free.length === 0
  }

  /** Takes effect with the next flush. */
  hand(held: Held): void {
    const position = this.#free.pop()!
    held.state = 'inbox'
    held.thread = this.number
    held.position = position
    this.#held[position] = held
    this.inHand++
    this.#board.hand(position)
    pushTask(this.#handOver, held)
  }

  flush(): void {
    if (this.#handOver.length === 1) return
    const list = this.#handOver
    this.#handOver = [TAG.tasks]
    this.#worker.postMessage(list)
  }

  /** False when it has been started: then it stays. */
  takeBack(held: Held): boolean {
    if (!this.#board.takeBack(held.position)) return false
    // The position is free again once the thread has met and skipped it.
    this.#held[held.position] = null
    this.#release(held)
    return true
  }

  /** Those that could be taken back right now; the thread may be faster. */
  unstarted(): Held[] {
    return this.#held.filter(
      (held): held is Held => held !== null && this.#board.state(held.position) === POSITION.handed,
    )
  }

  /** Calls for every task that runs, with the time it has been running. */
  eachRunning(call: (held: Held, runningMs: number) => void): void {
    if (this.inHand === 0) return
    for (const held of this.#held) {
      if (held !== null && this.#board.state(held.position) === POSITION.started) {
        call(held, this.#board.runningMs(held.position))
      }
    }
  }

  isRunning(held: Held): boolean {
    return this.#held[held.position] === held && this.#board.state(held.position) === POSITION.started
  }

  abort(held: Held, name: string, message: string): void {
    this.#worker.postMessage([TAG.stop, held.position, name, message])
  }

  /** Ends the thread when it uses too much memory; to be called every WATCHDOG_MS while it runs something. */
  watchMemory(): void {
    if (this.#measuring || this.inHand === 0 || this.state !== 'ready') return
    this.#measuring = true
    this.#worker.getHeapStatistics().then(
      ({ used_heap_size, external_memory }) => {
        this.#measuring = false
        // Buffers live outside of the heap, and V8's own limit knows nothing of them.
        const usedMb = (used_heap_size + external_memory) / 2 ** 20
        if (this.state !== 'ready' || usedMb < endsAtMemoryMb(this.#memoryMb)) return
        this.#cause = { error: outOfMemory(this.#memoryMb), guilty: null, causeKnown: false }
        this.#end()
      },
      // It has ended meanwhile.
      () => {},
    )
  }

  /** Ends the thread whatever it is doing; `ended` follows. */
  terminate(): void {
    if (this.state === 'ended' || this.state === 'ending') return
    this.wasTerminated = true
    this.#end()
  }

  /** It does not end (native code that never returns): go on without it. */
  giveUp(): void {
    this.#worker.removeAllListeners()
    this.#worker.unref()
    this.#onExit(-1)
  }

  #end(): void {
    this.state = 'ending'
    this.endingSinceMs = performance.now()
    void this.#worker.terminate()
  }

  #release(held: Held): void {
    held.state = 'waiting'
    held.position = -1
    this.inHand--
    if (this.inHand === 0) this.runsAlone = false
  }

  #onMessage(message: FlatList | ReportList | ThreadNews): void {
    if (Array.isArray(message)) {
      if (message[0] === TAG.results) this.#onResults(message as FlatList)
      else this.#onReports(message as ReportList)
    } else if ('ready' in message) {
      // Terminated in the meantime: it only does not know yet.
      if (this.state !== 'starting') return
      this.state = 'ready'
      this.wasReady = true
      this.#events.ready(this, message.ready)
    } else if ('refused' in message) {
      this.#refused = message.refused
    } else {
      const guilty = message.guilty === null ? null : (this.#held[message.guilty] ?? null)
      this.#cause = { error: message.died, guilty, causeKnown: true }
    }
  }

  #onResults(list: FlatList): void {
    for (let at = 1; at < list.length; at += RESULT_FIELDS) {
      const position = list[at] as number
      const kind = list[at + 1] as number
      const held = this.#held[position]
      this.#held[position] = null
      this.#free.push(position)
      if (kind === RESULT.skipped || held === null || held === undefined) continue
      this.#release(held)
      this.broughtResults = true
      this.#events.result(this, held, kind, list[at + 2] as string, list[at + 3] as number)
    }
    this.#events.turned(this)
  }

  #onReports([, ...reports]: ReportList): void {
    for (const report of reports) {
      const held = this.#held[report.position]
      if (held !== null && held !== undefined) this.#events.report(held, report)
    }
  }

  #onExit(code: number): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    const unstarted: Held[] = []
    const started: Held[] = []
    const finished: Held[] = []
    for (const held of this.#held) {
      if (held === null) continue
      held.runMs = this.#board.runningMs(held.position)
      const state = this.#board.state(held.position)
      if (state === POSITION.started) started.push(held)
      else if (state === POSITION.finished) finished.push(held)
      else unstarted.push(held)
      this.#release(held)
    }
    this.#held = []
    const cause = this.#cause ?? {
      error: { name: 'ThreadCrashed', message: `its thread ended with code ${code} while it ran` },
      guilty: null,
      causeKnown: false,
    }
    this.#events.ended(this, { ...cause, unstarted, started, finished })
  }

  #evidence(error: unknown): TaskError {
    const { code, name, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
      return outOfMemory(this.#memoryMb)
    }
    return { name: 'ThreadCrashed', message: `its thread failed: ${name}: ${message}` }
  }
}

function outOfMemory(memoryMb: number): TaskError {
  return { name: 'OutOfMemory', message: `its thread used more than its ${memoryMb} MB of memory` }
}
