/**
 * News: what one process tells all others that are there now. A fanout exchange, and for each process a private queue that goes with its
 * connection. Nothing is kept and nothing confirmed.
 *
 * Invariant: nobody hears himself.
 */

import type { Channel } from 'amqplib'
import { BROKER_NEWS_WAITING_MAX } from '../../../task/limits.ts'

export interface NewsOptions {
  readonly exchange: string
  /** Of this connection, unlike all others. */
  readonly self: string
  readonly hear: (text: string) => void
  /** The private queue is gone. */
  readonly lost: () => void
}

/** Makes exchange and queue, and listens. Rejects with the broker's error. */
export async function hearNews(channel: Channel, options: NewsOptions): Promise<string> {
  const { exchange, self } = options
  const queue = addressOf(options)
  await channel.assertExchange(exchange, 'fanout', { durable: true })
  await channel.assertQueue(queue, {
    exclusive: true,
    autoDelete: true,
    durable: false,
    arguments: { 'x-queue-type': 'classic', 'x-max-length': BROKER_NEWS_WAITING_MAX },
  })
  await channel.bindQueue(queue, exchange, '')
  await channel.consume(
    queue,
    (message) => {
      if (message === null) options.lost()
      else if (message.properties.appId !== self && message.content.length > 0) {
        const text = message.content.toString()
        // Not from within amqplib's reading: what a listener throws is no error of the channel.
        process.nextTick(() => options.hear(text))
      }
    },
    { noAck: true },
  )
  return queue
}

/** Where one process alone hears. */
export function addressOf({ exchange, self }: Pick<NewsOptions, 'exchange' | 'self'>): string {
  return `${exchange}.${self}`
}

/** To all, or to an address. False: the socket is full, and what follows should be left out. */
export function tellNews(
  channel: Channel,
  { exchange, self }: Pick<NewsOptions, 'exchange' | 'self'>,
  text: string,
  to?: string,
): boolean {
  // The exchange without a name leads to the queue of the name given.
  const [way, key] = to === undefined ? [exchange, ''] : ['', to]
  return channel.publish(way, key, Buffer.from(text), { appId: self, persistent: false })
}
