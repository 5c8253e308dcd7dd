/**
 * The TCP server: an engine with a face. It accepts connections, gives each a session, and closes in an order that loses nothing.
 *
 * Invariant: whatever a connection does, the others do not notice.
 */

import net, { type AddressInfo, type Socket } from 'node:net'
import type { Engine } from '../engine/engine.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { ACCESS_CHECK_MS, KEEPALIVE_MS } from '../task/limits.ts'
import type { Log } from '../telemetry/log.ts'
import { addressText } from '../wire/address.ts'
import { mixedErrorText } from '../wire/bare-reply.ts'
import type { ServerReport } from '../wire/report-codec.ts'
import type { ServerTls } from '../wire/tls-policy.ts'
import { Access } from './access/access.ts'
import { type Audit, NO_AUDIT } from './access/audit.ts'
import { Doorkeeper } from './access/doorkeeper.ts'
import type { Locks } from './access/pass.ts'
import { Rates } from './access/rate.ts'
import { StoredAccounts } from './access/stored-bytes.ts'
import { type Arrival, Arrivals } from './arrivals.ts'
import type { Grounds } from './grounds.ts'
import { Intake } from './intake.ts'
import { DEFAULT_LIMITS, type DistributorLimits } from './limits.ts'
import { cannotListen } from './listening.ts'
import { type ProxyPolicy, Reception } from './reception.ts'
import { Session, type SessionHost } from './session.ts'

export interface DistributorOptions {
  /** Stays the caller's: it is not closed with the distributor. */
  readonly engine: Engine
  /** Address or name to listen on. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Who is who. Default: nothing is locked. */
  readonly access?: Access
  /** Default: nothing is written down. */
  readonly audit?: Audit
  /** Absent: plain TCP. */
  readonly tls?: ServerTls
  readonly limits?: Partial<DistributorLimits>
  /** Whose PROXY headers are read. Default: nobody's. */
  readonly proxy?: ProxyPolicy | null
  readonly log: Log
  readonly clock: Clock
  /** Hears of each error that a peer is told of, by its code. Must not throw. */
  readonly onRefused?: (code: string) => void
  /** Of the program, as clients are told. */
  readonly version: string
}

export interface Distributor {
  /** For other faces of the same server. */
  readonly grounds: Grounds
  readonly address: string
  readonly port: number
  /** Open ones. */
  readonly connections: number
  /** Answers balancers that ask (`session.ping`) that it is not ready: they send nobody new. All else goes on. Repeatable. */
  announceEnd(): void
  /** The tokens have changed: holds all connections against them. */
  recheckAccess(): void
  /** New connections get these certificates; open ones stay as they are. Only for who began with TLS. */
  renewTls(tls: ServerTls): void
  /**
   * Stops accepting, answers what is under way until the deadline, tells requests that still come SHUTTING_DOWN, and closes all
   * connections. Leases of workers stay valid in the store. Repeatable.
   */
  close(options: { readonly deadlineMs: number }): Promise<void>
}

/** Throws CONFIG_INVALID when it cannot listen there. */
export async function openDistributor(options: DistributorOptions): Promise<Distributor> {
  const { durability } = await options.engine.inspect()
  const distributor = new TcpDistributor(options, durability)
  await distributor.listen()
  return distributor
}

class TcpDistributor implements Distributor, SessionHost {
  readonly engine: Engine
  readonly durability: SessionHost['durability']
  readonly clock: Clock
  readonly limits: DistributorLimits
  readonly log: Log
  readonly intake: Intake
  readonly locks: Locks
  address = ''
  port = 0
  readonly #options: DistributorOptions
  readonly #server: net.Server
  readonly #reception: Reception
  readonly #arrivals: Arrivals
  readonly #sessions = new Set<Session>()
  readonly #startedAtMs: number
  #sessionsMade = 0
  #ready = true
  #accessTimer: Timer | null = null
  #closing: Promise<void> | null = null
  #onAllAnswered: (() => void) | null = null

