/**
 * One connection to one distributor, from the first SYN to its end: opened with a deadline, introduced by `session.hello`, watched for
 * signs of life. `link.ts` makes one after the other of these; nothing here tries again.
 *
 * A peer whose machine vanished sends no FIN. So when nothing was heard for a while a cheap request is sent, and a peer that stays
 * silent is taken for dead. Invariant: `onEnd` is called once, after the last `onAnswer`, whatever happens.
 */

import net from 'node:net'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { REPLY_BYTES_MAX } from '../task/limits.ts'
import { type Address, addressText } from './address.ts'
import { LineReader } from './line-reader.ts'
import { type Answer, parseLine, readAnswer, requestText } from './messages.ts'
import { Outbox } from './outbox.ts'
import type { TlsDialer } from './tls-dialer.ts'
import { describeTlsFault } from './tls-faults.ts'

export interface ConnectionOptions {
  readonly address: Address
  /** Null: without TLS. */
  readonly dialer: TlsDialer | null
  /** Params of `session.hello`. */
  readonly helloText: string
  readonly clock: Clock
  /** For the connection and the answer to its hello together. */
  readonly connectTimeoutMs: number
  /** How long nothing may be heard before a sign of life is asked for, and how long that may take. */
  readonly silenceMs: number
  readonly pingTimeoutMs: number
  /** The server said hello. */
  readonly onUp: (hello: unknown) => void
  /** Replies, errors with the id of a request, and notifications. */
  readonly onAnswer: (answer: Answer) => void
  /** The error of the server's hello where that was refused, TLS_FAILED, otherwise CONNECTION_LOST. */
  readonly onEnd: (error: ChasquiError) => void
}

/** Ids of our own two requests; those of a link are numbers. */
const HELLO_ID = 'hello'
const PING_ID = 'ping'
const PING_TEXT = requestText(PING_ID, 'task.get', '{"ids":[]}')

export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: net.Socket
  readonly #outbox: Outbox
  readonly #reader: LineReader
  #timer: Timer
  #heardAtMs = 0
  #up = false
  #ended = false
  /** What the server said before it closed: an error without the id of a request. */
  #complaint: ChasquiError | null = null

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { address, dialer, clock, connectTimeoutMs } = options
    this.#socket = dialer?.dial(address) ?? net.connect({ ...address, noDelay: true, keepAlive: true })
    // Who sends is bounded by what it has open (link.ts); nothing is decided by the fill of this outbox.
    this.#outbox = new Outbox(this.#socket, { bytesMax: Number.POSITIVE_INFINITY })
    this.#reader = new LineReader({
      frameBytesMax: REPLY_BYTES_MAX,
      onLine: (line) => this.#read(line),
      onFault: (error) =>
        this.#end(this.#lost(`the server sent what cannot be read: ${error.message}`, error)),
    })
    this.#socket
      .on(dialer === null ? 'connect' : 'secureConnect', () =>
        this.#outbox.send(requestText(HELLO_ID, 'session.hello', options.helloText)),
      )
      .on('data', (chunk: Buffer) => {
        this.#heardAtMs = clock.nowMs()
        this.#reader.push(chunk)
      })
      .on('error', (error) => this.#end(this.#failed(error)))
      .on('close', () => this.#end(this.#lost('the server closed the connection')))
    this.#timer = clock.at(clock.nowMs() + connectTimeoutMs, () =>
      this.#end(this.#lost(`no answer within ${connectTimeoutMs} ms`)),
    )
  }

  send(text: string): void {
    this.#outbox.send(text)
  }

  /** Sends what was said, then ends. Resolves when the socket is gone, after `timeoutMs` at the latest. */
  async close(timeoutMs: number): Promise<void> {
    const { clock } = this.#options
    if (!this.#socket.destroyed) {
      const gone = new Promise((resolve) => this.#socket.once('close', resolve))
      this.#outbox.end()
      const timer = clock.at(clock.nowMs() + timeoutMs, () => this.#socket.destroy())
      await gone
      timer.cancel()
    }
    this.#end(this.#lost('it was closed'))
  }

  #read(line: string): void {
    let answer: Answer
    try {
      answer = readAnswer(parseLine(line))
    } catch (error) {
      this.#end(this.#lost(`the server sent what cannot be read: ${(error as Error).message}`, error))
      return
    }
    if (answer.kind === 'notification' || typeof answer.id === 'number') {
      this.#options.onAnswer(answer)
    } else if (answer.id === HELLO_ID) {
      this.#welcome(answer)
    } else if (answer.id === PING_ID) {
      this.#listen()
    } else if (answer.kind === 'error' && answer.id === null) {
      this.#complaint = answer.error
    }
  }

  #welcome(answer: Extract<Answer, { kind: 'reply' | 'error' }>): void {
    if (this.#up) return
    if (answer.kind === 'error') {
      this.#end(answer.error)
      return
    }
    this.#up = true
    this.#listen()
    this.#options.onUp(answer.result)
  }

  /** Waits for the end of a silence. One timer at a time; what is heard costs no timer at all. */
  #listen(): void {
    const { clock, silenceMs } = this.#options
    this.#timer.cancel()
    this.#timer = clock.at(this.#heardAtMs + silenceMs, () => {
      if (clock.nowMs() - this.#heardAtMs < silenceMs) this.#listen()
      else this.#ping()
    })
  }

  #ping(): void {
    const { clock, silenceMs, pingTimeoutMs } = this.#options
    const askedAtMs = clock.nowMs()
    this.send(PING_TEXT)
    // Its answer, or anything else that is heard meanwhile, is the sign of life.
    this.#timer = clock.at(askedAtMs + pingTimeoutMs, () => {
      if (this.#heardAtMs >= askedAtMs) this.#listen()
      else this.#end(this.#lost(`nothing was heard for ${silenceMs + pingTimeoutMs} ms`))
    })
  }

  #end(error: ChasquiError): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer.cancel()
    this.#reader.stop()
    this.#socket.destroy()
    this.#options.onEnd(error)
  }

  #failed(error: Error): ChasquiError {
    const { address, dialer } = this.#options
    const fault = dialer === null || this.#up ? null : describeTlsFault(error, address.host)
    // What the server said in words is better than what OpenSSL makes of how it closed.
    if (fault === null || this.#complaint !== null) return this.#lost(describeSocketError(error), error)
    return new ChasquiError('TLS_FAILED', `no TLS with ${addressText(address)}: ${fault}`, { cause: error })
  }

  #lost(why: string, cause?: unknown): ChasquiError {
    const place = addressText(this.#options.address)
    const complaint = this.#complaint
    if (complaint?.code === 'TLS_FAILED') {
      return new ChasquiError('TLS_FAILED', `${place}: ${complaint.message}`, { cause: complaint })
    }
    const what = this.#up ? `the connection to ${place} broke` : `no distributor could be reached at ${place}`
    return new ChasquiError('CONNECTION_LOST', `${what}: ${complaint?.message ?? why}`, {
      cause: complaint ?? cause,
    })
  }
}

const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it was reset',
  EPIPE: 'it was reset',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to its network',
}

/** A host with several addresses fails with an AggregateError, whose message is empty. */
function describeSocketError(error: NodeJS.ErrnoException): string {
  return SOCKET_ERRORS[error.code ?? ''] ?? (error.message || error.code || 'unknown error')
}
