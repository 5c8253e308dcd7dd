/**
 * Takes deliveries from the engine, and goes on doing so: a consumer that ends although nobody stopped it is followed by another,
 * which takes over the leases of the first. (A consumer that silently stops is the most repeated bug of this field.)
 */

import type { ConsumeRequest, Consumer, ConsumerEnd, DeliverySink, Engine } from '../engine/engine.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import type { Log } from '../telemetry/log.ts'
import { RetryPace } from './retry-pace.ts'

export interface IntakeOptions {
  readonly engine: Engine
  readonly request: Omit<ConsumeRequest, 'prefetch'>
  readonly sink: DeliverySink
  readonly clock: Clock
  readonly random: () => number
  readonly log: Pick<Log, 'event'>
  /** Deliveries come from this consumer from now on; leases in hand should move to it. */
  readonly connected: (consumer: Consumer) => void
  /** No delivery will come any more, through no act of the worker. */
  readonly ended: (end: ConsumerEnd) => void
}

export class Intake {
  readonly #options: IntakeOptions
  readonly #pace: RetryPace
  #prefetch: number
  #consumer: Consumer | null = null
  #pause: Timer | null = null
  #stopped = false

  constructor(prefetch: number, options: IntakeOptions) {
    this.#prefetch = prefetch
    this.#options = options
    this.#pace = new RetryPace(options.random)
  }

  get isConnected(): boolean {
    return this.#consumer !== null
  }

  start(): void {
    this.#pause = null
    void this.#consume()
  }

  resize(prefetch: number): void {
    this.#prefetch = prefetch
    this.#consumer?.resize(this.#options.request.slots, prefetch)
  }

  /** No further deliveries; a few may still be on their way to the sink. */
  stop(): void {
    this.#stopped = true
    this.#pause?.cancel()
    // Nothing depends on the answer: deliveries that still come are given back.
    this.#consumer?.stop().catch(() => {})
    this.#consumer = null
  }

  async #consume(): Promise<void> {
    const { engine, request, sink, connected, log } = this.#options
    let consumer: Consumer
    try {
      consumer = await engine.consume({ ...request, prefetch: this.#prefetch }, sink)
    } catch (error) {
      this.#failed(error)
      return
    }
    if (this.#stopped) {
      consumer.stop().catch(() => {})
      return
    }
    if (this.#pace.failures > 0) log.event('worker.resumed')
    this.#pace.succeeded()
    this.#consumer = consumer
    connected(consumer)
    const end = await consumer.ended
    if (this.#stopped || this.#consumer !== consumer) return
    this.#consumer = null
    if (end.reason === 'failed') this.#failed(end.error)
    else this.#options.ended(end)
  }

  #failed(error: unknown): void {
    if (this.#stopped) return
    const { clock, ended, log } = this.#options
    if (error instanceof ChasquiError && !error.retryable) {
      ended(error.code === 'CLOSED' ? { reason: 'closed' } : { reason: 'failed', error })
      return
    }
    const delayMs = this.#pace.nextMs()
    // Once an outage: the rest of it is silence.
    if (this.#pace.failures === 1) {
      log.event('worker.cut-off', { reason: error instanceof Error ? error.message : String(error) })
    }
    this.#pause = clock.at(clock.nowMs() + delayMs, () => this.start())
  }
}