  constructor(options: DistributorOptions, durability: SessionHost['durability']) {
    this.#options = options
    this.engine = options.engine
    this.durability = durability
    this.clock = options.clock
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.log = options.log
    this.intake = new Intake(this.limits.intakeBytesMax)
    this.locks = {
      access: options.access ?? new Access({ file: null }),
      audit: options.audit ?? NO_AUDIT,
      doorkeeper: new Doorkeeper(this.clock),
      rates: new Rates(this.clock),
      stored: new StoredAccounts(this.engine, this.clock),
    }
    this.#reception = new Reception({
      proxy: options.proxy ?? null,
      clock: this.clock,
      log: this.log,
      lingerMs: this.limits.lingerMs,
    })
    this.#startedAtMs = this.clock.nowMs()
    this.#arrivals = new Arrivals({
      tls: options.tls ?? null,
      limits: this.limits,
      clock: this.clock,
      log: this.log,
      onArrived: (arrival) => this.#welcome(arrival),
    })
    // Half open: a client may end its side after its last task and still wait for the confirmation.
    this.#server = net.createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS },
      (socket) => this.#accept(socket),
    )
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(cannotListen(error, host, port, '--port')))
      this.#server.listen({ host, port, backlog: 1024 }, resolve)
    })
    this.#server.removeAllListeners('error')
    // Out of file descriptors, for example: later ones may be accepted again.
    this.#server.on('error', (error) =>
      this.log.event('distributor.accept-failed', { reason: error.message, error }),
    )
    const bound = this.#server.address() as AddressInfo
    this.address = bound.address
    this.port = bound.port
    if (this.locks.access.isLocked) this.#watchAccess()
    const listensOn = addressText({ host: bound.address, port: bound.port })
    this.log.event('distributor.listening', { address: listensOn, engine: this.engine.kind })
  }

  get grounds(): Grounds {
    return this
  }

  get version(): string {
    return this.#options.version
  }

  get connections(): number {
    return this.#sessions.size + this.#reception.count + this.#arrivals.count
  }

  onRefused(code: string): void {
    this.#options.onRefused?.(code)
  }

  serverReport(): ServerReport {
    const { rss, heapUsed } = process.memoryUsage()
    return {
      name: 'chasqui',
      version: this.#options.version,
      pid: process.pid,
      startedAtMs: this.#startedAtMs,
      uptimeMs: this.clock.nowMs() - this.#startedAtMs,
      ready: this.#ready,
      connections: this.connections,
      memory: { rssBytes: rss, heapUsedBytes: heapUsed },
    }
  }

  #accept(socket: Socket): void {
    if (this.connections >= this.limits.connectionsMax) this.#turnAway(socket)
    else this.#reception.receive(socket, (peer) => this.#arrivals.take(socket, peer))
  }

  #welcome(arrival: Arrival): void {
    if (this.#closing !== null) {
      arrival.socket.destroy()
      return
    }
    const session = new Session(this, arrival, `s${++this.#sessionsMade}`)
    this.#sessions.add(session)
    void session.closed.finally(() => {
      this.#sessions.delete(session)
      if (this.#closing !== null) this.onAnswered()
    })
  }

  #turnAway(socket: Socket): void {
    const { connectionsMax } = this.limits
    this.onRefused('TOO_MANY_CONNECTIONS')
    this.log.event('distributor.full', {
      peer: socket.remoteAddress ?? 'unknown',
      connections: connectionsMax,
    })
    const reason = `${connectionsMax} connections are open, which is all that this server allows`
    socket.on('error', () => socket.destroy())
    socket.end(`${mixedErrorText(new ChasquiError('TOO_MANY_CONNECTIONS', reason))}\n`, () =>
      socket.destroySoon(),
    )
  }

  announceEnd(): void {
    if (this.#ready) this.log.event('distributor.not-ready', { connections: this.connections })
    this.#ready = false
  }

  recheckAccess(): void {
    for (const session of this.#sessions) session.recheck()
  }

  /** Tokens expire by themselves. */
  #watchAccess(): void {
    this.#accessTimer = this.clock.at(this.clock.nowMs() + ACCESS_CHECK_MS, () => {
      this.recheckAccess()
      this.#watchAccess()
    })
  }

  renewTls(tls: ServerTls): void {
    this.#arrivals.renew(tls)
  }

  close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#closing ??= this.#close(deadlineMs)
    return this.#closing
  }

  async #close(deadlineMs: number): Promise<void> {
    this.log.event('distributor.closing', { inFlight: this.#inFlight })
    this.#accessTimer?.cancel()
    this.#reception.closeAll()
    this.#arrivals.closeAll()
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const deadline = Promise.withResolvers<void>()
    const timer = this.clock.at(this.clock.nowMs() + deadlineMs, deadline.resolve)
    const begun = Promise.allSettled([...this.#sessions].map((session) => session.beginClosing()))
    await Promise.race([begun.then(() => this.#allAnswered()), deadline.promise])
    for (const session of this.#sessions) session.finishClosing()
    const closed = Promise.allSettled([...this.#sessions].map((session) => session.closed))
    await Promise.race([closed, deadline.promise])
    timer.cancel()
    for (const session of this.#sessions) session.destroy()
    await Promise.all([closed, stopped])
    this.log.event('distributor.closed')
  }

  /** A session has answered all that was under way while it closes. */
  onAnswered(): void {
    if (this.#inFlight === 0) this.#onAllAnswered?.()
  }

  #allAnswered(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAllAnswered = resolve
      this.onAnswered()
    })
  }

  get #inFlight(): number {
    let count = 0
    for (const session of this.#sessions) count += session.inFlight
    return count
  }
}
