/**
 * Who runs what: hands waiting deliveries to the least loaded thread, watches how long each one runs, and turns every end of an
 * attempt (result, stop, end of its thread) into its outcome.
 *
 * Invariant: every delivery handed to the pool leaves it exactly once, by `attemptEnded` or as the answer to a call that takes it
 * out. Time here is real (performance.now), whatever clock the tasks go by: the threads run in it.
 */

import type { ChasquiError } from '../task/errors.ts'
import { WATCHDOG_MS } from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import { blame } from './blame.ts'
import { Crew, type CrewEvents, type CrewOptions } from './crew.ts'
import type { ThreadReport, TypeFacts } from './hand-over.ts'
import { type Held, outcomeOf, releasedOutcome, type StopReason, stoppedOutcome, stopSignal } from './held.ts'
import { ProcessPool } from './process-pool.ts'
import type { ThreadEnd, ThreadHost, ThreadOptions } from './thread-host.ts'
import { WaitingLine } from './waiting-line.ts'

export interface PoolOptions extends CrewOptions {
  readonly stopGraceMs: number
  /** Of handler processes. */
  readonly process: ThreadOptions
  readonly processIdleMs: number
}

export interface PoolEvents {
  /** An attempt has ended; the pool no longer has it. */
  attemptEnded(held: Held, outcome: Outcome): void
  report(held: Held, report: ThreadReport): void
  /** Every WATCHDOG_MS while the pool has something; `idleMs` is how long no attempt has ended. */
  tick(idleMs: number): void
  /** A thread is gone and will be replaced after `delayMs`. */
  replaced(thread: number, why: string, delayMs: number): void
  /** Threads cannot be started any more. */
  failed(error: ChasquiError): void
}

/** How long a thread is kept free of new tasks for one that must run alone, before another thread is tried. */
const RESERVATION_MS = 100

export class Pool implements CrewEvents {
  readonly #options: PoolOptions
  readonly #events: PoolEvents
  readonly #crew: Crew
  readonly #processes: ProcessPool
  readonly #shared = new WaitingLine()
  readonly #alone = new WaitingLine()
  /** Gets nothing new until it is empty, for the first of those that run alone. */
  #reserved: ThreadHost | null = null
  #reservedAtMs = 0
  #closed = false
  #dispatchPlanned = false
  #ticker: NodeJS.Timeout | null = null
  #lastResultMs = 0

  constructor(options: PoolOptions, events: PoolEvents) {
    this.#options = options
    this.#events = events
    this.#crew = new Crew(options, this)
    const { slots, stopGraceMs, process, processIdleMs: idleMs } = options
    this.#processes = new ProcessPool({ max: slots, stopGraceMs, process, idleMs }, this)
  }

  /** As Crew.open. */
  open(): Promise<readonly TypeFacts[]> {
    return this.#crew.open()
  }

  /** Unstarted and running. */
  get size(): number {
    const waiting = this.#shared.length + this.#alone.length
    return this.#crew.hosts.reduce((sum, host) => sum + host.inHand, waiting + this.#processes.size)
  }

  get threadsReady(): number {
    return this.#crew.hosts.filter((host) => host.state === 'ready').length
  }

  get processes(): number {
    return this.#processes.count
  }

