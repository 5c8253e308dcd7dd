/**
 * Consumers through a server. A server forgets its consumers with their connection; here each one is made again on the next
 * connection, under a new name, and takes up the leases that it still holds:
 *
 *   up ──► work.consume (no credit yet) ──► work.extend {leases, consumer} ──► work.consume (its credit)
 *                                              └─ not accepted ──► sink.revoke
 *
 * Invariants: `held` is what was delivered and not settled, so nothing is ever held that a reconnection would not renew; at no time
 * is more delivered than the credit allows; what is delivered to nobody is given back at once.
 */

import { BATCH_ENTRIES_MAX, LEASE_MS } from '../../task/limits.ts'
import type { Lease } from '../../task/outcome.ts'
import { readDeliveries, readRevocation } from '../../wire/delivery-codec.ts'
import type { Link } from '../../wire/link.ts'
import { readLeaseAnswers, writeLeases } from '../../wire/outcome-codec.ts'
import { writeConsume, writeResize } from '../../wire/query-codec.ts'
import type { ConsumeRequest, Consumer, ConsumerEnd, Delivery, DeliverySink, LeaseAnswer } from '../engine.ts'
import type { Calls } from './calls.ts'

interface Held extends Lease {
  readonly consumer: RemoteConsumer
}

export class Consumers {
  readonly link: Link
  readonly calls: Calls
  readonly #open = new Set<RemoteConsumer>()
  readonly #byName = new Map<string, RemoteConsumer>()
  readonly #held = new Map<string, Held>()
  /** Counts connections: what was begun on an older one is not gone on with. */
  generation = 0

