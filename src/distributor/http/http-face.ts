/**
 * The HTTP server: the second face of a distributor. The same engine, commands, rights and limits as over TCP, as routes for programs that speak HTTP and for
 * browsers.
 *
 *   request ──► gate (which pages, which name) ──► pass (who, what right) ──► body ──► command ──► answer
 *
 * The seams for what stands beside the API: `metrics` (a text that composition gives) and `page` (a folder with the built web page; page.ts).
 *
 * Invariants: no route without a right; nothing is read of a body before its sender was let in; whatever one request does, the others do not notice.
 */

import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Timer } from '../../task/clock.ts'
import { ACCESS_CHECK_MS } from '../../task/limits.ts'
import { addressText } from '../../wire/address.ts'
import type { ServerTls } from '../../wire/tls-policy.ts'
import { contextOptions } from '../arrivals.ts'
import { cannotListen } from '../listening.ts'
import { createApp } from './app.ts'
import { Door } from './door.ts'
import { Streams } from './events/streams.ts'
import { Guests } from './guests.ts'
import type { HttpOptions } from './http-options.ts'
import { BrowserSessions } from './sessions.ts'
import type { Visit } from './visit.ts'

export interface HttpFace {
  readonly address: string
  readonly port: number
  /** `http://…`, or `https://…` where it speaks TLS. */
  readonly url: string
  /** Open ones. */
  readonly connections: number
  /** Under way: without an answer, or with one that has not left. */
  readonly requests: number
  /** The tokens have changed: whoever listens is held against them. */
  recheckAccess(): void
  /** New connections get these certificates. Only for who began with TLS. */
  renewTls(tls: ServerTls): void
  /** Stops accepting, answers what is under way until the deadline, and closes all connections. Repeatable. */
  close(options: { readonly deadlineMs: number }): Promise<void>
}

/** Throws CONFIG_INVALID when it cannot listen there. */
export async function openHttp(options: HttpOptions): Promise<HttpFace> {
  const face = new FastifyFace(options)
  await face.listen()
  return face
}

class FastifyFace implements HttpFace {
  address = ''
  port = 0
  readonly #options: HttpOptions
  readonly #guests: Guests
  readonly #streams: Streams
  readonly #visits = new Set<Visit>()
  readonly #door: Door
  readonly #sockets = new Set<Socket>()
  #app: FastifyInstance | null = null
  #accessTimer: Timer | null = null
  #closing: Promise<void> | null = null

  constructor(options: HttpOptions) {
    const { limits, clock, locks } = options.grounds
    this.#door = new Door({ ...locks, proxies: options.proxies ?? null })
    this.#options = options
    this.#guests = new Guests(limits.waitsMax)
    this.#streams = new Streams(clock)
  }

  get url(): string {
    const scheme = this.#options.tls === undefined ? 'http' : 'https'
    return `${scheme}://${addressText({ host: this.address, port: this.port })}`
  }

  get connections(): number {
    return this.#sockets.size
  }

  get requests(): number {
    return this.#visits.size
  }

  async listen(): Promise<void> {
    const { host, port, grounds } = this.#options
    const app = await createApp({
      ...this.#options,
      guests: this.#guests,
      streams: this.#streams,
      sessions: new BrowserSessions(grounds.clock),
      door: this.#door,
      visits: this.#visits,
      isClosing: () => this.#closing !== null,
    })
    this.#app = app
    app.server.on('connection', (socket: Socket) => this.#welcome(socket))
    // Requests name the socket that TLS made of it.
    const arrival = this.#options.tls === undefined ? 'connection' : 'secureConnection'
    app.server.on(arrival, (socket: Socket) => this.#door.receive(socket))
    await new Promise<void>((resolve, reject) => {
      app.server.once('error', (error) => reject(cannotListen(error, host, port, '--http-port')))
      app.server.listen({ host, port, backlog: 1024 }, resolve)
    })
    app.server.removeAllListeners('error')
    app.server.on('error', (error) =>
      grounds.log.event('distributor.accept-failed', { reason: error.message, error }),
    )
    const bound = app.server.address() as AddressInfo
    this.address = bound.address
    this.port = bound.port
    if (grounds.locks.access.isLocked) this.#watchAccess()
    grounds.log.event('http.listening', { address: this.url })
  }

  #welcome(socket: Socket): void {
    const { connectionsMax } = this.#options.grounds.limits
    if (this.#sockets.size >= connectionsMax) {
      const peer = socket.remoteAddress ?? 'unknown'
      this.#options.grounds.log.event('distributor.full', { peer, connections: connectionsMax })
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  recheckAccess(): void {
    this.#streams.recheck()
    for (const visit of this.#visits) if (!visit.holds) visit.evict()
  }

  /** Tokens and sessions expire by themselves. */
  #watchAccess(): void {
    const { clock } = this.#options.grounds
    this.#accessTimer = clock.at(clock.nowMs() + ACCESS_CHECK_MS, () => {
      this.recheckAccess()
      this.#watchAccess()
    })
  }

  renewTls(tls: ServerTls): void {
    const server = this.#app?.server as unknown as { setSecureContext?(options: object): void }
    server.setSecureContext?.(contextOptions(tls))
  }

  close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#closing ??= this.#close(deadlineMs)
    return this.#closing
  }

  async #close(deadlineMs: number): Promise<void> {
    const { clock } = this.#options.grounds
    const app = this.#app!
    this.#accessTimer?.cancel()
    const stopped = new Promise<void>((resolve) => app.server.close(() => resolve()))
    const deadline = Promise.withResolvers<void>()
    const timer = clock.at(clock.nowMs() + deadlineMs, deadline.resolve)
    this.#guests.abortWaits()
    await Promise.race([this.#streams.close(), deadline.promise])
    // Connections end with the answers that are under way; those without any are closed at once.
    app.server.closeIdleConnections()
    await Promise.race([stopped, deadline.promise])
    timer.cancel()
    for (const socket of this.#sockets) socket.destroy()
    await stopped
    await app.close()
  }
}
