/**
 * A worker: an engine consumer with a pool of threads. It talks to the port only, so the same code runs behind a distributor,
 * inside one process with an embedded engine, and in tests on the memory engine.
 *
 *   engine ──deliver──► worker (hands) ──► pool ──► thread ──► pool ──outcome──► settler ──settle──► engine
 *
 * The main thread holds leases and settlements and never runs user code. Invariant: every delivery is settled, once its attempt
 * has ended, was stopped, or was given back unstarted; a revoked one too, for that returns its place to the engine.
 */

import type { Consumer, Delivery, DeliverySink, Settlement } from '../engine/engine.ts'
import { ChasquiError } from '../task/errors.ts'
import { PREFETCH_WORK_MS, STOP_SETTLE_MS, THREAD_END_MS } from '../task/limits.ts'
import type { Lease, Outcome, OutcomeKind } from '../task/outcome.ts'
import { isTraced } from '../telemetry/spans.ts'
import { AttemptSpans } from './attempt-spans.ts'
import type { TypeFacts } from './hand-over.ts'
import { Hands } from './hands.ts'
import { Held, releasedOutcome } from './held.ts'
import { Intake } from './intake.ts'
import { appetite, type SettledOptions, settleOptions, type WorkerOptions } from './options.ts'
import { Pool, type PoolEvents } from './pool.ts'
import { AdaptivePrefetch } from './prefetch.ts'
import { Renewer } from './renewer.ts'
import { Reporter } from './reporter.ts'
import { Settler } from './settler.ts'
import { TaskLines } from './task-lines.ts'

export interface Worker {
  /** Resolves once tasks are taken; rejects with one sentence when the modules cannot be used, or when the worker was ended before. */
  readonly ready: Promise<void>
  /**
   * Stops taking, gives unstarted deliveries back at once, and lets running attempts finish until the deadline; then they are
   * aborted and given back, and no attempt is used up. Resolves when nothing is left: no thread, no timer. Repeatable.
   */
  drain(options?: { readonly deadlineMs?: number }): Promise<void>
  /** Gives everything back now and terminates the threads; also during a drain. Resolves likewise. */
  stopNow(): Promise<void>
  /** Resolves when the worker is gone: end of life is data. */
  readonly ended: Promise<WorkerEnd>
  stats(): WorkerStats
}

export interface WorkerEnd {
  /** `closed`: its engine was closed. */
  readonly reason: 'drained' | 'stopped' | 'closed' | 'failed'
  readonly error?: unknown
}

export interface WorkerStats {
  readonly slots: number
  readonly threads: number
  readonly threadsReady: number
  /** Threads that ended and were replaced. */
  readonly threadsReplaced: number
  /** Handler processes, for types with `isolation: 'process'`. */
  readonly processes: number
  readonly prefetch: number
  readonly connected: boolean
  /** Deliveries whose settlement is not answered. */
  readonly held: number
  readonly running: number
  readonly delivered: number
  /** Ended attempts, by what they came to. */
  readonly outcomes: Readonly<Record<OutcomeKind, number>>
  /** Outcomes that the engine did not accept, or that could not be recorded. */
  readonly unrecorded: number
  /** Of the last tasks; null before the first. */
  readonly meanRunMs: number | null
}

/**
 * Starts at once; `ready` and `ended` tell how it goes. The engine stays the caller's to close, after the worker has ended.
 * @throws ChasquiError CONFIG_INVALID when an option cannot be used
 */
export function openWorker(options: WorkerOptions): Worker {
  return new EngineWorker(options)
}

/** Something runs and nothing has ended for this long: what lies behind it is better given back. */
const STANDSTILL_MS = 2 * PREFETCH_WORK_MS

class EngineWorker implements Worker, DeliverySink {
  readonly ready: Promise<void>
  readonly ended: Promise<WorkerEnd>
  readonly #options: SettledOptions
  readonly #hands = new Hands()
  readonly #pool: Pool
  readonly #settler: Settler
  readonly #reporter: Reporter
  readonly #renewer: Renewer
  readonly #lines: TaskLines
  readonly #spans: AttemptSpans
  readonly #adaptive: AdaptivePrefetch
  #types = new Map<string, TypeFacts>()
  #intake: Intake | null = null
  #phase: 'open' | 'draining' | 'leaving' = 'open'
  #whenEmpty: (() => void) | null = null
  #order = 0
  #threadsReplaced = 0
  #unrecorded = 0
  readonly #outcomes = { returned: 0, threw: 0, timedOut: 0, crashed: 0, released: 0 }
  readonly #becomeReady: { resolve: () => void; reject: (error: unknown) => void }
  readonly #resolveEnded: (end: WorkerEnd) => void

