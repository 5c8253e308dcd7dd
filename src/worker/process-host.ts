/**
 * One handler process as the worker sees it: hands it a task, receives the result, and ends it with all that it started when it must. It
 * decides nothing: process-pool.ts does.
 *
 *   worker ──task, stop──► process ──reports, result──► worker      (the messages of pool threads, over a pipe)
 *
 * The process leads a group of its own; killing it kills the group. It ends itself, with its group, when the worker is gone (process/watch.ts).
 * Invariant: a task that was handed over comes back exactly once: as a result, or with the end of the process.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PROCESS_STDERR_LENGTH_MAX } from '../task/limits.ts'
import type { TaskError } from '../task/outcome.ts'
import {
  type FlatList,
  type ProcessSetup,
  type ReportList,
  TAG,
  type ThreadNews,
  type ThreadReport,
} from './hand-over.ts'
import { type Held, pushTask } from './held.ts'
import type { ThreadOptions } from './thread-host.ts'

const PROCESS_MODULE = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './process/main.ts' : './process/main.js', import.meta.url),
)

export interface ProcessEvents {
  ready(host: ProcessHost): void
  /** The process no longer has it. */
  result(host: ProcessHost, held: Held, kind: number, text: string, runMs: number): void
  report(held: Held, report: ThreadReport): void
  /** The process is gone, with what it ran. */
  ended(host: ProcessHost, held: Held | null, end: ProcessEnd): void
}

export interface ProcessEnd {
  readonly error: TaskError
  /** Whether the process itself knew the cause: then its task is to blame only if `isGuilty`. */
  readonly causeKnown: boolean
  readonly isGuilty: boolean
}

/** The only one: a process runs one task at a time. */
const POSITION = 0

export class ProcessHost {
  readonly number: number
  readonly startedAtMs = performance.now()
  state: 'starting' | 'ready' | 'ending' | 'ended' = 'starting'
  held: Held | null = null
  /** performance.now() of the hand-over. */
  handedAtMs = 0
  /** Whether it ever got so far as to take tasks. */
  wasReady = false
  /** Whether it was ended on account of a task that had to stop, or of the worker. */
  wasTerminated = false
  readonly #options: ThreadOptions
  readonly #events: ProcessEvents
  readonly #child: ChildProcess
  #cause: ProcessEnd | null = null
  #isSealed: boolean
  #stderrTail = ''
  #idle: NodeJS.Timeout | null = null

