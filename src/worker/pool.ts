/**
 * The threads and who runs what: hands waiting deliveries to the least loaded thread, replaces threads that end, and turns every end
 * of an attempt (result, crash, stop) into its outcome.
 *
 * Who is to blame when a thread ends: the task on whose behalf the fatal code ran, if the thread could still say so; otherwise the
 * only one that was running. When several were running and nobody knows (out of memory), each of them runs again alone, so that
 * the guilty one shows itself and no innocent is charged.
 *
 * Invariant: every delivery handed to the pool leaves it exactly once, by `attemptEnded` or as the answer to a call that takes it out.
 * Time here is real (performance.now), whatever clock the tasks go by: the threads run in it.
 */

import { ChasquiError } from '../task/errors.ts'
import {
  THREAD_END_MS,
  THREAD_RESTART_MAX_MS,
  THREAD_RESTART_MIN_MS,
  THREAD_START_FAILURES_MAX,
  THREAD_START_MS,
  WATCHDOG_MS,
} from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import type { ThreadReport, TypeFacts } from './hand-over.ts'
import {
  crashedOutcome,
  type Held,
  outcomeOf,
  releasedOutcome,
  type StopReason,
  stoppedOutcome,
  stopSignal,
} from './held.ts'
import { type ThreadEnd, type ThreadEvents, ThreadHost, type ThreadOptions } from './thread-host.ts'
import { WaitingLine } from './waiting-line.ts'

export interface PoolOptions {
  readonly slots: number
  readonly threads: number
  readonly stopGraceMs: number
  readonly thread: ThreadOptions
}

export interface PoolEvents {
  /** An attempt has ended; the pool no longer has it. */
  attemptEnded(held: Held, outcome: Outcome): void
  report(held: Held, report: ThreadReport): void
  /** Every WATCHDOG_MS while the pool has something. */
  tick(idleMs: number): void
  /** A thread is gone and will be replaced after `delayMs`. */
  threadEnded(thread: number, why: string, delayMs: number): void
  /** Threads cannot be started any more. */
  failed(error: ChasquiError): void
}

/** How long a thread is kept free of new tasks for one that must run alone, before another thread is tried. */
const RESERVATION_MS = 100

/** The place of a thread; its occupants follow one another. */
interface Seat {
  host: ThreadHost
  startTimer: NodeJS.Timeout | null
  restartTimer: NodeJS.Timeout | null
  /** Threads in a row that ended before they brought any result. */
  fruitless: number
}

export class Pool implements ThreadEvents {
  readonly #options: PoolOptions
  readonly #events: PoolEvents
  readonly #seats: Seat[] = []
  readonly #shared = new WaitingLine()
  readonly #alone = new WaitingLine()
  #reserved: ThreadHost | null = null
  #reservedAtMs = 0
  #opening: { resolve: (types: readonly TypeFacts[]) => void; reject: (error: ChasquiError) => void } | null =
    null
  #startFailures = 0
  #closed = false
  #dispatchPlanned = false
  #ticker: NodeJS.Timeout | null = null
  #lastResultMs = performance.now()
  #onGone: (() => void) | null = null

