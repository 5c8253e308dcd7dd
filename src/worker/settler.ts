/**
 * Outcomes on their way to the engine: one settle a turn, a few under way, and again after a failure until each one is answered.
 * Settling twice is safe (engine.ts), so a lost answer costs a repetition and never a result.
 *
 * Invariant: every outcome that was added is answered for exactly once: `settled` with the engine's answer, or with null when it
 * could not be recorded (engine closed, or unreachable for OUTCOME_KEEP_MS); then the engine's own lease decides.
 * Bounded: no more outcomes than deliveries, and those are bounded by the credit of the consumer.
 */

import type { Engine, Settlement } from '../engine/engine.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import {
  BATCH_ENTRIES_MAX,
  OUTCOME_KEEP_MS,
  SETTLE_LENGTH_MAX,
  SETTLE_TIMEOUT_MS,
  SETTLES_IN_FLIGHT_MAX,
} from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Log } from '../telemetry/log.ts'
import type { Held } from './held.ts'
import { RetryPace } from './retry-pace.ts'

export interface SettlerOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly random: () => number
  readonly log: Pick<Log, 'event'>
  /** Before every settle: what must reach the engine first (reports of the same tasks). */
  readonly before: () => void
  readonly settled: (held: Held, outcome: Outcome, settlement: Settlement | null) => void
}

interface Entry {
  readonly held: Held
  outcome: Outcome
  readonly addedAtMs: number
  /** The engine refused a batch with it: it goes by itself. */
  single: boolean
  /** Refused by itself as well, and replaced by an error that says so. */
  replaced: boolean
}

export class Settler {
  readonly #options: SettlerOptions
  readonly #pace: RetryPace
  #queue: Entry[] = []
  #underWay = 0
  #unanswered = 0
  #flushPlanned = false
  #pause: Timer | null = null
  #closed = false
  #whenIdle: (() => void)[] = []

  constructor(options: SettlerOptions) {
    this.#options = options
    this.#pace = new RetryPace(options.random)
  }

  /** Outcomes that are not answered. */
  get size(): number {
    return this.#unanswered
  }

  add(held: Held, outcome: Outcome): void {
    this.#unanswered++
    const entry = {
      held,
      outcome,
      addedAtMs: this.#options.clock.nowMs(),
      single: false,
      replaced: false,
    }
    if (this.#closed) this.#answer(entry, null)
    else {
      this.#queue.push(entry)
      this.#planFlush()
    }
  }

  /** The engine can be reached again: no need to wait out the pause. */
  resume(): void {
    this.#pause?.cancel()
    this.#pause = null
    this.#flush()
  }

  /** Resolves when every outcome is answered. */
  idle(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /** Gives up what is not answered. */
  close(): void {
    this.#closed = true
    this.#pause?.cancel()
    for (const entry of this.#queue.splice(0)) this.#answer(entry, null)
  }

  /** After the callbacks of this turn, so that what several threads send in it goes together. */
  #planFlush(): void {
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    setImmediate(() => {
      this.#flushPlanned = false
      this.#flush()
    })
  }

  #flush(): void {
    while (
      this.#queue.length > 0 &&
      this.#underWay < SETTLES_IN_FLIGHT_MAX &&
      this.#pause === null &&
      !this.#closed
    ) {
      this.#options.before()
      this.#send(this.#nextBatch())
    }
  }

  #nextBatch(): Entry[] {
    let count = 0
    for (let length = 0; count < this.#queue.length && count < BATCH_ENTRIES_MAX; count++) {
      const { outcome, single } = this.#queue[count]!
      length += outcome.kind === 'returned' ? outcome.valueText.length : 0
      if (count > 0 && (single || length > SETTLE_LENGTH_MAX)) break
      if (single) {
        count++
        break
      }
    }
    if (count === this.#queue.length) {
      const all = this.#queue
      this.#queue = []
      return all
    }
    return this.#queue.splice(0, count)
  }

  #send(batch: Entry[]): void {
    this.#underWay++
    let over = false
    const finish = (settlements: readonly Settlement[] | null, error?: unknown) => {
      if (over) return
      over = true
      timer.cancel()
      this.#underWay--
      if (settlements === null) this.#failed(batch, error)
      else {
        this.#pace.succeeded()
        for (let at = 0; at < batch.length; at++) this.#answer(batch[at]!, settlements[at] ?? null)
      }
      this.#flush()
    }
    const { clock, engine } = this.#options
    const timer = clock.at(clock.nowMs() + SETTLE_TIMEOUT_MS, () =>
      finish(null, new ChasquiError('TIMEOUT', `no answer to a settlement in ${SETTLE_TIMEOUT_MS} ms`)),
    )
    engine.settle(batch.map(({ outcome }) => outcome)).then(
      (settlements) => finish(settlements),
      (error) => finish(null, error),
    )
  }

  #failed(batch: Entry[], error: unknown): void {
    const code = error instanceof ChasquiError ? error.code : null
    if (this.#closed || code === 'CLOSED') {
      for (const entry of batch) this.#answer(entry, null)
    } else if (error instanceof ChasquiError && error.retryable) {
      this.#keep(batch, error)
    } else {
      this.#refused(batch, error)
    }
  }

  /** The engine is away or busy: the same again, later. */
  #keep(batch: Entry[], error: ChasquiError): void {
    const { clock, log } = this.#options
    const oldestMs = clock.nowMs() - OUTCOME_KEEP_MS
    const kept = batch.filter((entry) => {
      if (entry.addedAtMs >= oldestMs) return true
      log.event('worker.outcome-lost', { id: entry.outcome.id, reason: error.message })
      this.#answer(entry, null)
      return false
    })
    this.#queue.unshift(...kept)
    if (this.#pause !== null || this.#queue.length === 0) return
    const delayMs = Math.max(this.#pace.nextMs(), error.retryAfterMs ?? 0)
    this.#pause = clock.at(clock.nowMs() + delayMs, () => this.resume())
  }

  /** The engine does not take this, now or ever: find the one that it minds and say so in its place. */
  #refused(batch: Entry[], error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const [only] = batch
    if (batch.length === 1 && only !== undefined) {
      this.#options.log.event('worker.outcome-refused', { id: only.outcome.id, reason: message })
      if (only.replaced) {
        this.#answer(only, null)
        return
      }
      const { id, epoch } = only.outcome
      const name = error instanceof ChasquiError ? error.code : 'INTERNAL'
      const said = { name, message: `its outcome could not be recorded: ${message}` }
      only.outcome = { id, epoch, kind: 'threw', error: said, retryable: false }
      only.replaced = true
    }
    for (const entry of batch) entry.single = true
    this.#queue.unshift(...batch)
  }

  #answer(entry: Entry, settlement: Settlement | null): void {
    this.#unanswered--
    this.#options.settled(entry.held, entry.outcome, settlement)
    if (this.#unanswered === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}
