/**
 * One consuming channel: the consumers on it, what they are given, and the acks. It lives as long as its channel; what outlives it is in
 * subscriptions.ts.
 *
 * Messages of one read from the socket are handed over together, and the acks of one turn leave together.
 *
 * Invariants: listeners run outside of amqplib's reading of frames (what they throw is a bug of theirs, and crashes); after the end of the
 * channel, or of the consumer, its messages settle nothing.
 */

import type { Channel, ConsumeMessage, Message } from 'amqplib'
import { BROKER_SILENCE_MS } from '../../../task/limits.ts'
import { AckLedger } from './ack-ledger.ts'
import { Delivered, type Settler } from './delivered.ts'

/** Who takes what one queue gives. */
export interface Tap {
  readonly queue: string
  readonly prefetch: number
  /** False: what comes goes back. */
  readonly isOpen: boolean
  started(): void
  /** The channel, or the connection, ended when it was about to start; perhaps because of it. */
  failedToStart(): void
  deliver(messages: readonly Delivered[]): void
  /** The queue is gone, or cannot be consumed. */
  gone(): void
}

/** A tap on this channel. */
interface Consumer extends Settler {
  readonly tap: Tap
  readonly tag: string
  /** The broker has said yes: it may have been given messages. */
  isConsuming: boolean
  /** Delivery tags that were handed over and are not settled. */
  readonly unsettled: Set<number>
}

export class Intake {
  readonly #channel: Channel
  readonly #acks = new AckLedger()
  readonly #consumers = new Map<Tap, Consumer>()
  #batches = new Map<Consumer, Delivered[]>()
  #starts = Promise.resolve()
  readonly #onStuck: (queue: string) => void
  #isAckDue = false
  #isEnded = false
  #consumersMade = 0

  constructor(channel: Channel, onStuck: (queue: string) => void) {
    this.#channel = channel
    this.#onStuck = onStuck
  }

  isConsuming(tap: Tap): boolean {
    return this.#consumers.get(tap)?.isConsuming === true
  }

  /** It was begun here, whatever came of it. */
  knows(tap: Tap): boolean {
    return this.#consumers.has(tap)
  }

  /** One after the other, so that one that does not answer is known. */
  start(tap: Tap): void {
    const tag = `chasqui-${++this.#consumersMade}`
    const consumer: Consumer = {
      tap,
      tag,
      isConsuming: false,
      unsettled: new Set(),
      settle: (deliveryTag, isDone) => this.#settle(consumer, deliveryTag, isDone),
    }
    this.#consumers.set(tap, consumer)
    const take = (message: ConsumeMessage | null): void => {
      if (message !== null) this.#take(consumer, message)
      // After what was read before it; and not from within amqplib's reading.
      else process.nextTick(() => this.#cancelled(consumer))
    }
    this.#starts = this.#starts.then(() => this.#begin(consumer, take))
  }

  /** Both requests leave at once, and in order on the channel: the prefetch counts for the consumer that follows. */
  async #begin(consumer: Consumer, take: (message: ConsumeMessage | null) => void): Promise<void> {
    const { tap, tag } = consumer
    if (this.#isEnded || !tap.isOpen) return
    this.#channel.prefetch(tap.prefetch).catch(ignore)
    try {
      const isAnswered = await inTime(this.#channel.consume(tap.queue, take, { consumerTag: tag }))
      if (isAnswered) {
        consumer.isConsuming = true
        tap.started()
      } else if (!this.#isEnded) {
        // RabbitMQ's channel waits for a queue without a leader, and does nothing else meanwhile.
        tap.gone()
        this.#onStuck(tap.queue)
      }
    } catch (error) {
      // The channel is lost with it; this consumer was the reason, and would be again.
      if (isRefusedConsume(error)) tap.gone()
      else tap.failedToStart()
    }
  }

  /** Resolves when nothing more comes. */
  async stop(tap: Tap): Promise<void> {
    const consumer = this.#consumers.get(tap)
    if (consumer === undefined || this.#isEnded) return
    await this.#starts
    if (!this.#isEnded) await inTime(this.#channel.cancel(consumer.tag)).catch(ignore)
    this.#consumers.delete(tap)
  }

  /** The channel is gone. */
  end(): void {
    this.#isEnded = true
    this.#batches.clear()
  }

  /** Says what is settled, and waits until the broker has heard it. */
  async close(): Promise<void> {
    this.#sendAcks()
    await this.#channel.close().catch(ignore)
    this.end()
  }

  #take(consumer: Consumer, message: ConsumeMessage): void {
    if (this.#batches.size === 0) process.nextTick(() => this.#handOver())
    consumer.unsettled.add(message.fields.deliveryTag)
    const delivered = new Delivered(message, consumer)
    const batch = this.#batches.get(consumer)
    if (batch === undefined) this.#batches.set(consumer, [delivered])
    else batch.push(delivered)
  }

  #handOver(): void {
    const batches = this.#batches
    this.#batches = new Map()
    for (const [{ tap }, batch] of batches) {
      if (this.#isEnded) return
      if (tap.isOpen) tap.deliver(batch)
      else for (const message of batch) message.back()
    }
  }

  /** What it still held is void, and must not stand in the way of the acks of others. */
  #cancelled(consumer: Consumer): void {
    if (this.#isEnded || !this.#consumers.delete(consumer.tap)) return
    for (const tag of consumer.unsettled) this.#settle(consumer, tag, false)
    consumer.tap.gone()
  }

  #settle(consumer: Consumer, tag: number, isDone: boolean): void {
    if (this.#isEnded || !consumer.unsettled.delete(tag)) return
    if (isDone) this.#acks.done(tag)
    else this.#acks.back(tag)
    if (this.#isAckDue) return
    this.#isAckDue = true
    process.nextTick(() => {
      this.#isAckDue = false
      this.#sendAcks()
    })
  }

  #sendAcks(): void {
    if (this.#isEnded || !this.#acks.isDue) return
    const { backs, upTo, singles } = this.#acks.take()
    try {
      for (const tag of backs) this.#channel.nack(named(tag), false, true)
      if (upTo > 0) this.#channel.ack(named(upTo), true)
      for (const tag of singles) this.#channel.ack(named(tag), false)
    } catch {
      // The channel is closing: its messages come again.
    }
  }
}

const NAMED = { fields: { deliveryTag: 0 } }

/** amqplib acks messages; of a message it reads the tag, before it returns. */
function named(deliveryTag: number): Message {
  NAMED.fields.deliveryTag = deliveryTag
  return NAMED as Message
}

/** The broker closed the channel because of this very request. */
function isRefusedConsume(error: unknown): boolean {
  const { classId, methodId } = error as { classId?: number; methodId?: number }
  return classId === 60 && methodId === 20
}

/** False: there is no answer yet, and nobody waits for it any more. */
async function inTime(answer: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<false>()
  const timer = setTimeout(late.resolve, BROKER_SILENCE_MS, false)
  answer.catch(ignore)
  try {
    return await Promise.race([answer.then(() => true), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function ignore(): void {}
