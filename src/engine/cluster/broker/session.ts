/**
 * One life of the connection to a broker, from log-in to loss. It is two sockets: one that gives (publishes, tells) and one that takes (consumes,
 * asks); for while RabbitMQ has a memory or disk alarm it does not read from a connection that publishes, and acks on it would wait
 * too: the workers that should empty the queues would stand still. They live and die together.
 *
 * Invariant: a session ends once, and its end is told once.
 */

import { randomUUID } from 'node:crypto'
import type { Channel, ConfirmChannel } from 'amqplib'
import { ChasquiError } from '../../../task/errors.ts'
import { BROKER_CLOSE_MS, BROKER_CONNECT_MS } from '../../../task/limits.ts'
import type { BrokerAddress } from './address.ts'
import { type BrokerConnection, connectError, openConnection } from './connect.ts'
import { addressOf, hearNews, tellNews } from './news.ts'
import { Publisher } from './publisher.ts'
import { Questions } from './questions.ts'

export interface SessionOptions {
  readonly address: BrokerAddress
  readonly connectionName: string
  readonly prefix: string
  readonly heartbeatMs: number
  /** See Questions; outlives the session. */
  readonly silentQueues: Set<string>
  readonly news: (text: string) => void
  readonly blocked: (reason: string | null) => void
  /** Not told after `close`. */
  readonly ended: (reason: string) => void
}

export class Session {
  readonly publisher: Publisher
  readonly questions: Questions
  /** Of those who subscribe: a queue that does not answer must not hold up the others' questions. */
  readonly subscriptionQuestions: Questions
  readonly taking: BrokerConnection
  /** For Subscriptions. */
  readonly consuming: Channel
  readonly #giving: BrokerConnection
  readonly #telling: Channel
  readonly #options: SessionOptions
  readonly #newsTo: { readonly exchange: string; readonly self: string }
  #isTellingFull = false
  #isEnded = false

  /** Tries for BROKER_CONNECT_MS. @throws ChasquiError CONFIG_INVALID or CONNECTION_LOST */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<Session> {
    const { address } = options
    const either = new AbortController()
    const limit = AbortSignal.any([signal, either.signal, AbortSignal.timeout(BROKER_CONNECT_MS)])
    const made: BrokerConnection[] = []
    const connection = async (role: string) => {
      const name = `${options.connectionName} (${role})`
      const one = await openConnection({ address, name, heartbeatMs: options.heartbeatMs, signal: limit })
      made.push(one)
      // Without a listener an error of a connection that is given up would end the process.
      one.model.on('error', () => {})
      one.model.once('close', (error) => either.abort(error ?? new Error('Socket closed abruptly')))
      return one
    }
    try {
      const [giving, taking] = await Promise.all([connection('gives'), connection('takes')])
      return await beforeAbort(limit, Session.#furnish(options, giving, taking))
    } catch (error) {
      either.abort()
      for (const one of made) one.destroy()
      throw rightsError(error, options) ?? connectError(error, address)
    }
  }

  static async #furnish(options: SessionOptions, giving: BrokerConnection, taking: BrokerConnection) {
    const self = randomUUID()
    const newsTo = { exchange: `${options.prefix}.news`, self }
    const quiet = <T extends Channel>(channel: T): T => channel.on('error', () => {}) as T
    const [publishing, telling, consuming, hearing] = await Promise.all([
      giving.model.createConfirmChannel().then(quiet),
      giving.model.createChannel().then(quiet),
      taking.model.createChannel().then(quiet),
      taking.model.createChannel().then(quiet),
    ])
    let session: Session | null = null
    const queue = await hearNews(hearing, {
      ...newsTo,
      hear: (text) => {
        if (session !== null) session.#hear(text)
      },
      lost: () => session?.end('the queue of the news is gone'),
    })
    const alarm = watchAlarm(giving)
    const probes = await probe(publishing, newsTo.exchange, queue, alarm)
    session = new Session(options, {
      giving,
      taking,
      publishing,
      telling,
      consuming,
      hearing,
      newsTo,
      probes,
    })
    alarm.told = session.#block
    if (alarm.reason !== null) session.#block(alarm.reason)
    return session
  }

