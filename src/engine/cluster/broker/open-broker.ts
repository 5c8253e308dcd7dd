/**
 * The port of broker.ts over AMQP: sessions one after the other, and what outlives them.
 *
 *   opening ──first session──► up ──lost──► waiting (back-off) ──next host──► up …      close() ──► closed
 *
 * Only the first attempt can fail: then somebody sits before the screen. After it the broker is expected back for ever.
 */

import { ChasquiError } from '../../../task/errors.ts'
import { BROKER_HEARTBEAT_MS } from '../../../task/limits.ts'
import { type BrokerAddress, parseBrokerAddress } from './address.ts'
import {
  type Broker,
  BrokerFailure,
  type BrokerOptions,
  type Outgoing,
  type QueueLook,
  type Subscription,
  type SubscriptionListener,
} from './broker.ts'
import { Patience } from './patience.ts'
import { Session } from './session.ts'
import { Subscriptions } from './subscriptions.ts'

/**
 * Tries each host once. The first `up` comes after it has resolved.
 * @throws ChasquiError CONFIG_INVALID (an address, user, virtual host or right is wrong) or CONNECTION_LOST (no broker answers)
 */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const addresses = options.urls.map(parseBrokerAddress)
  if (addresses.length === 0)
    throw new ChasquiError('CONFIG_INVALID', 'the cluster needs the address of a broker.')
  const broker = new AmqpBroker(options, addresses)
  await broker.start()
  return broker
}

class AmqpBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #addresses: readonly BrokerAddress[]
  readonly #subscriptions: Subscriptions
  readonly #patience = new Patience()
  readonly #silentQueues = new Set<string>()
  readonly #closing = new AbortController()
  #session: Session | null = null
  /** Of the host that is tried next. */
  #turn = 0
  #isUpTold = false
  #isBlocked = false
  #retry: NodeJS.Timeout | null = null
  #downReason = 'the broker is not connected yet'
  #closed: Promise<void> | null = null

  constructor(options: BrokerOptions, addresses: readonly BrokerAddress[]) {
    this.#options = options
    this.#addresses = addresses
    this.#subscriptions = new Subscriptions({
      patience: new Patience(),
      onLost: (error) => options.listener.trouble('consumer-lost', error),
      onStuck: (queue) => {
        // It had its time to answer.
        this.#silentQueues.add(queue)
        this.#session?.end(`the queue ${queue} does not answer`)
      },
    })
  }

  async start(): Promise<void> {
    const refused: ChasquiError[] = []
    for (let tried = 0; tried < this.#addresses.length; tried++) {
      try {
        return await this.#connect()
      } catch (error) {
        refused.push(error as ChasquiError)
      }
    }
    if (refused.length === 1) throw refused[0]!
    // What may pass on one host is no reason to ask a person to change something.
    const lost = refused.find(({ code }) => code === 'CONNECTION_LOST')
    throw new ChasquiError(
      (lost ?? refused[0]!).code,
      `none of ${refused.length} brokers can be used: ${refused.map(({ message }) => message.replace(/\.$/, '')).join('; ')}.`,
      { cause: refused[0] },
    )
  }

  get isUp(): boolean {
    return this.#session !== null
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }

  async declare(queue: string): Promise<void> {
    await this.#mustBeUp().questions.declare(queue)
  }

  async renew(queue: string): Promise<void> {
    await this.#mustBeUp().questions.renew(queue)
  }

  async look(queue: string): Promise<QueueLook | null> {
    return this.#mustBeUp().questions.look(queue)
  }

  publish(messages: readonly Outgoing[]): Promise<void> {
    if (this.#session === null) return Promise.reject(this.#downFailure())
    return this.#session.publisher.publish(messages)
  }

  subscribe(queue: string, prefetch: number, listener: SubscriptionListener): Subscription {
    return this.#subscriptions.add(queue, prefetch, listener)
  }

  tell(news: string, to?: string): void {
    this.#session?.tell(news, to)
  }

  get address(): string | null {
    return this.#session?.address ?? null
  }

  rebuild(reason: string): void {
    this.#session?.end(reason)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const session = this.#session
    this.#session = null
    this.#downReason = 'the broker was closed'
    this.#closing.abort(new ChasquiError('CLOSED', this.#downReason))
    if (this.#retry !== null) clearTimeout(this.#retry)
    const said = this.#subscriptions.close()
    // A broker that does not answer any more gets no more time for the acks than for the goodbye.
    await (session === null ? said : session.close(said))
  }

  async #connect(): Promise<void> {
    const address = this.#addresses[this.#turn++ % this.#addresses.length]!
    let session: Session | null = null
    session = await Session.open(
      {
        address,
        connectionName: this.#options.connectionName,
        prefix: this.#options.prefix,
        heartbeatMs: this.#options.heartbeatMs ?? BROKER_HEARTBEAT_MS,
        silentQueues: this.#silentQueues,
        news: (text) => this.#options.listener.news(text),
        blocked: (reason) => this.#block(reason),
        ended: (reason) => this.#lost(session, reason),
      },
      this.#closing.signal,
    )
    if (this.#closed !== null) return void session.close(Promise.resolve())
    this.#session = session
    this.#subscriptions.attach(session.taking.model, session.consuming, session.subscriptionQuestions)
    // Whoever awaits openBroker has the broker in hand when it is told that it is up.
    setImmediate(() => {
      if (this.#session !== session) return
      this.#isUpTold = true
      this.#options.listener.up()
    })
  }

  #lost(session: Session | null, reason: string): void {
    if (this.#session === null || this.#session !== session) return
    this.#session = null
    this.#downReason = reason
    this.#subscriptions.detach()
    if (this.#isBlocked) this.#block(null)
    this.#options.listener.trouble('connection-lost', new BrokerFailure('down', reason))
    if (this.#isUpTold) this.#options.listener.down(reason)
    this.#isUpTold = false
    this.#again()
  }

  #again(): void {
    if (this.#closed !== null) return
    this.#retry = setTimeout(() => {
      this.#connect().catch((error: unknown) => {
        if (this.#closed !== null) return
        this.#downReason = error instanceof Error ? error.message : String(error)
        this.#options.listener.trouble('connection-lost', error)
        this.#again()
      })
    }, this.#patience.nextMs())
  }

  #block(reason: string | null): void {
    this.#isBlocked = reason !== null
    this.#options.listener.trouble(reason === null ? 'unblocked' : 'blocked', reason)
  }

  #mustBeUp(): Session {
    if (this.#session === null) throw this.#downFailure()
    return this.#session
  }

  #downFailure(): BrokerFailure {
    return new BrokerFailure('down', this.#downReason)
  }
}