  constructor(link: Link, calls: Calls) {
    this.link = link
    this.calls = calls
    link.on('work.deliver', (params) => this.#deliver(params))
    link.on('work.revoke', (params) => this.#revoke(params))
    link.on('work.drain', (params) =>
      this.#byName.get((params as { consumer: string }).consumer)?.tellDrain(),
    )
    link.onUp(() => {
      this.generation++
      for (const consumer of this.#open) consumer.cameUp()
      this.#renewOrphans()
    })
    link.onDown(() => {
      this.#byName.clear()
      for (const consumer of this.#open) consumer.wentDown()
    })
    void link.closed.then(({ reason, error }) => {
      for (const consumer of [...this.#open]) {
        consumer.end(reason === 'closed' ? { reason } : { reason, error })
      }
    })
  }

  async consume(request: ConsumeRequest, sink: DeliverySink): Promise<Consumer> {
    const consumer = new RemoteConsumer(request, sink, this)
    this.#open.add(consumer)
    try {
      await consumer.open()
    } catch (error) {
      this.#open.delete(consumer)
      throw error
    }
    return consumer
  }

  /** These attempts are over, or their leases were found void. */
  forget(leases: readonly Lease[]): void {
    for (const { id, epoch } of leases) if (this.#held.get(id)?.epoch === epoch) this.#held.delete(id)
  }

  /** On closing: no further deliveries, and the server takes nobody for lost. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#open].map((consumer) => consumer.stop({ reason: 'closed' })))
  }

  heldBy(consumer: RemoteConsumer): Lease[] {
    const leases: Lease[] = []
    for (const held of this.#held.values()) if (held.consumer === consumer) leases.push(held)
    return leases
  }

  named(name: string, consumer: RemoteConsumer): void {
    this.#byName.set(name, consumer)
  }

  /** It takes no deliveries any more; its leases may live on. */
  ended(consumer: RemoteConsumer): void {
    this.#open.delete(consumer)
    if (consumer.name !== null) this.#byName.delete(consumer.name)
  }

  /** See Engine.extend. */
  async extend(leases: readonly Lease[], id?: string): Promise<readonly LeaseAnswer[]> {
    const adopter = this.#byName.get(id ?? '') ?? [...this.#open].find((consumer) => consumer.id === id)
    // While it has no name it cannot take up anything; it takes up what it holds when it is made again.
    const name = adopter === undefined ? id : (adopter.name ?? undefined)
    const answers = await this.#renew(leases, name)
    leases.forEach((lease, index) => {
      if (answers[index]?.accepted !== true) this.forget([lease])
      else if (adopter !== undefined) this.#hold(lease, adopter)
    })
    return answers
  }

  /**
   * After a reconnection: what is refused was lost meanwhile, and its handler must hear of it.
   * @param name of the consumer that takes them up
   */
  async takeUp(leases: readonly Lease[], name?: string): Promise<void> {
    const { generation } = this
    const answers = await this.#renew(leases, name)
    // An answer of an older connection says nothing about this one, where all is asked again.
    if (generation !== this.generation) return
    this.#void(leases.filter((_, index) => answers[index]?.accepted !== true))
  }

  async #renew(leases: readonly Lease[], name: string | undefined): Promise<LeaseAnswer[]> {
    const answers: LeaseAnswer[] = []
    for (let at = 0; at < leases.length; at += BATCH_ENTRIES_MAX) {
      const batch = leases.slice(at, at + BATCH_ENTRIES_MAX)
      const result = await this.calls.call('work.extend', writeLeases(batch, name), { timeoutMs: LEASE_MS })
      answers.push(...readLeaseAnswers('extended', result))
    }
    return answers
  }

  /** Tells the owners of those that are still held. */
  #void(leases: readonly Lease[]): void {
    for (const { id, epoch } of leases) {
      const held = this.#held.get(id)
      if (held?.epoch !== epoch) continue
      this.#held.delete(id)
      held.consumer.tellRevoked([{ id, epoch }])
    }
  }

  #deliver(params: unknown): void {
    const { consumer: name, deliveries } = readDeliveries(params)
    const consumer = this.#byName.get(name)
    if (consumer === undefined) {
      this.#giveBack(name, deliveries)
      return
    }
    for (const delivery of deliveries) this.#hold(delivery, consumer)
    consumer.tellDelivered(deliveries)
  }

  #revoke(params: unknown): void {
    this.#void(readRevocation(params).leases)
  }

  #hold({ id, epoch }: Lease, consumer: RemoteConsumer): void {
    this.#held.set(id, { id, epoch, consumer })
  }

  /** To a consumer that was stopped, or that nobody waited for any more. Nothing depends on the answers: leases lapse. */
  #giveBack(name: string, leases: readonly Lease[]): void {
    const { timeoutMs } = this.calls
    this.link.request('work.release', writeLeases(leases), { timeoutMs }).catch(() => {})
    this.link.request('work.stop', JSON.stringify({ consumer: name }), { timeoutMs }).catch(() => {})
  }

  /** Leases of consumers that were stopped: their handlers still run, and nobody takes them up. */
  #renewOrphans(): void {
    const orphans = [...this.#held.values()].filter(({ consumer }) => !this.#open.has(consumer))
    if (orphans.length > 0) void this.takeUp(orphans).catch(() => {})
  }
}

export class RemoteConsumer implements Consumer {
  /** The server's, on the connection that is up. */
  name: string | null = null
  readonly ended: Promise<ConsumerEnd>
  readonly #sink: DeliverySink
  readonly #consumers: Consumers
  #request: ConsumeRequest
  #lastName = ''
  #resolveEnded!: (end: ConsumerEnd) => void
  #isEnded = false
  /** Being made, or its leases being taken up: its credit is told when that is done. */
  #isMaking = false

  constructor(request: ConsumeRequest, sink: DeliverySink, consumers: Consumers) {
    this.#sink = sink
    this.#request = request
    this.#consumers = consumers
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
  }

  /** The server's name for it; the last one while there is none. */
  get id(): string {
    return this.name ?? this.#lastName
  }

