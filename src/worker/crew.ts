/**
 * The threads of a pool and their replacement: started together, each replaced when it ends, at once after it has brought results
 * and more and more slowly while it does not. Modules that cannot be loaded (any more) end the matter with one sentence.
 *
 * Invariant: every thread that was started is gone when `close` resolves, or given up as stuck in native code.
 */

import { ChasquiError } from '../task/errors.ts'
import {
  THREAD_END_MS,
  THREAD_RESTART_MAX_MS,
  THREAD_RESTART_MIN_MS,
  THREAD_START_FAILURES_MAX,
  THREAD_START_MS,
} from '../task/limits.ts'
import type { TypeFacts } from './hand-over.ts'
import { type ThreadEnd, type ThreadEvents, ThreadHost, type ThreadOptions } from './thread-host.ts'

export interface CrewOptions {
  readonly slots: number
  readonly threads: number
  readonly thread: ThreadOptions
}

export interface CrewEvents extends ThreadEvents {
  /** A thread is gone and will be replaced after `delayMs`. */
  replaced(thread: number, why: string, delayMs: number): void
  /** Threads cannot be started any more. */
  failed(error: ChasquiError): void
}

/** The place of a thread; its occupants follow one another. */
interface Seat {
  host: ThreadHost
  startTimer: NodeJS.Timeout | null
  restartTimer: NodeJS.Timeout | null
  /** Threads in a row that ended before they brought any result. */
  fruitless: number
}

export class Crew {
  readonly #options: CrewOptions
  readonly #events: CrewEvents
  readonly #threadEvents: ThreadEvents
  readonly #seats: Seat[] = []
  #opening: { resolve: (types: readonly TypeFacts[]) => void; reject: (error: ChasquiError) => void } | null =
    null
  #startFailures = 0
  #closed = false
  #whenGone: (() => void)[] = []

  constructor(options: CrewOptions, events: CrewEvents) {
    this.#options = options
    this.#events = events
    this.#threadEvents = {
      ready: (host, types) => this.#ready(host, types),
      result: (host, held, kind, text, runMs) => events.result(host, held, kind, text, runMs),
      turned: (host) => events.turned(host),
      report: (held, report) => events.report(held, report),
      ended: (host, end) => this.#ended(host, end),
    }
  }

  /**
   * Starts the threads; resolves with what their modules define once all are ready.
   * @throws ChasquiError CONFIG_INVALID with one sentence when the modules cannot be used
   */
  open(): Promise<readonly TypeFacts[]> {
    const { slots, threads } = this.#options
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
      for (let index = 0; index < threads; index++) {
        // As even as it gets: the first ones take the rest.
        const share = Math.floor(slots / threads) + (index < slots % threads ? 1 : 0)
        this.#seats.push({ ...this.#start(index + 1, share), restartTimer: null, fruitless: 0 })
      }
    })
  }

  /** The present occupant of each place; some may not be ready. */
  get hosts(): readonly ThreadHost[] {
    return this.#seats.map(({ host }) => host)
  }

  /** @param number from 1 */
  host(number: number): ThreadHost {
    return this.#seats[number - 1]!.host
  }

  /** To be called now and then while threads are ending. */
  giveUpStuck(): void {
    const sinceMs = performance.now() - THREAD_END_MS
    for (const { host } of this.#seats) {
      if (host.state === 'ending' && host.endingSinceMs < sinceMs) host.giveUp()
    }
  }

  /** Terminates all threads; resolves when they are gone. Repeatable. */
  close(): Promise<void> {
    this.#closed = true
    for (const { host, restartTimer } of this.#seats) {
      if (restartTimer !== null) clearTimeout(restartTimer)
      host.terminate()
    }
    return new Promise((resolve) => {
      this.#whenGone.push(resolve)
      this.#checkGone()
    })
  }

  #start(number: number, slots: number): Pick<Seat, 'host' | 'startTimer'> {
    const host = new ThreadHost(number, slots, this.#options.thread, this.#threadEvents)
    return { host, startTimer: setTimeout(() => host.terminate(), THREAD_START_MS) }
  }

  #ready(host: ThreadHost, types: readonly TypeFacts[]): void {
    this.#clearStartTimer(host)
    this.#startFailures = 0
    if (this.#opening !== null && this.#seats.every((seat) => seat.host.state === 'ready')) {
      this.#opening.resolve(types)
      this.#opening = null
    }
    this.#events.ready(host, types)
  }

  #ended(host: ThreadHost, end: ThreadEnd): void {
    this.#clearStartTimer(host)
    this.#events.ended(host, end)
    if (this.#closed) this.#checkGone()
    else if (host.wasReady || !this.#givesUp(host, end)) this.#replace(host, end)
  }

  /** The modules could not be loaded: at the start that is final, later only when it happens again and again. */
  #givesUp(host: ThreadHost, end: ThreadEnd): boolean {
    const why =
      host.refused ??
      (host.wasTerminated
        ? `the handler modules were not loaded after ${THREAD_START_MS} ms`
        : `a thread ended while it loaded the handler modules: ${end.error.message}`)
    const opening = this.#opening
    if (opening === null && ++this.#startFailures < THREAD_START_FAILURES_MAX) return false
    this.#opening = null
    const error = new ChasquiError('CONFIG_INVALID', why)
    if (opening === null) this.#events.failed(error)
    else opening.reject(error)
    return true
  }

  #replace(host: ThreadHost, end: ThreadEnd): void {
    const seat = this.#seats[host.number - 1]!
    if (host.broughtResults) seat.fruitless = 0
    const delayMs =
      seat.fruitless === 0
        ? 0
        : Math.min(THREAD_RESTART_MIN_MS * 2 ** (seat.fruitless - 1), THREAD_RESTART_MAX_MS)
    seat.fruitless++
    this.#events.replaced(host.number, host.wasTerminated ? 'it was terminated' : end.error.message, delayMs)
    seat.restartTimer = setTimeout(() => {
      seat.restartTimer = null
      Object.assign(seat, this.#start(host.number, host.slots))
    }, delayMs)
  }

  #clearStartTimer(host: ThreadHost): void {
    const seat = this.#seats[host.number - 1]!
    if (seat.startTimer !== null) clearTimeout(seat.startTimer)
    seat.startTimer = null
  }

  #checkGone(): void {
    if (!this.#closed || this.#seats.some(({ host }) => host.state !== 'ended')) return
    for (const resolve of this.#whenGone.splice(0)) resolve()
  }
}
