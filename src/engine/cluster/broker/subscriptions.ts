/**
 * The subscriptions of a broker: they outlive channels and connections. While there is a connection they share one consuming channel; when
 * the broker closes that (a message was held longer than its consumer_timeout, say) it is made again, with back-off, and each goes on.
 *
 * Invariant: a subscription is interrupted before the first message of the next channel comes; one that is closed or gone hears nothing more.
 */

import type { Channel, ChannelModel } from 'amqplib'
import { ChasquiError } from '../../../task/errors.ts'
import { BROKER_PREFETCH_MAX, BROKER_RECONNECT_MAX_MS } from '../../../task/limits.ts'
import type { Incoming, QueueLook, Subscription, SubscriptionListener } from './broker.ts'
import { Intake, type Tap } from './intake.ts'
import type { Patience } from './patience.ts'

export interface SubscriptionsOptions {
  readonly patience: Patience
  /** The channel was closed by the broker. */
  readonly onLost: (error: unknown) => void
  /** The channel hangs over this queue, and would hold what it has for ever: the connection should be made anew. */
  readonly onStuck: (queue: string) => void
}

export interface Looker {
  look(queue: string): Promise<QueueLook | null>
}

export class Subscriptions {
  readonly #taps = new Set<SubscriptionTap>()
  readonly #options: SubscriptionsOptions
  #model: ChannelModel | null = null
  #looker: Looker | null = null
  #intake: Intake | null = null
  #retry: NodeJS.Timeout | null = null

  constructor(options: SubscriptionsOptions) {
    this.#options = options
  }

  add(queue: string, prefetch: number, listener: SubscriptionListener): Subscription {
    const tap = new SubscriptionTap(queue, Math.min(prefetch, BROKER_PREFETCH_MAX), listener, {
      stop: async (stopped) => {
        this.#taps.delete(stopped)
        await this.#intake?.stop(stopped)
      },
      over: (gone) => this.#taps.delete(gone),
    })
    this.#taps.add(tap)
    if (this.#intake !== null) this.#start(tap, this.#intake)
    return tap
  }

  /** A connection is there, and a channel on it for this. */
  attach(model: ChannelModel, channel: Channel, looker: Looker): void {
    this.#model = model
    this.#looker = looker
    this.#use(channel)
  }

  /** The connection is gone. */
  detach(): void {
    this.#model = null
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#retry = null
    this.#interrupt()
  }

  /** Says what is settled; the messages that are not go back. */
  async close(): Promise<void> {
    const intake = this.#intake
    for (const tap of this.#taps) tap.end()
    this.#taps.clear()
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#model = null
    await intake?.close()
  }

  #use(channel: Channel): void {
    const intake = new Intake(channel, this.#options.onStuck)
    let error: unknown = null
    channel.on('error', (why) => {
      error = why
    })
    channel.on('close', () => {
      if (this.#intake === intake) this.#lost(error)
    })
    this.#intake = intake
    for (const tap of this.#taps) this.#start(tap, intake)
  }

  /** Looks first: to consume what is not there would cost the channel, and all who share it. */
  #start(tap: SubscriptionTap, intake: Intake): void {
    const isOff = () => this.#intake !== intake || !tap.isOpen || intake.knows(tap)
    this.#looker?.look(tap.queue).then(
      (found) => {
        if (isOff()) return
        if (found === null) tap.gone()
        else intake.start(tap)
      },
      (error: unknown) => {
        if (isOff()) return
        if (error instanceof ChasquiError) tap.gone()
        // A queue without a leader, say: it is there, and nobody can read it for now.
        else setTimeout(() => isOff() || this.#start(tap, intake), BROKER_RECONNECT_MAX_MS).unref()
      },
    )
  }

  #lost(error: unknown): void {
    const model = this.#model
    this.#interrupt()
    // Closed with its connection, which is told of elsewhere.
    if (model === null || error === null) return
    this.#options.onLost(error)
    this.#again(model)
  }

  #again(model: ChannelModel): void {
    this.#retry = setTimeout(() => {
      model.createChannel().then(
        (channel) => {
          if (this.#model === model) this.#use(channel)
        },
        () => {
          if (this.#model === model) this.#again(model)
        },
      )
    }, this.#options.patience.nextMs())
  }

  #interrupt(): void {
    const intake = this.#intake
    if (intake === null) return
    this.#intake = null
    intake.end()
    for (const tap of [...this.#taps]) if (intake.isConsuming(tap)) tap.lost()
  }
}

/** RabbitMQ ends the whole connection over a queue whose process is gone: once may be chance, twice in a row is the queue. */
const FAILED_STARTS_MAX = 2

interface TapOwner {
  stop(tap: SubscriptionTap): Promise<void>
  over(tap: SubscriptionTap): void
}

class SubscriptionTap implements Subscription, Tap {
  readonly queue: string
  readonly prefetch: number
  readonly #listener: SubscriptionListener
  readonly #owner: TapOwner
  #isOpen = true
  #failures = 0

  constructor(queue: string, prefetch: number, listener: SubscriptionListener, owner: TapOwner) {
    this.queue = queue
    this.prefetch = prefetch
    this.#listener = listener
    this.#owner = owner
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#owner.stop(this)
  }

  end(): void {
    this.#isOpen = false
  }

  deliver(messages: readonly Incoming[]): void {
    this.#listener.deliver(messages)
  }

  started(): void {
    this.#failures = 0
  }

  failedToStart(): void {
    if (++this.#failures >= FAILED_STARTS_MAX) this.gone()
  }

  lost(): void {
    if (this.#isOpen) this.#listener.interrupted('lost')
  }

  gone(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#owner.over(this)
    this.#listener.interrupted('gone')
  }
}