  get running(): number {
    let count = this.#processes.running
    for (const host of this.#crew.hosts) host.eachRunning(() => count++)
    return count
  }

  add(held: Held): void {
    if (held.apart) {
      this.#startTicking()
      this.#processes.add(held)
      return
    }
    this.#wait(held)
    this.#planDispatch()
  }

  /**
   * Ends this attempt. True: it had not been started and is out of the pool now. False: its signal is aborted, and `attemptEnded`
   * follows, after the grace at the latest.
   */
  stop(held: Held, reason: StopReason): boolean {
    if (held.apart) return this.#processes.stop(held, reason)
    if (held.state === 'waiting') {
      this.#lineOf(held).remove(held)
      return true
    }
    const host = this.#crew.host(held.thread)
    if (host.takeBack(held)) return true
    if (held.stop === null) {
      held.stop = reason
      held.stoppedAtMs = performance.now()
      if (host.isRunning(held)) host.abort(held, ...stopSignal(held))
    }
    return false
  }

  stopAll(reason: StopReason): void {
    this.#processes.stopAll(reason)
    for (const host of this.#crew.hosts) host.eachRunning((held) => this.stop(held, reason))
  }

  /** Takes unstarted deliveries out, the last ones first, until the pool has no more than `keep` or nothing unstarted. */
  takeOut(keep: number): Held[] {
    const out: Held[] = []
    let surplus = this.size - keep
    for (const line of [this.#shared, this.#alone]) {
      for (; surplus > 0 && line.length > 0; surplus--) out.push(line.pop()!)
    }
    const waiting = this.#processes.takeOut(surplus)
    out.push(...waiting)
    surplus -= waiting.length
    if (surplus <= 0) return out
    for (const held of this.#unstarted()) {
      if (surplus <= 0) break
      if (!this.#crew.host(held.thread).takeBack(held)) continue
      out.push(held)
      surplus--
    }
    return out
  }

  /** Terminates all threads; resolves when they are gone. What they had comes by `attemptEnded`. Repeatable. */
  async close(): Promise<void> {
    this.#closed = true
    for (const held of this.takeOut(0)) this.#end(held, releasedOutcome(held))
    // A thread in native code may never end; the tick gives it up.
    this.#startTicking()
    await Promise.all([this.#crew.close(), this.#processes.close()])
    if (this.#ticker !== null) clearInterval(this.#ticker)
    this.#ticker = null
  }

  // ---- events of the threads --------------------------------------------------------------------------------

  ready(): void {
    this.#dispatch()
  }

  result(_host: ThreadHost, held: Held, kind: number, text: string, runMs: number): void {
    held.runMs = runMs
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
    if (this.#reserved === host) this.#reserved = null
    for (const held of end.unstarted) this.#again(held)
    for (const held of end.finished) {
      this.#end(held, held.stop === null ? releasedOutcome(held) : stoppedOutcome(held))
    }
    for (const held of end.started) {
      const outcome = blame(held, end, host.wasTerminated)
      if (outcome !== 'suspect') this.#end(held, outcome)
      else {
        held.alone = true
        this.#again(held)
      }
    }
    this.#planDispatch()
  }

  replaced(thread: number, why: string, delayMs: number): void {
    this.#events.replaced(thread, why, delayMs)
  }

  failed(error: ChasquiError): void {
    this.#events.failed(error)
  }

  processEnded(held: Held, outcome: Outcome): void {
    this.#lastResultMs = performance.now()
    this.#end(held, outcome)
  }

  #again(held: Held): void {
    if (this.#closed) this.#end(held, releasedOutcome(held))
    else this.#wait(held)
  }

  #end(held: Held, outcome: Outcome): void {
    held.state = 'ended'
    this.#events.attemptEnded(held, outcome)
  }

  // ---- who runs what ----------------------------------------------------------------------------------------

  #lineOf(held: Held): WaitingLine {
    return held.alone ? this.#alone : this.#shared
  }

  #wait(held: Held): void {
    this.#lineOf(held).push(held)
    this.#startTicking()
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
    const { hosts } = this.#crew
    while (this.#alone.length + this.#shared.length > 0) {
      const handed = this.#aloneIsNext()
        ? this.#handAlone(hosts) || this.#handShared(hosts, this.#reserved)
        : this.#handShared(hosts, null)
      if (!handed) break
    }
    for (const host of hosts) host.flush()
  }

  #aloneIsNext(): boolean {
    const alone = this.#alone.first
    const shared = this.#shared.first
    return alone !== undefined && (shared === undefined || alone.order < shared.order)
  }

  /** To a thread with nothing else in it; while there is none, one is kept free of new tasks until it is. */
  #handAlone(hosts: readonly ThreadHost[]): boolean {
    const free = hosts.find((host) => host.state === 'ready' && host.inHand === 0)
    if (free === undefined) {
      if (this.#reserved?.state !== 'ready') this.#reserve(leastLoaded(hosts, null))
      return false
    }
    this.#reserved = null
    free.runsAlone = true
    free.hand(this.#alone.shift()!)
    return true
  }

  #handShared(hosts: readonly ThreadHost[], except: ThreadHost | null): boolean {
    const host = this.#shared.length === 0 ? null : leastLoaded(hosts, except)
    host?.hand(this.#shared.shift()!)
    return host !== null
  }

  #reserve(host: ThreadHost | null): void {
    this.#reserved = host
    this.#reservedAtMs = performance.now()
  }

  /** Handed over, not started; those that came last first. */
  #unstarted(): Held[] {
    return this.#crew.hosts.flatMap((host) => host.unstarted()).sort((a, b) => b.order - a.order)
  }

  // ---- the watchdog -----------------------------------------------------------------------------------------

  #startTicking(): void {
    if (this.#ticker !== null) return
    this.#lastResultMs = performance.now()
    this.#ticker = setInterval(() => this.#tick(), WATCHDOG_MS)
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#crew.giveUpStuck()
    this.#processes.tick(nowMs)
    for (const host of this.#crew.hosts) {
      host.watchMemory()
      host.eachRunning((held, runningMs) => {
        if (held.stop !== null) {
          if (nowMs - held.stoppedAtMs >= this.#options.stopGraceMs) host.terminate()
        } else if (held.timeoutMs !== null && runningMs >= held.timeoutMs) this.stop(held, 'timedOut')
      })
    }
    if (this.#closed) return
    if (this.#reserved !== null && nowMs - this.#reservedAtMs > RESERVATION_MS) this.#moveReservation()
    this.#spread()
    if (this.size > 0 || this.#crew.hosts.some((host) => host.state === 'ending')) {
      this.#events.tick(nowMs - this.#lastResultMs)
    } else {
      clearInterval(this.#ticker!)
      this.#ticker = null
    }
  }

  /** The reserved thread is busy with something long: perhaps the next one gets free sooner. */
  #moveReservation(): void {
    const { hosts } = this.#crew
    const from = hosts.indexOf(this.#reserved!)
    const others = [...hosts.slice(from + 1), ...hosts.slice(0, from)]
    this.#reserve(others.find((host) => host.state === 'ready' && !host.runsAlone) ?? this.#reserved)
    this.#dispatch()
  }

  /** A slot is free while tasks wait behind a long one in another thread: they move. */
  #spread(): void {
    if (this.#shared.length > 0) return
    let free = 0
    for (const host of this.#crew.hosts) {
      if (host.state === 'ready' && !host.runsAlone && host !== this.#reserved) {
        free += Math.max(0, host.slots - host.inHand)
      }
    }
    if (free === 0) return
    for (const held of this.#unstarted()) {
      if (free === 0) break
      const host = this.#crew.host(held.thread)
      // Within its slots it is about to start where it is.
      if (host.inHand <= host.slots || !host.takeBack(held)) continue
      this.#shared.push(held)
      free--
    }
    if (this.#shared.length > 0) this.#dispatch()
  }
}

/** The one that has the fewest tasks for its slots, of those that may take more. */
function leastLoaded(hosts: readonly ThreadHost[], except: ThreadHost | null): ThreadHost | null {
  let best: ThreadHost | null = null
  for (const host of hosts) {
    if (host.state !== 'ready' || host.runsAlone || host.isFull || host === except) continue
    if (best === null || host.inHand * best.slots < best.inHand * host.slots) best = host
  }
  return best
}