  /** The first time: repeated until it is made, or the deadline of a call is over. */
  async open(): Promise<void> {
    this.#isMaking = true
    const asked = this.#request
    try {
      await this.#consumers.calls.call('work.consume', writeConsume(asked, 'text'), {
        onReply: (result) => this.#made(result),
      })
    } finally {
      this.#isMaking = false
    }
    if (this.#request !== asked) this.#tellCredit()
  }

  /** A new connection: the server does not know it any more. */
  cameUp(): void {
    if (!this.#isMaking) void this.#makeAgain()
  }

  wentDown(): void {
    this.name = null
  }

  resize(slots: number, prefetch: number): void {
    this.#request = { ...this.#request, slots, prefetch }
    if (!this.#isMaking) this.#tellCredit()
  }

  async stop(
    options: { readonly lost?: boolean; readonly reason?: 'stopped' | 'closed' } = {},
  ): Promise<void> {
    const { lost = false, reason = 'stopped' } = options
    if (lost) this.#consumers.forget(this.#consumers.heldBy(this))
    // Deliveries go on reaching the sink until the server has answered.
    if (this.name !== null) await this.#tellStop(this.name, lost)
    this.end({ reason })
  }

  end(end: ConsumerEnd): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#consumers.ended(this)
    this.#resolveEnded(end)
  }

  tellDelivered(deliveries: readonly Delivery[]): void {
    this.#tell(() => this.#sink.deliver(deliveries))
  }

  tellRevoked(leases: readonly Lease[]): void {
    this.#tell(() => this.#sink.revoke(leases))
  }

  tellDrain(): void {
    this.#tell(() => this.#sink.drain?.())
  }

  /** A sink that throws has no worker behind it. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.end({ reason: 'failed', error })
      void this.stop({ lost: true })
    }
  }

  /** Never rejects: when there is no answer the connection is gone, and the consumer with it. */
  async #tellStop(consumer: string, lost: boolean): Promise<void> {
    const { link, calls } = this.#consumers
    const params = JSON.stringify(lost ? { consumer, lost } : { consumer })
    await link.request('work.stop', params, { timeoutMs: calls.timeoutMs }).catch(() => {})
  }

  #made(result: unknown): void {
    const { consumer: name } = result as { consumer: string }
    if (this.#isEnded) void this.#tellStop(name, false)
    else {
      this.name = name
      this.#lastName = name
      this.#consumers.named(name, this)
    }
  }

  async #makeAgain(): Promise<void> {
    const consumers = this.#consumers
    const { generation } = consumers
    this.#isMaking = true
    try {
      for (;;) {
        try {
          await this.#makeOnce()
          return
        } catch (error) {
          const pauseMs = consumers.calls.pauseMs(error)
          if (pauseMs === null) {
            this.end({ reason: 'failed', error })
            return
          }
          await consumers.calls.sleep(pauseMs)
          if (this.#isEnded) return
        }
      }
    } finally {
      this.#isMaking = false
      // The connection broke once more and came up while this one ended.
      if (!this.#isEnded && this.name === null && generation !== consumers.generation) this.cameUp()
    }
  }

  async #makeOnce(): Promise<void> {
    const consumers = this.#consumers
    const { timeoutMs } = consumers.calls
    const held = consumers.heldBy(this)
    let told = this.#request
    if (this.name === null) {
      // What it holds uses its credit only when it is taken up; until then nothing else must be delivered for it.
      if (held.length > 0) told = { ...told, prefetch: 0 }
      await consumers.link.request('work.consume', writeConsume(told, 'text'), {
        timeoutMs,
        onReply: (result) => this.#made(result),
      })
    }
    if (this.name === null || this.#isEnded) return
    if (held.length > 0) await consumers.takeUp(held, this.name)
    if (told !== this.#request || held.length > 0) this.#tellCredit()
  }

  #tellCredit(): void {
    const { name } = this
    if (name === null || this.#isEnded) return
    const { slots, prefetch } = this.#request
    const { link, calls } = this.#consumers
    // When it does not arrive the connection is gone, and the next one is told the newest.
    link
      .request('work.consume', writeResize(name, slots, prefetch), { timeoutMs: calls.timeoutMs })
      .catch(() => {})
  }
}
