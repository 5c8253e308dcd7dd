/**
 * Who runs what in handler processes: one task at a time in each, as many processes as the worker has slots at most, started when they are
 * needed, used again while they are warm, ended when they are not.
 *
 * Invariant: every delivery handed in leaves exactly once, by `processEnded` or as the answer to a call that takes it out.
 */

import { THREAD_START_MS } from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import { blame } from './blame.ts'
import type { ThreadReport } from './hand-over.ts'
import { crashedOutcome, type Held, outcomeOf, releasedOutcome, type StopReason, stopSignal } from './held.ts'
import { type ProcessEnd, ProcessHost } from './process-host.ts'
import type { ThreadOptions } from './thread-host.ts'
import { WaitingLine } from './waiting-line.ts'

export interface ProcessPoolOptions {
  readonly max: number
  readonly stopGraceMs: number
  readonly process: ThreadOptions
  /** A process without work is ended after this long. */
  readonly idleMs: number
}

export interface ProcessPoolEvents {
  /** An attempt has ended; the pool no longer has it. */
  processEnded(held: Held, outcome: Outcome): void
  report(held: Held, report: ThreadReport): void
}

export class ProcessPool {
  readonly #options: ProcessPoolOptions
  readonly #events: ProcessPoolEvents
  readonly #line = new WaitingLine()
  readonly #hosts = new Set<ProcessHost>()
  #numbers = 0
  #closed = false
  #whenGone: (() => void)[] = []

  constructor(options: ProcessPoolOptions, events: ProcessPoolEvents) {
    this.#options = options
    this.#events = events
  }

  get size(): number {
    return this.#line.length + this.running
  }

  get running(): number {
    let count = 0
    for (const { held } of this.#hosts) if (held !== null) count++
    return count
  }

  get count(): number {
    return this.#hosts.size
  }

  add(held: Held): void {
    this.#line.push(held)
    this.#dispatch()
  }

  /** As Pool.stop. */
  stop(held: Held, reason: StopReason): boolean {
    if (held.state === 'waiting') {
      this.#line.remove(held)
      return true
    }
    if (held.stop === null) {
      held.stop = reason
      held.stoppedAtMs = performance.now()
      this.#hostOf(held)?.abort(...stopSignal(held))
    }
    return false
  }

  stopAll(reason: StopReason): void {
    for (const { held } of this.#hosts) if (held !== null) this.stop(held, reason)
  }

  /** Unstarted ones, the last ones first. */
  takeOut(count: number): Held[] {
    const out: Held[] = []
    while (out.length < count && this.#line.length > 0) out.push(this.#line.pop()!)
    return out
  }

  /** To be called every WATCHDOG_MS while there is something in the pool. */
  tick(nowMs: number): void {
    for (const host of this.#hosts) {
      if (host.state === 'starting' && nowMs - host.startedAtMs > THREAD_START_MS) host.terminate()
      const { held } = host
      if (held === null) continue
      host.watchMemory()
      if (held.stop !== null) {
        if (nowMs - held.stoppedAtMs >= this.#options.stopGraceMs) host.terminate()
      } else if (held.timeoutMs !== null && nowMs - host.handedAtMs >= held.timeoutMs) {
        this.stop(held, 'timedOut')
      }
    }
  }

  /** Kills all of them, and what they started; resolves when they are gone. What they had comes by `processEnded`. Repeatable. */
  close(): Promise<void> {
    this.#closed = true
    for (const held of this.takeOut(Number.POSITIVE_INFINITY)) {
      this.#events.processEnded(held, releasedOutcome(held))
    }
    for (const host of this.#hosts) host.terminate()
    return new Promise((resolve) => {
      this.#whenGone.push(resolve)
      this.#checkGone()
    })
  }

  #hostOf(held: Held): ProcessHost | undefined {
    for (const host of this.#hosts) if (host.held === held) return host
    return undefined
  }

  #dispatch(): void {
    if (this.#closed) return
    let starting = 0
    for (const host of this.#hosts) {
      if (host.state === 'starting') starting++
      else if (host.isFree && this.#line.length > 0) host.hand(this.#line.shift()!)
    }
    for (; starting < this.#line.length && this.#hosts.size < this.#options.max; starting++) this.#start()
  }

  #start(): void {
    this.#hosts.add(
      new ProcessHost(++this.#numbers, this.#options.process, {
        ready: (host) => this.#free(host),
        result: (host, held, kind, text, runMs) => {
          held.runMs = runMs
          this.#events.processEnded(held, outcomeOf(held, kind, text))
          this.#free(host)
        },
        report: (held, report) => this.#events.report(held, report),
        ended: (host, held, end) => this.#ended(host, held, end),
      }),
    )
  }

  #free(host: ProcessHost): void {
    this.#dispatch()
    if (host.isFree) host.endAfter(this.#options.idleMs)
  }

  #ended(host: ProcessHost, held: Held | null, end: ProcessEnd): void {
    this.#hosts.delete(host)
    if (held !== null) {
      const started = [held]
      const guilty = end.causeKnown && !end.isGuilty ? null : held
      const outcome = blame(held, { ...end, guilty, started }, host.wasTerminated)
      this.#events.processEnded(held, outcome as Outcome)
    } else if (!host.wasReady && !this.#closed && this.#line.length > 0) {
      // It was started for somebody. Charging him ends in the dead-letter set with the reason, instead of starting for ever.
      const waiting = this.#line.shift()!
      this.#events.processEnded(waiting, crashedOutcome(waiting, end.error))
    }
    this.#dispatch()
    this.#checkGone()
  }

  #checkGone(): void {
    if (!this.#closed || this.#hosts.size > 0) return
    for (const resolve of this.#whenGone.splice(0)) resolve()
  }
}
