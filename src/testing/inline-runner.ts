/**
 * Runs handlers where they stand: in the calling thread, by the same executor as a worker's threads, on virtual time. It consumes only
 * while it is told to run, so a test sees every state before and after.
 *
 * Invariant: when `run` resolves nothing that is due is left for the types that it knows, and no handler runs.
 */

import type { Delivery, DeliverySink, Engine } from '../engine/engine.ts'
import type { Timer, VirtualClock } from '../task/clock.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { LEASE_MS, QUEUE_DEFAULT, RESULT_BYTES_MAX } from '../task/limits.ts'
import { aroundRun, textsOf, type Use } from '../task/middleware.ts'
import type { Lease, Outcome } from '../task/outcome.ts'
import { RESULT, type Thrown } from '../worker/hand-over.ts'
import { Attempt, AttemptContext, type ReportSink } from '../worker/thread/attempt.ts'
import { execute, type Pipe } from '../worker/thread/executor.ts'
import { writtenBy } from '../worker/thread/texts.ts'

export interface InlineRunnerOptions {
  readonly engine: Engine
  readonly clock: VirtualClock
  readonly tasks: readonly TaskDefinition[]
  /** Besides the default one and those that the definitions name. */
  readonly queues: readonly string[]
  readonly use: Use
}

interface Running {
  readonly lease: Lease
  readonly attempt: Attempt
  readonly context: AttemptContext
  timeout: Timer | null
}

/** Handlers that run at a time: enough for one that waits for others. */
const SLOTS = 16
const WORKER = { id: 'inline', pid: process.pid, host: 'test' }

export class InlineRunner implements DeliverySink {
  readonly #options: InlineRunnerOptions
  readonly #definitions: ReadonlyMap<string, TaskDefinition>
  readonly #pipe: Pipe
  readonly #running = new Map<string, Running>()
  #renewal: Timer | null = null
  /** Settlements that are not answered. */
  #settling = 0
  /** Deliveries and ends so far: when it stands still, nothing happened. */
  #events = 0
  #wake: (() => void)[] = []

  constructor(options: InlineRunnerOptions) {
    this.#options = options
    this.#definitions = new Map(options.tasks.map((definition) => [definition.type, definition]))
    const { use } = options
    this.#pipe = { resultBytesMax: RESULT_BYTES_MAX, around: aroundRun(use), texts: textsOf(use) }
  }

  /** Takes tasks while `act` goes on, and then until nothing is due. */
  async during(act: () => Promise<void>): Promise<void> {
    const { engine, tasks, queues } = this.#options
    const named = tasks.flatMap(({ queue }) => queue ?? [])
    const consumer = await engine.consume(
      {
        queues: [...new Set([QUEUE_DEFAULT, ...named, ...queues])],
        types: [...this.#definitions.keys()],
        slots: SLOTS,
        prefetch: 1,
        worker: WORKER,
      },
      this,
    )
    try {
      await act()
      await this.#quiet()
    } finally {
      await consumer.stop()
    }
  }

  async #quiet(): Promise<void> {
    for (let before = -1; before !== this.#events || this.#busy; ) {
      before = this.#events
      if (this.#running.size > 0) await new Promise<void>((resolve) => this.#wake.push(resolve))
      // Lets promises settle and the engine deliver, without moving the time.
      await this.#options.clock.advance(0)
    }
  }

  get #busy(): boolean {
    return this.#running.size > 0 || this.#settling > 0
  }

  // ---- the engine's side ------------------------------------------------------------------------------------

  deliver(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#start(delivery)
  }

  revoke(leases: readonly Lease[]): void {
    for (const { id, epoch } of leases) {
      const running = this.#running.get(id)
      if (running?.lease.epoch === epoch)
        AttemptContext.stop(running.context, 'AbortError', 'it was cancelled')
    }
  }

  #start({ id, epoch, type, queue, attempt: number, maxAttempts, dataText, ...rest }: Delivery): void {
    const { clock } = this.#options
    const definition = this.#definitions.get(type)!
    const metadataText = rest.metadata === null ? null : JSON.stringify(rest.metadata)
    const attempt = new Attempt(0, id, queue, number, maxAttempts, dataText, metadataText, definition)
    const context = new AttemptContext(attempt, writtenBy(this.#pipe.texts, this.#reports({ id, epoch })))
    attempt.context = context
    const running: Running = { lease: { id, epoch }, attempt, context, timeout: null }
    this.#events++
    this.#running.set(id, running)
    this.#renewal ??= clock.at(clock.nowMs() + LEASE_MS / 3, () => this.#renew())
    const timeoutMs = rest.timeoutMs ?? definition.defaults.timeoutMs
    if (timeoutMs !== undefined) {
      running.timeout = clock.at(clock.nowMs() + timeoutMs, () => this.#timedOut(running, timeoutMs))
    }
    execute(attempt, this.#pipe, {
      ended: (_, kind, text) =>
        this.#end(
          running,
          kind === RESULT.returned
            ? { id, epoch, kind: 'returned', valueText: text }
            : { id, epoch, kind: 'threw', ...(JSON.parse(text) as Thrown) },
        ),
    })
  }

  /** The handler is told; whatever it does then comes too late. */
  #timedOut(running: Running, timeoutMs: number): void {
    const message = `the attempt ran longer than its timeout of ${timeoutMs} ms`
    AttemptContext.stop(running.context, 'TimeoutError', message)
    this.#end(running, { ...running.lease, kind: 'timedOut', error: { name: 'TimedOut', message } })
  }

  #end(running: Running, outcome: Outcome): void {
    if (running.attempt.ended) return
    running.attempt.ended = true
    running.timeout?.cancel()
    const { id } = running.lease
    if (this.#running.get(id) === running) this.#running.delete(id)
    this.#events++
    this.#settling++
    const settled = () => {
      this.#settling--
      for (const wake of this.#wake.splice(0)) wake()
    }
    // A closed engine takes no outcome any more, and nobody asks for one.
    this.#options.engine.settle([outcome]).then(settled, settled)
  }

  /** A handler may take longer, in virtual time, than a lease lasts. */
  #renew(): void {
    const { engine, clock } = this.#options
    this.#renewal = null
    if (this.#running.size === 0) return
    this.#renewal = clock.at(clock.nowMs() + LEASE_MS / 3, () => this.#renew())
    engine.extend([...this.#running.values()].map(({ lease }) => lease)).catch(() => {})
  }

  #reports(lease: Lease): ReportSink {
    const { engine, clock } = this.#options
    return {
      progress: (_, progress) => void engine.report([{ ...lease, progress }]).catch(() => {}),
      line: (_, level, text) =>
        void engine.report([{ ...lease, lines: [{ level, text, atMs: clock.nowMs() }] }]).catch(() => {}),
    }
  }
}