  constructor(options: PoolOptions, events: PoolEvents) {
    this.#options = options
    this.#events = events
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

  /** Unstarted and running. */
  get size(): number {
    return this.#seats.reduce((sum, seat) => sum + seat.host.inHand, this.#shared.length + this.#alone.length)
  }

  get threadsReady(): number {
    return this.#seats.filter((seat) => seat.host.state === 'ready').length
  }

  get running(): number {
    let count = 0
    for (const { host } of this.#seats) host.eachRunning(() => count++)
    return count
  }

  add(held: Held): void {
    this.#wait(held)
    this.#planDispatch()
  }

  /**
   * Ends this attempt. True: it had not been started and is out of the pool now. False: its signal is aborted, and `attemptEnded`
   * follows, after the grace at the latest.
   */
  stop(held: Held, reason: StopReason): boolean {
    if (held.state === 'waiting') {
      ;(held.alone ? this.#alone : this.#shared).remove(held)
      return true
    }
    const { host } = this.#seats[held.thread - 1]!
    if (host.takeBack(held)) return true
    if (held.stop === null) {
      held.stop = reason
      held.stoppedAtMs = performance.now()
      if (host.isRunning(held)) host.abort(held, ...stopSignal(held))
    }
    return false
  }

  stopAll(reason: StopReason): void {
    for (const { host } of this.#seats) host.eachRunning((held) => this.stop(held, reason))
  }

  /** Takes unstarted deliveries out, the last ones first, until the pool has no more than `keep` or nothing unstarted. */
  takeOut(keep: number): Held[] {
    const out: Held[] = []
    let surplus = this.size - keep
    for (const line of [this.#shared, this.#alone]) {
      for (; surplus > 0 && line.length > 0; surplus--) out.push(line.pop()!)
    }
    if (surplus <= 0) return out
    for (const held of this.#unstarted()) {
      if (surplus <= 0) break
      if (!this.#seats[held.thread - 1]!.host.takeBack(held)) continue
      out.push(held)
      surplus--
    }
    return out
  }

  /** Terminates all threads; resolves when they are gone. What they had comes by `attemptEnded`. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      for (const seat of this.#seats) {
        if (seat.restartTimer !== null) clearTimeout(seat.restartTimer)
        seat.host.terminate()
      }
      for (const held of this.takeOut(0)) this.#end(held, releasedOutcome(held))
    }
    return new Promise((resolve) => {
      this.#onGone = resolve
      // A thread in native code may never end; the tick gives it up.
      this.#startTicking()
      this.#checkGone()
    })
  }

  // ---- events of the threads --------------------------------------------------------------------------------

  ready(host: ThreadHost, types: readonly TypeFacts[]): void {
    this.#clearStartTimer(host)
    this.#startFailures = 0
    if (this.#opening !== null && this.threadsReady === this.#seats.length) {
      this.#opening.resolve(types)
      this.#opening = null
    }
    this.#dispatch()
  }

  result(host: ThreadHost, held: Held, kind: number, text: string, runMs: number): void {
    held.runMs = runMs
    this.#seats[host.number - 1]!.fruitless = 0
    this.#end(held, outcomeOf(held, kind, text))
  }

  turned(): void {
    this.#lastResultMs = performance.now()
    if (this.#shared.length > 0 || this.#alone.length > 0) this.#dispatch()
  }

  report(held: Held, report: ThreadReport): void {
    this.#events.report(held, report)
  }

  ended(host: ThreadHost, end: ThreadEnd): void {
    const seat = this.#seats[host.number - 1]!
    this.#clearStartTimer(host)
    if (this.#reserved === host) this.#reserved = null
    for (const held of end.unstarted) {
      if (this.#closed) this.#end(held, releasedOutcome(held))
      else this.#wait(held)
    }
    for (const held of end.finished) {
      this.#end(held, held.stop === null ? releasedOutcome(held) : stoppedOutcome(held))
    }
    const suspects = end.started.filter((held) => held.stop === null)
    for (const held of end.started) {
      if (held.stop !== null) this.#end(held, stoppedOutcome(held))
      else if (host.wasTerminated) this.#end(held, releasedOutcome(held))
      else if (held === end.guilty || (!end.causeKnown && suspects.length === 1)) {
        this.#end(held, crashedOutcome(held, end.error))
      } else if (end.causeKnown || this.#closed) this.#end(held, releasedOutcome(held))
      else {
        held.alone = true
        this.#wait(held)
      }
    }
    if (this.#closed) this.#checkGone()
    else this.#replace(seat, host, end)
  }

  // ---- threads ----------------------------------------------------------------------------------------------

  #start(number: number, slots: number): Pick<Seat, 'host' | 'startTimer'> {
    const host = new ThreadHost(number, slots, this.#options.thread, this)
    return { host, startTimer: setTimeout(() => host.terminate(), THREAD_START_MS) }
  }

  #clearStartTimer(host: ThreadHost): void {
    const seat = this.#seats[host.number - 1]!
    if (seat.startTimer !== null) clearTimeout(seat.startTimer)
    seat.startTimer = null
  }

  #replace(seat: Seat, host: ThreadHost, end: ThreadEnd): void {
    if (!host.wasReady) {
      const why =
        host.refused ??
        (host.wasTerminated
          ? `the handler modules were not loaded after ${THREAD_START_MS} ms`
          : `a thread ended while it loaded the handler modules: ${end.error.message}`)
      this.#startFailures++
      if (this.#opening !== null || this.#startFailures >= THREAD_START_FAILURES_MAX) {
        const error = new ChasquiError('CONFIG_INVALID', why)
        if (this.#opening === null) this.#events.failed(error)
        else this.#opening.reject(error)
        this.#opening = null
        return
      }
    }
    const delayMs =
      seat.fruitless === 0
        ? 0
        : Math.min(THREAD_RESTART_MIN_MS * 2 ** (seat.fruitless - 1), THREAD_RESTART_MAX_MS)
    seat.fruitless++
    this.#events.threadEnded(
      host.number,
      host.wasTerminated ? 'it was terminated' : end.error.message,
      delayMs,
    )
    seat.restartTimer = setTimeout(() => {
      seat.restartTimer = null
      Object.assign(seat, this.#start(host.number, host.slots))
    }, delayMs)
    this.#planDispatch()
  }

  #checkGone(): void {
    if (this.#onGone === null || this.#seats.some((seat) => seat.host.state !== 'ended')) return
    this.#stopTicking()
    this.#onGone()
  }

  // ---- who runs what ----------------------------------------------------------------------------------------

  #wait(held: Held): void {
    ;(held.alone ? this.#alone : this.#shared).push(held)
    this.#startTicking()
  }

  #end(held: Held, outcome: Outcome): void {
    held.state = 'ended'
    this.#events.attemptEnded(held, outcome)
  }

  /** At the end of the running callback, so that deliveries that come together leave together. */
  #planDispatch(): void {
    if (this.#dispatchPlanned) return
    this.#dispatchPlanned = true
    queueMicrotask(() => {
      this.#dispatchPlanned = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    if (this.#closed) return
    if (this.#alone.length === 0) this.#reserved = null
    while (this.#alone.length + this.#shared.length > 0) {
      if (!(this.#aloneIsNext() ? this.#handAlone() || this.#handShared() : this.#handShared())) break
    }
    for (const { host } of this.#seats) host.flush()
  }

  #aloneIsNext(): boolean {
    const alone = this.#alone.first
    const shared = this.#shared.first
    return alone !== undefined && (shared === undefined || alone.order < shared.order)
  }

  /** A thread with nothing else in it; while there is none, one is kept free of new tasks until it is. */
  #handAlone(): boolean {
    const free = this.#seats.find(({ host }) => host.state === 'ready' && host.inHand === 0)?.host
    if (free === undefined) {
      if (this.#reserved?.state !== 'ready') this.#reserve(this.#leastLoaded())
      return false
    }
    this.#reserve(null)
    free.runsAlone = true
    free.hand(this.#alone.shift()!)
    return true
  }

  #reserve(host: ThreadHost | null): void {
    this.#reserved = host
    this.#reservedAtMs = performance.now()
  }

  #handShared(): boolean {
    if (this.#shared.length === 0) return false
    // A reservation holds only while the one that waits alone came first.
    const reserved = this.#aloneIsNext() ? this.#reserved : null
    const host = this.#leastLoaded(reserved)
    if (host === null) return false
    host.hand(this.#shared.shift()!)
    return true
  }

  #leastLoaded(except: ThreadHost | null = null): ThreadHost | null {
    let best: ThreadHost | null = null
    for (const { host } of this.#seats) {
      if (host.state !== 'ready' || host.runsAlone || host.isFull || host === except) continue
      if (best === null || host.inHand * best.slots < best.inHand * host.slots) best = host
    }
    return best
  }

  /** Handed over, not started; those that came last first. */
  #unstarted(): Held[] {
    return this.#seats.flatMap(({ host }) => host.unstarted()).sort((a, b) => b.order - a.order)
  }

  // ---- the watchdog -----------------------------------------------------------------------------------------

  #startTicking(): void {
    this.#ticker ??= setInterval(() => this.#tick(), WATCHDOG_MS)
  }

  #stopTicking(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    this.#ticker = null
  }

  #tick(): void {
    const nowMs = performance.now()
    for (const { host } of this.#seats) {
      if (host.state === 'ending' && nowMs - host.endingSinceMs > THREAD_END_MS) host.giveUp()
      host.eachRunning((held, runningMs) => {
        if (held.stop === null) {
          if (held.timeoutMs !== null && runningMs >= held.timeoutMs) this.stop(held, 'timedOut')
        } else if (nowMs - held.stoppedAtMs >= this.#options.stopGraceMs) host.terminate()
      })
    }
    if (this.#closed) return
    if (this.#reserved !== null && nowMs - this.#reservedAtMs > RESERVATION_MS) this.#moveReservation()
    this.#spread()
    if (this.size === 0) this.#stopTicking()
    else this.#events.tick(nowMs - this.#lastResultMs)
  }

  /** The reserved thread is busy with something long: perhaps the next one gets free sooner. */
  #moveReservation(): void {
    const from = this.#seats.findIndex(({ host }) => host === this.#reserved)
    const others = [...this.#seats.slice(from + 1), ...this.#seats.slice(0, from)]
    const next = others.find(({ host }) => host.state === 'ready' && !host.runsAlone)
    this.#reserve(next?.host ?? this.#reserved)
    this.#dispatch()
  }

  /** A slot is free while tasks wait behind a long one in another thread: they move. */
  #spread(): void {
    if (this.#shared.length > 0) return
    let free = 0
    for (const { host } of this.#seats) {
      if (host.state === 'ready' && !host.runsAlone && host !== this.#reserved) {
        free += Math.max(0, host.slots - host.inHand)
      }
    }
    if (free === 0) return
    for (const held of this.#unstarted()) {
      const { host } = this.#seats[held.thread - 1]!
      // Within its slots it is about to start where it is.
      if (free === 0) break
      if (host.inHand <= host.slots || !host.takeBack(held)) continue
      this.#shared.push(held)
      free--
    }
    if (this.#shared.length > 0) this.#dispatch()
  }
}
