/**
 * The consumers of one connection: deliveries and revocations on their way to a worker.
 *
 * Backpressure: a consumer holds no more than its credit, so what is sent and not worked off is bounded; while the worker does not
 * read, it has no credit.
 *
 * Invariant: no delivery is sent before the reply that names its consumer.
 */

import type { ConsumeRequest, Consumer, Delivery, DeliverySink, Engine } from '../engine/engine.ts'
import { ChasquiError } from '../task/errors.ts'
import { CREDIT_MAX } from '../task/limits.ts'
import type { Lease } from '../task/outcome.ts'
import type { WorkerIdentity } from '../task/task.ts'
import type { Log } from '../telemetry/log.ts'
import { type PayloadForm, writeDeliveries, writeRevocation } from '../wire/delivery-codec.ts'
import { refuse } from '../wire/fields.ts'
import { notificationText } from '../wire/messages.ts'
import type { WireConsume } from '../wire/query-codec.ts'

export interface ConsumersOptions {
  /** Asked anew each time: it depends on who the peer is. */
  readonly engine: Engine
  readonly consumersMax: number
  readonly log: Log
  readonly send: (text: string) => void
  /** Deliveries ended though nobody asked for it. */
  readonly onFailed: (error: unknown) => void
  readonly onDelivered: () => void
  /** Leases were cancelled, or have lapsed. */
  readonly onRevoked: () => void
}

export class Consumers {
  readonly #options: ConsumersOptions
  readonly #open = new Map<string, SessionConsumer>()
  /** They may hold leases still, which are lost when the connection is; only the last few are kept. */
  readonly #stopped = new Map<string, SessionConsumer>()
  #opening = 0
  #congested = false
  #ended: { readonly lost: boolean } | null = null

  constructor(options: ConsumersOptions) {
    this.#options = options
  }

  /** `start` it once the peer knows its name. */
  async open(wire: WireConsume, worker: WorkerIdentity): Promise<SessionConsumer> {
    const { engine, consumersMax } = this.#options
    if (this.#open.size + this.#opening >= consumersMax) {
      throw new ChasquiError('TOO_MANY_SUBSCRIPTIONS', `a connection may have ${consumersMax} consumers`)
    }
    const { queues, types, slots, prefetch, payload } = wire
    checkCredit(slots, prefetch)
    const request: ConsumeRequest = { queues, types, slots, prefetch, worker }
    const consumer = new SessionConsumer(request, payload, this.#options)
    this.#opening++
    try {
      consumer.opened(await engine.consume(request, consumer))
    } finally {
      this.#opening--
    }
    // The peer left while the engine was asked.
    if (this.#ended !== null) await consumer.stop(this.#ended.lost)
    else this.#open.set(consumer.id, consumer)
    void consumer.ended.then(() => this.#retire(consumer))
    if (this.#congested) consumer.throttle(true)
    return consumer
  }

  /** Changes what was given. */
  resize(id: string, slots: number | undefined, prefetch: number | undefined): void {
    const consumer = this.#open.get(id)
    if (consumer === undefined) refuse('consumer', 'is none of this connection')
    consumer.resize(slots, prefetch)
  }

  /** Unknown ones are fine. */
  async stop(id: string, lost: boolean): Promise<void> {
    await (this.#open.get(id) ?? this.#stopped.get(id))?.stop(lost)
  }

  #retire(consumer: SessionConsumer): void {
    if (!this.#open.delete(consumer.id)) return
    this.#stopped.set(consumer.id, consumer)
    if (this.#stopped.size <= this.#options.consumersMax) return
    for (const [oldest] of this.#stopped) {
      this.#stopped.delete(oldest)
      return
    }
  }

  throttle(congested: boolean): void {
    this.#congested = congested
    for (const consumer of this.#open.values()) consumer.throttle(congested)
  }

  /** @param lost the worker is gone as far as one can see; otherwise its leases stay as they are */
  async stopAll(lost: boolean): Promise<void> {
    this.#ended ??= { lost }
    await Promise.all(
      [...this.#open.values(), ...this.#stopped.values()].map((consumer) => consumer.stop(lost)),
    )
  }
}

export class SessionConsumer implements DeliverySink {
  readonly #options: ConsumersOptions
  readonly #request: ConsumeRequest
  readonly #payload: PayloadForm
  #consumer: Consumer | null = null
  #slots: number
  #prefetch: number
  #throttled = false
  #started = false
  #end: 'stopped' | 'lost' | null = null
  #early: (() => void)[] = []

  constructor(request: ConsumeRequest, payload: PayloadForm, options: ConsumersOptions) {
    this.#request = request
    this.#payload = payload
    this.#options = options
    this.#slots = request.slots
    this.#prefetch = request.prefetch
  }

  get id(): string {
    return this.#consumer!.id
  }

  get ended(): Promise<unknown> {
    return this.#consumer!.ended
  }

  opened(consumer: Consumer): void {
    this.#consumer = consumer
    const { log, onFailed } = this.#options
    log.event('consumer.started', this.#logFields)
    void consumer.ended.then(({ reason, error }) => {
      if (reason !== 'failed') return
      log.event('consumer.failed', { ...this.#logFields, reason: String(error), error })
      onFailed(error)
    })
  }

  start(): void {
    this.#started = true
    for (const say of this.#early) say()
    this.#early = []
  }

  resize(slots = this.#slots, prefetch = this.#prefetch): void {
    checkCredit(slots, prefetch)
    this.#slots = slots
    this.#prefetch = prefetch
    if (!this.#throttled) this.#consumer!.resize(slots, prefetch)
  }

  throttle(throttled: boolean): void {
    if (throttled === this.#throttled) return
    this.#throttled = throttled
    if (throttled) this.#consumer!.resize(this.#slots, 0)
    else this.#consumer!.resize(this.#slots, this.#prefetch)
  }

  async stop(lost: boolean): Promise<void> {
    // Stopped first and lost later is lost, though nothing to tell people.
    if (this.#end === 'lost' || (this.#end === 'stopped' && !lost)) return
    const event = lost ? 'consumer.lost' : 'consumer.stopped'
    if (this.#end === null) this.#options.log.event(event, this.#logFields)
    this.#end = lost ? 'lost' : 'stopped'
    await this.#consumer!.stop({ lost })
  }

  // ---- the engine's side ------------------------------------------------------------------------------------

  deliver(deliveries: readonly Delivery[]): void {
    this.#say(() => {
      for (const text of writeDeliveries(this.id, deliveries, this.#payload)) {
        this.#options.send(notificationText('work.deliver', text))
      }
      this.#options.onDelivered()
    })
  }

  revoke(leases: readonly Lease[]): void {
    this.#say(() => {
      this.#options.send(notificationText('work.revoke', writeRevocation(this.id, leases)))
      this.#options.onRevoked()
    })
  }

  drain(): void {
    this.#say(() => this.#options.send(notificationText('work.drain', JSON.stringify({ consumer: this.id }))))
  }

  #say(say: () => void): void {
    if (this.#started) say()
    else this.#early.push(say)
  }

  get #logFields() {
    const { worker, queues } = this.#request
    return { worker: worker.id, workerPid: worker.pid, host: worker.host, queues }
  }
}

function checkCredit(slots: number, prefetch: number): void {
  if (slots * prefetch > CREDIT_MAX) refuse('slots', `times prefetch must not be more than ${CREDIT_MAX}`)
}
