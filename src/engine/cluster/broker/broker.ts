/**
 * RabbitMQ as the cluster engine sees it: hints to queues with confirms, messages from queues with acks, and news to everybody.
 * The words here are the port between engine/cluster and its AMQP client; nothing else in Chasqui knows AMQP.
 *
 * Messages carry no truth: PostgreSQL does. So the contract is about knowing: a publish that resolves is in the broker, on a majority of
 * its replicas; one that rejects may or may not be; a message that is not acked when its channel ends comes again, perhaps elsewhere.
 *
 * Invariant: the broker heals itself. A lost connection, a closed channel, a cancelled consumer are rebuilt here, with back-off, until
 * `close`; the engine hears of it by `up`, `down` and `interrupted`, and repeats what it has to.
 */

export interface Broker {
  /** Connected, with all channels open. */
  readonly isUp: boolean
  /** The broker does not take messages for now (memory or disk alarm); publishes wait. */
  readonly isBlocked: boolean

  /**
   * Makes a durable quorum queue where it is missing. Rejects with ChasquiError CONFIG_INVALID when one with other arguments has its name, or
   * rights are missing; with BrokerFailure 'down', or 'refused' (the broker does not answer about this queue: repeat it later).
   */
  declare(queue: string): Promise<void>

  /**
   * Where the queue is there and does not answer (its leader is gone for good, as after a crash of the only node right after the queue was made):
   * deletes it, with what is in it, and makes it anew. Nothing happens to one that answers. Rejects like `declare`, and may cost the connection.
   */
  renew(queue: string): Promise<void>

  /** How many messages are ready in the queue, and its consumers; null when there is no such queue. Rejects like `declare`. */
  look(queue: string): Promise<QueueLook | null>

  /**
   * Resolves when the broker has confirmed them all. Rejects with BrokerFailure: 'down' (not connected, or lost before the confirms;
   * repeat it after `up`), 'unroutable' (a queue is gone: declare it and repeat), 'refused' (a nack, no confirm in BROKER_CONFIRM_MS, or too many
   * that wait: repeat it later; where that does not help, see `renew`). Others of the same call may be in the broker then. While the broker is blocked it waits.
   */
  publish(messages: readonly Outgoing[]): Promise<void>

  /**
   * Takes messages of a queue, at most `prefetch` unsettled at a time (basic.qos of this consumer). Survives reconnects until `close`. Also
   * before the broker is up; a queue that does not exist then is `gone`.
   */
  subscribe(queue: string, prefetch: number, listener: SubscriptionListener): Subscription

  /** To every other process that is there now, or to the one with this address, in order; may be lost (and is, while not up or blocked). Nothing is thrown and nothing waited for. */
  tell(news: string, to?: string): void

  /** Under which others `tell` this process alone; another one after each reconnect, null while not up. */
  readonly address: string | null

  /** Closes the connection and makes it anew, with all that a loss means: for a consumer that was found silent. */
  rebuild(reason: string): void

  /** Repeatable. Unsettled messages go back to their queues. */
  close(): Promise<void>
}

export interface QueueLook {
  readonly ready: number
  readonly consumers: number
}

export interface Outgoing {
  readonly queue: string
  readonly body: string
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string | number>>
}

export interface Incoming {
  /** A part of what was read from the socket: who keeps it keeps up to 64 KiB alive. */
  readonly body: Buffer
  readonly contentType: string | undefined
  readonly messageId: string | undefined
  /** It was given to somebody before, who ended without an ack. */
  readonly redelivered: boolean
  /** Acks it. Acks of one turn leave together (`multiple` where they are contiguous). Nothing happens when it is settled, or its channel is gone. */
  done(): void
  /** Back to its queue, for somebody else. Nothing happens when it is settled, or its channel is gone. */
  back(): void
}

export interface SubscriptionListener {
  /** All messages that one read from the socket brought. */
  deliver(messages: readonly Incoming[]): void
  /**
   * The messages that were delivered and not settled are void: the channel or connection ended and they come again. `gone`: the queue
   * does not exist any more, or cannot be consumed; the subscription is over (where `look` still finds the queue it did not answer: see
   * `renew`). Otherwise it goes on by itself.
   */
  interrupted(reason: 'lost' | 'gone'): void
}

export interface Subscription {
  readonly queue: string
  /** No further message. Those that came before may still be settled; those that are on their way go back. */
  close(): Promise<void>
}

export interface BrokerOptions {
  /** `amqp://user:password@host:port/vhost` or `amqps://…?cacertfile=…` (see address.ts). Hosts are tried in turn. */
  readonly urls: readonly string[]
  /** Shown by RabbitMQ's own tools. */
  readonly connectionName: string
  /** Before the names of exchanges and private queues, so that several systems can share a broker. */
  readonly prefix: string
  readonly heartbeatMs?: number
  readonly listener: BrokerListener
}

export interface BrokerListener {
  /** Also after the first connection, once `openBroker` has resolved. Declared queues are not declared again by themselves. */
  up(): void
  down(reason: string): void
  /** What another process told. */
  news(text: string): void
  /** Of what nobody who called is told. `connection-lost` also for each attempt to reconnect that fails. `error` is a reason in words for `blocked`. */
  trouble(event: 'blocked' | 'unblocked' | 'consumer-lost' | 'connection-lost', error: unknown): void
}

export type BrokerFailureKind = 'down' | 'unroutable' | 'refused'

export class BrokerFailure extends Error {
  readonly kind: BrokerFailureKind
  /** For 'unroutable'. */
  readonly queue: string | null
  /** For 'refused': the broker was connected, took the message, and did not say in time that it has it. */
  readonly isUnconfirmed: boolean

  constructor(
    kind: BrokerFailureKind,
    message: string,
    queue: string | null = null,
    options: ErrorOptions & { readonly isUnconfirmed?: boolean } = {},
  ) {
    super(message, options)
    this.name = 'BrokerFailure'
    this.kind = kind
    this.queue = queue
    this.isUnconfirmed = options.isUnconfirmed === true
  }
}