  constructor(number: number, options: ThreadOptions, events: ProcessEvents) {
    this.number = number
    this.#options = options
    this.#events = events
    const { modules, keyFile, allowPlain, resultBytesMax, memoryMb, env } = options
    this.#isSealed = keyFile !== null
    const child = fork(PROCESS_MODULE, [], {
      execArgv: [...process.execArgv, `--max-old-space-size=${memoryMb}`],
      env,
      serialization: 'advanced',
      // A group of its own. Ctrl-C on the terminal is the worker's to hear.
      detached: true,
      // The last one but one ends when this process does, whatever it died of.
      stdio: ['ignore', 'inherit', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    child.stderr!.on('data', (bytes: Buffer) => this.#onStderr(bytes))
    for (const stream of [child.stderr!, child.stdio[3]!]) stream.on('error', () => {})
    child.on('message', (message) => this.#onMessage(message as FlatList | ReportList | ThreadNews))
    child.on('exit', (code, signal) => this.#onExit(code, signal))
    child.on('error', (error) => {
      // A message that it no longer takes is told by its exit; one that could not be started has none.
      if (child.pid === undefined)
        this.#end({ name: 'ProcessCrashed', message: `it could not be started: ${error.message}` })
    })
    this.#send({ modules, keyFile, allowPlain, resultBytesMax } satisfies ProcessSetup)
  }

  get isFree(): boolean {
    return this.state === 'ready' && this.held === null
  }

  hand(held: Held): void {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#idle = null
    held.state = 'inbox'
    held.thread = this.number
    held.position = POSITION
    this.held = held
    this.handedAtMs = performance.now()
    this.#stderrTail = ''
    const list: FlatList = [TAG.tasks]
    pushTask(list, held)
    this.#send(list)
  }

  abort(name: string, message: string): void {
    this.#send([TAG.stop, POSITION, name, message])
  }

  /** Ends it when it is not handed anything meanwhile. */
  endAfter(ms: number): void {
    this.#idle ??= setTimeout(() => this.terminate(), ms)
    this.#idle.unref()
  }

  /** Ends it when it uses too much memory; to be called every WATCHDOG_MS while it runs something. Where there is no /proc only V8's limit counts. */
  watchMemory(): void {
    const { memoryMb } = this.#options
    if (this.state !== 'ready' || residentMb(this.#child.pid!) <= memoryMb) return
    this.#cause = { error: outOfMemory(memoryMb), causeKnown: false, isGuilty: true }
    this.#kill()
  }

  /** Ends it and all that it started, whatever it is doing; `ended` follows. */
  terminate(): void {
    if (this.state === 'ended' || this.state === 'ending') return
    this.wasTerminated = true
    this.#kill()
  }

  #kill(): void {
    this.state = 'ending'
    this.#killGroup()
  }

  #killGroup(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL')
    } catch {
      // Nobody of the group is left, or it could not be started.
      this.#child.kill('SIGKILL')
    }
  }

  #send(message: object): void {
    // Where that fails it is ending, and its exit says the rest.
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  #onMessage(message: FlatList | ReportList | ThreadNews): void {
    if (Array.isArray(message)) {
      if (message[0] === TAG.results) this.#onResults(message as FlatList)
      else if (message[0] === TAG.reports) this.#onReports(message as ReportList)
    } else if ('ready' in message) {
      if (this.state !== 'starting') return
      this.state = 'ready'
      this.wasReady = true
      this.#isSealed = message.sealed
      this.#events.ready(this)
    } else if ('refused' in message) {
      this.#cause = {
        error: { name: 'ProcessCrashed', message: message.refused },
        causeKnown: false,
        isGuilty: true,
      }
    } else if ('died' in message) {
      this.#cause = { error: message.died, causeKnown: true, isGuilty: message.guilty === POSITION }
    }
  }

  #onResults(list: FlatList): void {
    const { held } = this
    // What a process says that is being ended is void: it comes back with the end.
    if (held === null || this.state !== 'ready') return
    this.held = null
    this.#events.result(this, held, list[2] as number, list[3] as string, list[4] as number)
  }

  #onReports([, ...reports]: ReportList): void {
    if (this.held !== null) for (const report of reports) this.#events.report(this.held, report)
  }

  #onStderr(bytes: Buffer): void {
    process.stderr.write(bytes)
    this.#stderrTail = (this.#stderrTail + bytes.toString()).slice(-PROCESS_STDERR_LENGTH_MAX)
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    // What it started has nobody any more who wants its work.
    this.#killGroup()
    const { memoryMb } = this.#options
    if (this.#stderrTail.includes('JavaScript heap out of memory')) this.#end(outOfMemory(memoryMb))
    else {
      const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`
      this.#end({ name: 'ProcessCrashed', message: `its process ${how} while it ran` })
    }
  }

  #end(seen: TaskError): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    if (this.#idle !== null) clearTimeout(this.#idle)
    const { held } = this
    this.held = null
    if (held !== null) held.runMs = performance.now() - this.handedAtMs
    const cause = this.#cause ?? { error: this.#withEvidence(seen), causeKnown: false, isGuilty: true }
    this.#events.ended(this, held, cause)
  }

  /** What a handler wrote to standard error may be about its data; where that is sealed it is no evidence for others. */
  #withEvidence(error: TaskError): TaskError {
    const tail = this.#stderrTail.trim().toWellFormed()
    if (tail === '' || this.#isSealed) return error
    return { ...error, stack: `the last that it wrote to standard error:\n${tail}` }
  }
}

/** 0 where it cannot be told: the process is gone, or this system has no /proc. */
function residentMb(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes ?? 0) / 1_024
  } catch {
    return 0
  }
}

function outOfMemory(memoryMb: number): TaskError {
  return { name: 'OutOfMemory', message: `its process used more than its ${memoryMb} MB of memory` }
}
