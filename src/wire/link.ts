/**
 * A JSON-RPC connection that heals itself: what our own programs (client library, worker, commands) hold to a distributor, or to
 * any one of several. When the connection breaks, the next one is made with back-off and jitter, and listeners are told.
 *
 *   connecting ──hello──► up ──break──► connecting …      close(), or a hello refused for good ──► closed
 *
 * Requests that were under way at a break are rejected with CONNECTION_LOST, for nobody knows what became of them: their owner knows
 * what is safe to repeat. Requests made while there is no connection wait for one, in order, until their deadline.
 *
 * Invariants: every request is settled, by its deadline at the latest; askers and notification listeners are called in the
 * order in which the server said things; what waits is bounded (RequestTable); an open link keeps the process alive.
 */

import { type Backoff, backoffDelayMs } from '../task/backoff.ts'
import { type Clock, systemClock, type Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import {
  CONNECT_TIMEOUT_MS,
  PING_TIMEOUT_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  SILENCE_MS,
} from '../task/limits.ts'
import { type Address, addressText, parseServerUrl } from './address.ts'
import { Connection } from './connection.ts'
import { type Answer, isObject, notificationText, type Params, requestText } from './messages.ts'
import { type ClientIdentity, writeHello } from './query-codec.ts'
import { type OpenRequest, RequestTable } from './request-table.ts'
import { type ClientTlsSource, TlsDialer } from './tls-dialer.ts'

export interface LinkOptions {
  /** `chasqui://host:port[,host2:port2]`, or `chasquis://…` for TLS; several hosts are tried in turn. */
  readonly url: string
  /** Only with `chasquis://`. */
  readonly tls?: ClientTlsSource
  readonly token?: string
  readonly client: ClientIdentity
  readonly role?: 'client' | 'worker'
  readonly clock?: Clock
  /** Uniform in [0, 1): the jitter of the back-off. */
  readonly random?: () => number
  readonly connectTimeoutMs?: number
  readonly reconnectMinMs?: number
  readonly reconnectMaxMs?: number
  readonly silenceMs?: number
  readonly pingTimeoutMs?: number
}

/** What `session.hello` told; absent where an older server did not. */
export interface ServerInfo {
  readonly version: string
  readonly session: string
  /** The longest message that the server takes; Infinity when it did not say. */
  readonly frameBytesMax: number
}

export interface RequestOptions {
  readonly timeoutMs: number
  /** Aborting rejects with its reason; what was sent may or may not have happened. */
  readonly signal?: AbortSignal
  /** Called with the result before the promise resolves, and before any later message of the server is looked at. */
  readonly onReply?: (result: unknown) => void
}

/** Who asks without a promise. Exactly one of the two is called, once, in the order in which the server said things; neither may throw. */
export interface Asker {
  replied(result: unknown): void
  failed(error: ChasquiError): void
}

export type LinkState = 'connecting' | 'up' | 'closed'
export type LinkEnd = { readonly reason: 'closed' | 'failed'; readonly error?: ChasquiError }

export interface Link {
  readonly state: LinkState
  /** Of the connection that is up, or was last; null before the first. */
  readonly server: ServerInfo | null
  /**
   * Resolves with the result. Rejects with the error of the reply, or with CONNECTION_LOST (broke under way, or there was no connection
   * until the deadline: then nothing was sent), TIMEOUT (sent, not answered), BUFFER_FULL or CLOSED.
   */
  request(method: string, paramsText: string, options: RequestOptions): Promise<unknown>
  /** The same for who has many requests under way and needs no promise for each. Returns a number for `forget`. */
  ask(method: string, paramsText: string, timeoutMs: number, asker: Asker): number
  /** The answer to this request is not wanted any more: its asker is not called. */
  forget(request: number): void
  /** Sends when the link is up, otherwise does nothing and returns false. */
  notify(method: string, paramsText: string): boolean
  /** One listener a method. */
  on(method: string, listener: (params: Params) => void): void
  /** Called each time a connection is ready, before the requests that waited for it are sent. */
  onUp(listener: (server: ServerInfo) => void): void
  /** Called each time a connection that was up breaks, after what was under way was rejected. */
  onDown(listener: (error: ChasquiError) => void): void
  /** Resolves when the link is up. Rejects with CONNECTION_LOST after `timeoutMs`, saying why, or with why it ended. */
  ready(timeoutMs: number): Promise<void>
  /** Sends what was said, then closes; open requests are rejected with CLOSED. Repeatable. */
  close(): Promise<void>
  /** Resolves when there will never be a connection again: end of life is data. */
  readonly closed: Promise<LinkEnd>
}

/** Starts connecting at once. @throws ChasquiError CONFIG_INVALID when the url cannot be used */
export function openLink(options: LinkOptions): Link {
  return new HealingLink(options)
}

/** How long a closing socket may take to hand its last words to the peer. */
const LAST_WORDS_MS = 1_000
/** Longest delay of a timer; only there so that an open link holds the process. */
const HOLD_MS = 2 ** 31 - 1

class HealingLink implements Link {
  readonly #options: LinkOptions
  readonly #clock: Clock
  readonly #random: () => number
  readonly #backoff: Backoff
  readonly #addresses: readonly Address[]
  /** Null: without TLS. */
  readonly #dialer: TlsDialer | null
  readonly #requests: RequestTable
  readonly #listeners = new Map<string, (params: Params) => void>()
  readonly #upListeners = new Set<(server: ServerInfo) => void>()
  readonly #downListeners = new Set<(error: ChasquiError) => void>()
  readonly #hold: NodeJS.Timeout
  #state: LinkState = 'connecting'
  #server: ServerInfo | null = null
  #connection: Connection | null = null
  #reconnect: Timer | null = null
  #addressIndex = 0
  /** Since a connection was up. */
  #hostsTried = 0
  /** Since a connection was stable. */
  #pauses = 0
  #upAtMs = 0
  #lastError: ChasquiError | null = null
  #closing: Promise<void> | null = null
  readonly closed: Promise<LinkEnd>
  #resolveClosed!: (end: LinkEnd) => void

  constructor(options: LinkOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    const { secure, addresses } = parseServerUrl(options.url)
    this.#addresses = addresses
    this.#dialer = secure ? new TlsDialer(options.tls ?? {}) : null
    if (!secure && options.tls !== undefined) {
      const why = `certificates are given for ${options.url}, which is not encrypted: write chasquis://`
      throw new ChasquiError('CONFIG_INVALID', why)
    }
    this.#backoff = {
      kind: 'exponential',
      baseMs: options.reconnectMinMs ?? RECONNECT_MIN_MS,
      maxMs: options.reconnectMaxMs ?? RECONNECT_MAX_MS,
      jitter: true,
    }
    this.#requests = new RequestTable(this.#clock, (request) => this.#overdue(request))
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    // The clock's timers do not keep the process alive, and while there is no connection there is no socket that does.
    this.#hold = setInterval(() => {}, HOLD_MS)
    this.#connect()
  }

  get state(): LinkState {
    return this.#state
  }

  get server(): ServerInfo | null {
    return this.#server
  }

  request(
    method: string,
    paramsText: string,
    { timeoutMs, signal, onReply }: RequestOptions,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const leave = () => {
        this.forget(id)
        reject(signal!.reason)
      }
      const id = this.ask(method, paramsText, timeoutMs, {
        replied(result) {
          signal?.removeEventListener('abort', leave)
          onReply?.(result)
          resolve(result)
        },
        failed(error) {
          signal?.removeEventListener('abort', leave)
          reject(error)
        },
      })
      signal?.addEventListener('abort', leave)
    })
  }

  ask(method: string, paramsText: string, timeoutMs: number, asker: Asker): number {
    if (this.#state === 'closed') throw this.#closedError()
    const deadlineMs = this.#clock.nowMs() + timeoutMs
    const request: OpenRequest = { method, paramsText, deadlineMs, asker, sent: false }
    const id = this.#requests.add(request)
    if (this.#state === 'up') this.#send(id, request)
    return id
  }

  forget(request: number): void {
    this.#requests.take(request)
  }

  notify(method: string, paramsText: string): boolean {
    if (this.#state !== 'up') return false
    this.#connection!.send(notificationText(method, paramsText))
    return true
  }

  on(method: string, listener: (params: Params) => void): void {
    this.#listeners.set(method, listener)
  }

  onUp(listener: (server: ServerInfo) => void): void {
    this.#upListeners.add(listener)
  }

  onDown(listener: (error: ChasquiError) => void): void {
    this.#downListeners.add(listener)
  }

  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'up') return resolve()
      const leave = (settle: () => void) => {
        timer.cancel()
        this.#upListeners.delete(up)
        settle()
      }
      const up = () => leave(resolve)
      const timer = this.#clock.at(this.#clock.nowMs() + timeoutMs, () =>
        leave(() => reject(this.#unreachable())),
      )
      this.#upListeners.add(up)
      void this.closed.then(() => leave(() => reject(this.#closedError())))
    })
  }

  close(): Promise<void> {
    if (this.#closing === null) {
      // What it failed with before is not why it is closed.
      this.#lastError = null
      this.#closing = this.#end({ reason: 'closed' })
    }
    return this.#closing
  }

  // ---- connections, one after the other ---------------------------------------------------------------------

  #connect(): void {
    this.#reconnect = null
    const { token, client, role, connectTimeoutMs, silenceMs, pingTimeoutMs } = this.#options
    const connection = new Connection({
      address: this.#addresses[this.#addressIndex]!,
      dialer: this.#dialer,
      helloText: writeHello({ token, client, role }),
      clock: this.#clock,
      connectTimeoutMs: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      silenceMs: silenceMs ?? SILENCE_MS,
      pingTimeoutMs: pingTimeoutMs ?? PING_TIMEOUT_MS,
      onUp: (hello) => this.#cameUp(hello),
      onAnswer: (answer) => this.#hear(answer),
      onEnd: (error) => this.#wentDown(connection, error),
    })
    this.#connection = connection
  }

  #cameUp(hello: unknown): void {
    if (this.#state === 'closed') return
    this.#state = 'up'
    this.#upAtMs = this.#clock.nowMs()
    this.#server = readServerInfo(hello)
    for (const listener of this.#upListeners) listener(this.#server)
    for (const [id, request] of this.#requests.unsent()) this.#send(id, request)
  }

  #wentDown(connection: Connection, error: ChasquiError): void {
    if (this.#connection !== connection) return
    this.#connection = null
    if (this.#state === 'closed') return
    const wasUp = this.#state === 'up'
    this.#lastError = error
    if (!error.retryable && !this.#mayHeal(error)) {
      void this.#end({ reason: 'failed', error })
      return
    }
    this.#state = 'connecting'
    this.#planNext(wasUp)
    if (!wasUp) return
    this.#requests.fail('sent', error)
    for (const listener of this.#downListeners) listener(error)
  }

  /** A certificate that expired is renewed one day, and one bad host of several says nothing about the others. */
  #mayHeal(error: ChasquiError): boolean {
    return error.code === 'TLS_FAILED' && (this.#server !== null || this.#addresses.length > 1)
  }

  /** All hosts are tried without a pause, beginning with the one that was up last, for there a worker's leases are; then comes a pause. */
  #planNext(wasUp: boolean): void {
    const nowMs = this.#clock.nowMs()
    if (wasUp) {
      this.#hostsTried = 0
      if (nowMs - this.#upAtMs >= this.#maxBackoffMs) this.#pauses = 0
    } else {
      this.#hostsTried++
      this.#addressIndex = (this.#addressIndex + 1) % this.#addresses.length
    }
    const isPause = this.#hostsTried % this.#addresses.length === 0
    const delayMs = isPause ? backoffDelayMs(this.#backoff, ++this.#pauses, this.#random) : 0
    this.#reconnect = this.#clock.at(nowMs + delayMs, () => this.#connect())
  }

  get #maxBackoffMs(): number {
    return this.#options.reconnectMaxMs ?? RECONNECT_MAX_MS
  }

  async #end(end: LinkEnd): Promise<void> {
    this.#state = 'closed'
    this.#reconnect?.cancel()
    clearInterval(this.#hold)
    if (end.error !== undefined) this.#lastError = end.error
    this.#requests.fail('all', this.#closedError())
    this.#resolveClosed(end)
    await this.#connection?.close(LAST_WORDS_MS)
  }

  // ---- messages ---------------------------------------------------------------------------------------------

  #send(id: number, request: OpenRequest): void {
    request.sent = true
    this.#connection!.send(requestText(id, request.method, request.paramsText))
  }

  #hear(answer: Answer): void {
    if (answer.kind === 'notification') {
      this.#listeners.get(answer.method)?.(answer.params)
      return
    }
    // Undefined: it came after its deadline.
    const request = this.#requests.take(answer.id as number)
    if (answer.kind === 'reply') request?.asker.replied(answer.result)
    else request?.asker.failed(answer.error)
  }

  // ---- errors -----------------------------------------------------------------------------------------------

  #overdue(request: OpenRequest): ChasquiError {
    if (!request.sent) return this.#unreachable()
    return new ChasquiError('TIMEOUT', `${request.method} was not answered in time`)
  }

  #unreachable(): ChasquiError {
    const hosts = this.#addresses.map(addressText).join(' or ')
    const cause = this.#lastError
    return cause === null
      ? new ChasquiError('CONNECTION_LOST', `no distributor could be reached at ${hosts} in time`)
      : new ChasquiError(cause.code === 'TLS_FAILED' ? 'TLS_FAILED' : 'CONNECTION_LOST', cause.message, {
          cause,
        })
  }

  #closedError(): ChasquiError {
    const cause = this.#lastError
    return cause === null
      ? new ChasquiError('CLOSED', 'the connection was closed')
      : new ChasquiError(cause.code, cause.message, { cause })
  }
}

function readServerInfo(hello: unknown): ServerInfo {
  const { server, session, limits } = isObject(hello) ? hello : {}
  const frameBytes = isObject(limits) ? limits.frameBytes : undefined
  return {
    version: isObject(server) ? String(server.version) : '',
    session: String(session ?? ''),
    frameBytesMax: typeof frameBytes === 'number' ? frameBytes : Number.POSITIVE_INFINITY,
  }
}