  constructor(asked: WorkerOptions) {
    const options = settleOptions(asked)
    const { engine, clock, random, log, limits } = options
    this.#options = options
    const { promise: ready, ...becomeReady } = Promise.withResolvers<void>()
    const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<WorkerEnd>()
    // `ended` tells it too; nobody has to listen to both.
    ready.catch(() => {})
    this.ready = ready
    this.ended = ended
    this.#becomeReady = becomeReady
    this.#resolveEnded = resolveEnded
    this.#adaptive = new AdaptivePrefetch(options.concurrency)
    this.#lines = new TaskLines(log, options.taskLines, clock)
    this.#spans = new AttemptSpans(options.identity.id)
    this.#reporter = new Reporter({ engine, log, lost: (held) => this.#revoke(held) })
    this.#renewer = new Renewer({ engine, clock, hands: this.#hands, lost: (held) => this.#revoke(held) })
    this.#settler = new Settler({
      engine,
      clock,
      random,
      log,
      before: () => {
        this.#reporter.flush()
        this.#adapt()
      },
      settled: (held, outcome, settlement) => this.#settled(held, outcome, settlement),
    })
    const { threads, concurrency, modules, encryptionKeys: keyFile, allowPlain, env } = options
    const { stopGraceMs, threadMemoryMb, processMemoryMb, processIdleMs, resultBytesMax } = limits
    const thread = { modules, keyFile, allowPlain, env, memoryMb: threadMemoryMb, resultBytesMax }
    const process = { ...thread, memoryMb: processMemoryMb }
    this.#pool = new Pool(
      { slots: concurrency, threads, stopGraceMs, thread, process, processIdleMs },
      this.#poolEvents(),
    )
    void this.#open()
  }

  async #open(): Promise<void> {
    try {
      const defined = await this.#pool.open()
      if (this.#phase !== 'open') return
      this.#types = new Map(defined.map((facts) => [facts.type, facts]))
      const { engine, clock, random, log, identity, concurrency } = this.#options
      const request = { ...appetite(this.#options, defined), slots: concurrency, worker: identity }
      this.#intake = new Intake(this.#prefetch, {
        engine,
        request,
        sink: this,
        clock,
        random,
        log,
        connected: (consumer) => void this.#connected(consumer),
        ended: ({ reason, error }) =>
          this.#leave(reason === 'failed' ? { reason, error } : { reason: 'closed' }),
      })
      const { types, queues, slots } = request
      void this.ready.then(
        () => log.event('worker.ready', { types, queues, slots, threads: this.#options.threads }),
        () => {},
      )
      this.#intake.start()
    } catch (error) {
      void this.#leave({ reason: 'failed', error })
    }
  }

  get #prefetch(): number {
    const { prefetch } = this.#options
    return prefetch === 'auto' ? this.#adaptive.current : prefetch
  }

  /** What ended while the engine was away is recorded now; what still runs moves to the new consumer and is not run again. */
  async #connected(consumer: Consumer): Promise<void> {
    this.#becomeReady.resolve()
    if (this.#hands.size === 0) return
    await this.#renewer.renew(consumer.id)
    this.#settler.resume()
  }

  // ---- deliveries -------------------------------------------------------------------------------------------

  deliver(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#take(delivery)
  }

  #take(delivery: Delivery): void {
    const facts = this.#types.get(delivery.type)
    const held = new Held(delivery, facts ?? noFacts(delivery.type), this.#order)
    if (isTraced()) held.beginSpan = this.#spans.begin
    const rival = this.#hands.rivalOf(delivery)
    if (rival !== undefined) {
      // The same delivery again: deliveries are hints, too. An older one than what is in hand is void.
      if (rival.delivery.epoch === delivery.epoch) return
      if (rival.delivery.epoch > delivery.epoch) {
        this.#end(held, releasedOutcome(held))
        return
      }
      this.#revoke(rival)
    }
    this.#order++
    this.#hands.add(held)
    this.#renewer.watch(delivery.leaseMs)
    if (this.#phase !== 'open') this.#end(held, releasedOutcome(held))
    else if (facts === undefined) this.#end(held, noHandler(held))
    else this.#pool.add(held)
  }

  revoke(leases: readonly Lease[]): void {
    for (const lease of leases) {
      const held = this.#hands.find(lease)
      if (held !== undefined) this.#revoke(held)
    }
  }

  #revoke(held: Held): void {
    if (held.state !== 'ended' && this.#pool.stop(held, 'revoked')) this.#end(held, releasedOutcome(held))
  }

  // ---- attempts that ended ----------------------------------------------------------------------------------

  #poolEvents(): PoolEvents {
    return {
      attemptEnded: (held, outcome) => {
        if (outcome.kind === 'returned' || outcome.kind === 'threw') this.#adaptive.observe(held.runMs)
        this.#end(held, outcome)
      },
      report: (held, report) => this.#reporter.add(held, report),
      tick: (idleMs) => this.#noteStandstill(idleMs),
      replaced: (thread, why, delayMs) => {
        this.#threadsReplaced++
        this.#options.log.event('worker.thread-ended', { thread, delayMs, reason: why })
      },
      failed: (error) => void this.#leave({ reason: 'failed', error }),
    }
  }

  #end(held: Held, outcome: Outcome): void {
    held.state = 'ended'
    this.#outcomes[outcome.kind]++
    this.#spans.end(held, outcome)
    this.#lines.ended(held, outcome)
    this.#settler.add(held, outcome)
    if (this.#whenEmpty !== null && this.#pool.size === 0) this.#whenEmpty()
  }

  #settled(held: Held, outcome: Outcome, settlement: Settlement | null): void {
    this.#hands.remove(held)
    if (settlement?.accepted === true || outcome.kind === 'released') return
    this.#unrecorded++
    if (settlement === null || held.stop === 'revoked') return
    const { id, attempt } = held.delivery
    const state = settlement.state ?? 'unknown'
    this.#options.log.event('worker.overtaken', { id, attempt, state })
  }

  #adapt(): void {
    if (this.#options.prefetch === 'auto' && this.#phase === 'open' && this.#adaptive.adapt()) {
      this.#intake?.resize(this.#prefetch)
    }
  }

  /** What was taken for short is not: keep one a slot, and let other workers have the rest. */
  #noteStandstill(idleMs: number): void {
    if (this.#options.prefetch !== 'auto' || this.#prefetch === 1 || this.#phase !== 'open') return
    if (idleMs < STANDSTILL_MS || this.#pool.running === 0) return
    this.#adaptive.observeStandstill(idleMs)
    this.#adapt()
    this.#giveBack(this.#pool.takeOut(this.#options.concurrency))
  }

  #giveBack(unstarted: readonly Held[]): void {
    for (const held of unstarted) this.#end(held, releasedOutcome(held))
  }

  // ---- the end ----------------------------------------------------------------------------------------------

  drain({ deadlineMs = this.#options.limits.drainMs }: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (this.#phase === 'open') {
      this.#phase = 'draining'
      void this.#drain(deadlineMs)
    }
    return this.ended.then(() => {})
  }

  stopNow(): Promise<void> {
    void this.#leave({ reason: 'stopped' })
    return this.ended.then(() => {})
  }

  async #drain(deadlineMs: number): Promise<void> {
    const untilMs = this.#options.clock.nowMs() + deadlineMs
    this.#intake?.stop()
    this.#giveBack(this.#pool.takeOut(0))
    this.#options.log.event('worker.draining', { running: this.#pool.size })
    await this.#poolEmpty(deadlineMs)
    if (this.#pool.size > 0) {
      this.#giveBack(this.#pool.takeOut(0))
      this.#pool.stopAll('shutdown')
      await this.#poolEmpty(this.#options.limits.stopGraceMs + THREAD_END_MS)
    }
    await this.#leave({ reason: 'drained' }, untilMs)
  }

  /** Resolves when no attempt is in the pool, after `ms` at the latest. */
  async #poolEmpty(ms: number): Promise<void> {
    if (this.#pool.size === 0 || this.#phase === 'leaving') return
    const { clock } = this.#options
    await new Promise<void>((resolve) => {
      const timer = clock.at(clock.nowMs() + ms, resolve)
      this.#whenEmpty = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#whenEmpty = null
  }

  /** @param settleUntilMs outcomes that are not recorded by then are left to the leases */
  async #leave(end: WorkerEnd, settleUntilMs = 0): Promise<void> {
    if (this.#phase === 'leaving') return
    this.#phase = 'leaving'
    const { clock, log } = this.#options
    this.#intake?.stop()
    this.#whenEmpty?.()
    await this.#pool.close()
    const untilMs = Math.max(settleUntilMs, clock.nowMs() + STOP_SETTLE_MS)
    await new Promise<void>((resolve) => {
      const timer = clock.at(untilMs, resolve)
      void this.#settler.idle().then(() => {
        timer.cancel()
        resolve()
      })
    })
    if (this.#settler.size > 0) log.event('worker.outcomes-left', { count: this.#settler.size })
    this.#settler.close()
    this.#renewer.close()
    this.#lines.close()
    log.event('worker.ended', { reason: end.reason })
    this.#becomeReady.reject(
      end.error ?? new ChasquiError('CLOSED', 'the worker was ended before it was ready'),
    )
    this.#resolveEnded(end)
  }

  stats(): WorkerStats {
    return {
      slots: this.#options.concurrency,
      threads: this.#options.threads,
      threadsReady: this.#pool.threadsReady,
      threadsReplaced: this.#threadsReplaced,
      processes: this.#pool.processes,
      prefetch: this.#prefetch,
      connected: this.#intake?.isConnected ?? false,
      held: this.#hands.size,
      running: this.#pool.running,
      delivered: this.#order,
      outcomes: { ...this.#outcomes },
      unrecorded: this.#unrecorded,
      meanRunMs: this.#adaptive.meanRunMs,
    }
  }
}

function noFacts(type: string): TypeFacts {
  return { type, queue: null, isolation: 'thread', timeoutMs: null }
}

/** Only an engine that delivers what was not asked for comes here; the back-off of the task keeps it from going in circles. */
function noHandler({ delivery: { id, epoch, type } }: Held): Outcome {
  const error = { name: 'NoHandler', message: `this worker has no handler for task type "${type}"` }
  return { id, epoch, kind: 'threw', error, retryable: true }
}
