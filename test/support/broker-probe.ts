/** A broker connection under test, and what it was told; and a subscriber that writes down what came. */

import type { Broker, BrokerOptions, Incoming, Subscription } from '../../src/engine/cluster/broker/broker.ts'
import { openBroker } from '../../src/engine/cluster/broker/open-broker.ts'
import { eventually } from './eventually.ts'
import { atEnd, type Scope } from './temporary.ts'

/** Starting a node of RabbitMQ, and the longest back-off after it. */
export const BROKER_BACK_MS = 45_000

export interface BrokerProbe {
  readonly broker: Broker
  /** `up`, `down`, `blocked` … in the order told. */
  readonly events: string[]
  readonly news: string[]
  /** Waits until it was told that often. */
  told(event: string, times?: number): Promise<void>
}

export async function openProbe(
  scope: Scope,
  urls: string | readonly string[],
  options: Partial<BrokerOptions> = {},
): Promise<BrokerProbe> {
  const [events, news] = [[] as string[], [] as string[]]
  const broker = await openBroker({
    urls: typeof urls === 'string' ? [urls] : urls,
    connectionName: 'test',
    prefix: 'chasqui',
    ...options,
    listener: {
      up: () => events.push('up'),
      down: () => events.push('down'),
      news: (text) => news.push(text),
      trouble: (event) => events.push(event),
    },
  })
  atEnd(scope, () => broker.close())
  const told = (event: string, times = 1) =>
    eventually(
      `${event} is told ${times} times`,
      () => events.filter((other) => other === event).length >= times,
      BROKER_BACK_MS,
    )
  await told('up')
  return { broker, events, news, told }
}

/** The same text to a queue, or several. */
export function letters(queue: string, ...bodies: readonly string[]) {
  return bodies.map((body) => ({ queue, body, contentType: 'text/plain' }))
}

export interface Reader {
  readonly subscription: Subscription
  /** Everything that came, in order, and the size of each delivery. */
  readonly messages: Incoming[]
  readonly sizes: number[]
  readonly interruptions: string[]
  readonly texts: string[]
  has(count: number): Promise<void>
}

/** @param take what to do with each message; by default it is kept, unsettled */
export function read(
  broker: Broker,
  queue: string,
  prefetch = 1_000,
  take: (message: Incoming) => void = () => {},
): Reader {
  const [messages, sizes, interruptions, texts] = [
    [] as Incoming[],
    [] as number[],
    [] as string[],
    [] as string[],
  ]
  const subscription = broker.subscribe(queue, prefetch, {
    deliver(batch) {
      sizes.push(batch.length)
      for (const message of batch) {
        messages.push(message)
        texts.push(message.body.toString())
        take(message)
      }
    },
    interrupted: (reason) => interruptions.push(reason),
  })
  const has = (count: number) =>
    eventually(`${queue} brings ${count}`, () => messages.length >= count, BROKER_BACK_MS)
  return { subscription, messages, sizes, interruptions, texts, has }
}

export const doneWith = (message: Incoming): void => message.done()

/** Waits until nothing is ready in the queue and nobody holds a message of it, as RabbitMQ sees it. */
export async function isEmpty(broker: Broker, queue: string): Promise<void> {
  await eventually(`${queue} is empty`, async () => (await broker.look(queue))?.ready === 0)
}
