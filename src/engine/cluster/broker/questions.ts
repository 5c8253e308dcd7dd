/**
 * Questions about queues (make it, look at it), one after the other on a channel of their own: RabbitMQ answers some with closing the channel,
 * which must hurt nobody else.
 *
 * Invariant: every question is answered by its deadline, in the order asked.
 */

import { setImmediate } from 'node:timers/promises'
import type { Channel, ChannelModel } from 'amqplib'
import { ChasquiError } from '../../../task/errors.ts'
import { BROKER_CALL_MS, BROKER_DELIVERIES_MAX, BROKER_SILENCE_MS } from '../../../task/limits.ts'
import { BrokerFailure, type QueueLook } from './broker.ts'

export class Questions {
  readonly #model: ChannelModel
  readonly #silent: Set<string>
  #channel: Promise<Channel> | null = null
  #last: Promise<unknown> = Promise.resolve()
  #end: BrokerFailure | null = null

  /** @param silent queues that cost a connection when they were asked: for the next one to know */
  constructor(model: ChannelModel, silent: Set<string>) {
    this.#model = model
    this.#silent = silent
  }

  async declare(queue: string): Promise<void> {
    try {
      await this.#ask((channel) =>
        channel.assertQueue(queue, {
          durable: true,
          arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': BROKER_DELIVERIES_MAX },
        }),
      )
    } catch (error) {
      throw questionError(error, queue)
    }
  }

  async renew(queue: string): Promise<void> {
    const found = this.#silent.has(queue) ? 'silent' : await this.#tryOut(queue)
    if (found === 'answers') return
    // One that is missing may be there already, made by somebody else who found the same.
    if (found === 'silent') {
      try {
        await this.#ask((channel) => channel.deleteQueue(queue))
      } catch (error) {
        throw questionError(error, queue)
      }
      this.#silent.delete(queue)
    }
    await this.declare(queue)
  }

  /** Declaring and counting do not need the leader of a queue; getting a message does. */
  async #tryOut(queue: string): Promise<'answers' | 'silent' | 'missing'> {
    if (this.#end !== null) throw this.#end
    // A channel of its own: where there is no answer it hangs, until the queue is deleted.
    const channel = await this.#model.createChannel()
    channel.on('error', () => {})
    const answer = channel.get(queue).then((message) => {
      if (message !== false) channel.nack(message)
      channel.close().catch(() => {})
      return 'answers' as const
    })
    const late = Promise.withResolvers<'silent'>()
    const timer = setTimeout(late.resolve, BROKER_SILENCE_MS, 'silent')
    try {
      return await Promise.race([answer, late.promise])
    } catch (error) {
      if (codeOf(error) === 404) return 'missing'
      // The end of the connection is told after that of its channels.
      await setImmediate()
      const end = this.#end as BrokerFailure | null
      if (end?.message.includes(`from queue 'queue '${queue}'`) === true) this.#silent.add(queue)
      throw questionError(end ?? error, queue)
    } finally {
      clearTimeout(timer)
      answer.catch(() => {})
    }
  }

  async look(queue: string): Promise<QueueLook | null> {
    try {
      const { messageCount, consumerCount } = await this.#ask((channel) => channel.checkQueue(queue))
      return { ready: messageCount, consumers: consumerCount }
    } catch (error) {
      if (codeOf(error) === 404) return null
      throw questionError(error, queue)
    }
  }

  /** The connection is gone. */
  end(reason: string): void {
    this.#end ??= new BrokerFailure('down', reason)
  }

  #ask<T>(question: (channel: Channel) => Promise<T>): Promise<T> {
    const answer = this.#last.then(() => this.#askNow(question))
    this.#last = answer.catch(() => {})
    return answer
  }

  async #askNow<T>(question: (channel: Channel) => Promise<T>): Promise<T> {
    if (this.#end !== null) throw this.#end
    const deadline = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      this.#channel = null
      deadline.reject(new BrokerFailure('refused', `the broker did not answer in ${BROKER_CALL_MS} ms`))
    }, BROKER_CALL_MS)
    try {
      this.#channel ??= this.#openChannel()
      return await Promise.race([this.#channel.then(question), deadline.promise])
    } catch (error) {
      throw this.#end ?? error
    } finally {
      clearTimeout(timer)
    }
  }

  async #openChannel(): Promise<Channel> {
    const forget = () => {
      this.#channel = null
    }
    const channel = await this.#model.createChannel().catch((error) => {
      forget()
      throw error
    })
    // The question that it closed over hears of it by itself.
    channel.on('error', () => {})
    channel.on('close', forget)
    return channel
  }
}

function questionError(error: unknown, queue: string): Error {
  if (error instanceof BrokerFailure) return error
  const said = error instanceof Error ? error.message : String(error)
  if (codeOf(error) === 406) {
    const sentence = `the queue "${queue}" exists with other arguments; delete it, or choose another prefix (${said})`
    return new ChasquiError('CONFIG_INVALID', sentence, { cause: error })
  }
  if (codeOf(error) === 403) {
    const sentence = `the user of the broker has no right to make or read the queue "${queue}" (${said})`
    return new ChasquiError('CONFIG_INVALID', sentence, { cause: error })
  }
  return new BrokerFailure('refused', `the broker does not answer about "${queue}": ${said}`, queue, {
    cause: error,
  })
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code
}