  private constructor(
    options: SessionOptions,
    parts: {
      readonly giving: BrokerConnection
      readonly taking: BrokerConnection
      readonly publishing: ConfirmChannel
      readonly telling: Channel
      readonly consuming: Channel
      readonly hearing: Channel
      readonly newsTo: { readonly exchange: string; readonly self: string }
      readonly probes: number
    },
  ) {
    const { giving, taking, publishing, telling, probes } = parts
    this.#options = options
    this.#giving = giving
    this.taking = taking
    this.consuming = parts.consuming
    this.#telling = telling
    this.#newsTo = parts.newsTo
    this.questions = new Questions(taking.model, options.silentQueues)
    this.subscriptionQuestions = new Questions(taking.model, options.silentQueues)
    this.publisher = new Publisher(publishing, probes + 1, (reason) => this.end(reason))
    telling.on('drain', () => {
      this.#isTellingFull = false
    })
    for (const { model } of [giving, taking]) {
      let why: Error | undefined
      model.on('error', (error) => {
        why = error
      })
      model.on('close', (error) => this.end(lossReason(error ?? why)))
    }
    for (const channel of [publishing, telling, parts.hearing]) {
      channel.on('error', (error) => this.end(`a channel was closed: ${error.message}`))
    }
  }

  /** Left out while the broker does not take it. */
  tell(text: string, to?: string): void {
    if (this.#isEnded || this.publisher.isBlocked || this.#isTellingFull) return
    this.#isTellingFull = !tellNews(this.#telling, this.#newsTo, text, to)
  }

  get address(): string {
    return addressOf(this.#newsTo)
  }

  /** Gives it up at once. */
  end(reason: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#letGo(reason)
    this.#options.ended(reason)
  }

  /** Waits for what is still to be said on it, and says goodbye, as far as the broker listens. */
  async close(said: Promise<void>): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    this.publisher.end('the broker was closed')
    const goodbye = said.then(() =>
      Promise.allSettled([this.#giving.model.close(), this.taking.model.close()]),
    )
    const limit = Promise.withResolvers<void>()
    const timer = setTimeout(limit.resolve, BROKER_CLOSE_MS)
    await Promise.race([goodbye, limit.promise])
    clearTimeout(timer)
    this.#letGo('the broker was closed')
  }

  #letGo(reason: string): void {
    this.publisher.end(reason)
    this.questions.end(reason)
    this.subscriptionQuestions.end(reason)
    this.#giving.destroy()
    this.taking.destroy()
  }

  #hear(text: string): void {
    if (!this.#isEnded) this.#options.news(text)
  }

  /** Null: it takes messages again. */
  readonly #block = (reason: string | null): void => {
    if (this.#isEnded) return
    this.publisher.isBlocked = reason !== null
    this.#options.blocked(reason)
  }
}

/** What the broker said last about taking messages; from the first moment, for an alarm may be on already. */
interface Alarm {
  reason: string | null
  told: (reason: string | null) => void
}

function watchAlarm({ model }: BrokerConnection): Alarm {
  const alarm: Alarm = { reason: null, told: () => {} }
  const tell = (reason: string | null) => {
    alarm.reason = reason
    alarm.told(reason)
  }
  model.on('blocked', tell)
  model.on('unblocked', () => tell(null))
  return alarm
}

/**
 * Publishes what nobody reads, to learn at once whether the user may publish. A broker with an alarm does not answer: then what matters is
 * not the rights. Resolves to the number of messages.
 */
async function probe(
  publishing: ConfirmChannel,
  exchange: string,
  queue: string,
  alarm: Alarm,
): Promise<number> {
  const blocked = new Promise<void>((resolve) => {
    alarm.told = () => resolve()
  })
  // What it was refused with says more than that it was closed.
  const refused = new Promise<never>((_, reject) => {
    publishing.once('error', reject)
  })
  refused.catch(() => {})
  publishing.publish('', queue, Buffer.alloc(0))
  publishing.publish(exchange, '', Buffer.alloc(0))
  const confirmed = publishing.waitForConfirms()
  confirmed.catch(() => {})
  await Promise.race([refused, confirmed, blocked])
  return 2
}

/** What the broker refuses while channels, exchange and queue are made; null when it is something else. */
function rightsError(error: unknown, { address, prefix }: SessionOptions): ChasquiError | null {
  const { code, message } = error as { code?: unknown; message?: string }
  const said = /"(.*)"/.exec(message ?? '')?.[1] ?? message
  if (code === 403) {
    const needed = `it must configure, read and write ${prefix}.*, and write amq.default`
    const sentence = `the user "${address.user}" has too few rights at the broker at ${address.text}: ${needed} (${said})`
    return new ChasquiError('CONFIG_INVALID', sentence, { cause: error })
  }
  if (code === 406) {
    const sentence = `the broker at ${address.text} holds something else under a name of ours; choose another prefix (${said})`
    return new ChasquiError('CONFIG_INVALID', sentence, { cause: error })
  }
  return null
}

function lossReason(error: Error | undefined): string {
  return error === undefined ? 'the broker hung up' : `the connection was lost: ${error.message}`
}

/** The same promise, that no longer waits when the time is up. */
async function beforeAbort<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  promise.catch(() => {})
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
