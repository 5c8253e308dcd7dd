/**
 * From a socket that the kernel accepted to one that a session can talk on. Without TLS that is the same one, at once; with TLS a stranger
 * first has to say hello in it, within a deadline, and perhaps to show a certificate.
 *
 *   accepted ──(first bytes are not TLS)──► told in plain text, ended
 *      └──(TLS)──► handshake ──(fails, takes too long)──► closed
 *                     └──(certificate asked for and not good)──► told, ended
 *                     └──► arrived
 *
 * What a balancer says before TLS begins was read already (reception.ts).
 *
 * Invariants: no byte of a peer reaches a session before its handshake is over and its certificate accepted; everything that is on its
 * way here is counted, and gone by its deadline.
 */

import type { Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import type { Log } from '../telemetry/log.ts'
import { mixedErrorText } from '../wire/bare-reply.ts'
import { isTlsHello, type ServerTls, TLS_POLICY } from '../wire/tls-policy.ts'
import type { DistributorLimits } from './limits.ts'

export interface Arrival {
  readonly socket: Socket
  /** Address of the peer. */
  readonly peer: string
  /** Of its certificate, where one was asked for and is good: `CN=ana`. */
  readonly subject: string | null
}

interface Underway {
  readonly socket: Socket
  readonly peer: string
  readonly timer: Timer
}

export interface ArrivalsOptions {
  readonly tls: ServerTls | null
  readonly limits: DistributorLimits
  readonly clock: Clock
  readonly log: Log
  readonly onArrived: (arrival: Arrival) => void
}

export class Arrivals {
  readonly #options: ArrivalsOptions
  /** It never listens: sockets are handed to it. */
  readonly #tlsServer: tls.Server | null
  /** By the two ends of the connection: the only thing that a socket and the TLS around it have in common. */
  readonly #underWay = new Map<string, Underway>()
  #asksForCertificate = false

  constructor(options: ArrivalsOptions) {
    this.#options = options
    this.#tlsServer = options.tls === null ? null : this.#openTls(options.tls)
  }

  /** Those that have not arrived yet. */
  get count(): number {
    return this.#underWay.size
  }

  /** @param peer address of the client, as far as it is known: of the socket, or told by a balancer */
  take(socket: Socket, peer: string): void {
    if (this.#tlsServer === null) {
      this.#options.onArrived({ socket, peer, subject: null })
      return
    }
    const ends = endsOf(socket)
    const { clock, limits } = this.#options
    const timer = clock.at(clock.nowMs() + limits.handshakeMs, () =>
      this.#giveUp(socket, peer, `no handshake within ${limits.handshakeMs} ms`),
    )
    this.#underWay.set(ends, { socket, peer, timer })
    socket.once('close', () => {
      if (this.#underWay.get(ends)?.socket === socket) this.#leave(ends)
    })
    // Told by 'close', which follows.
    socket.on('error', () => {})
    this.#whenHeard(socket, (first) => {
      if (isTlsHello(first)) {
        // Whoever ends his side in the middle of a handshake is gone; only later it is a way to wait for replies.
        socket.allowHalfOpen = false
        socket.unshift(first)
        this.#tlsServer!.emit('connection', socket)
      } else this.#turnAway(socket, peer, NOT_TLS)
    })
  }

  /** Handshakes from now on use these; connections that are open stay as they are. */
  renew(server: ServerTls): void {
    if (this.#tlsServer === null) return
    this.#tlsServer.setSecureContext(contextOptions(server))
  }

  /** Those that have not arrived are let go. */
  closeAll(): void {
    for (const { socket } of this.#underWay.values()) socket.destroy()
  }

  /** Who was on its way until now, if it was. */
  #leave(ends: string): Underway | undefined {
    const left = this.#underWay.get(ends)
    left?.timer.cancel()
    this.#underWay.delete(ends)
    return left
  }

  /** The bytes that came first; an end instead of them is an end. */
  #whenHeard(socket: Socket, then: (first: Buffer) => void): void {
    const look = () => {
      const first = socket.read() as Buffer | null
      if (first === null) return
      socket.off('readable', look).off('end', leave).pause()
      then(first)
    }
    const leave = () => socket.destroy()
    socket.on('readable', look).once('end', leave)
  }

  #openTls(server: ServerTls): tls.Server {
    this.#asksForCertificate = server.ca !== undefined
    return tls
      .createServer({
        ...contextOptions(server),
        handshakeTimeout: this.#options.limits.handshakeMs,
        requestCert: this.#asksForCertificate,
        // Not by OpenSSL: it would close without a word. Whoever shows nothing good is told so below, and nothing he says is read.
        rejectUnauthorized: false,
      })
      .on('secureConnection', (socket) => this.#onSecure(socket))
      .on('tlsClientError', (error, socket) => {
        const peer = this.#underWay.get(endsOf(socket))?.peer
        this.#giveUp(socket, peer ?? 'unknown', error.message)
      })
  }

  #onSecure(socket: TLSSocket): void {
    socket.allowHalfOpen = true
    const known = this.#leave(endsOf(socket))
    // Its deadline was over in the same turn.
    if (known === undefined) socket.destroy()
    else if (this.#asksForCertificate && !socket.authorized) {
      const reason = String(socket.authorizationError ?? 'none was shown')
      this.#turnAway(socket, known.peer, certificateRefused(reason))
    } else this.#options.onArrived({ socket, peer: known.peer, subject: subjectOf(socket) })
  }

  /** Said in whatever the socket speaks, and nothing more is read but to throw it away. */
  #turnAway(socket: Socket, peer: string, error: ChasquiError): void {
    const { clock, limits, log } = this.#options
    log.event('distributor.turned-away', { peer, reason: error.message })
    socket.on('error', () => socket.destroy())
    const timer = clock.at(clock.nowMs() + limits.lingerMs, () => socket.destroy())
    socket.once('close', () => timer.cancel())
    // Half open sockets end by themselves only on one side.
    socket.once('end', () => socket.destroySoon())
    socket.end(`${mixedErrorText(error)}\n`)
    socket.resume()
  }

  #giveUp(socket: Socket, peer: string, reason: string): void {
    this.#options.log.event('distributor.turned-away', { peer, reason })
    socket.destroy()
  }
}

const NOT_TLS = new ChasquiError(
  'TLS_FAILED',
  'this port speaks TLS: connect with chasquis:// instead of chasqui://',
)

const REFUSED: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: 'none was shown, or one that no authority of this server signed',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  INVALID_PURPOSE: 'it is not meant for clients',
}
const NOT_SIGNED = 'no authority of this server has signed it'

export function certificateRefused(reason: string): ChasquiError {
  const why = REFUSED[reason] ?? (/SELF_SIGNED|ISSUER|VERIFY|SIGNATURE/.test(reason) ? NOT_SIGNED : reason)
  const sentence = `this server asks for a client certificate, and yours is not accepted: ${why} (--tls-cert and --tls-key; tls.cert and tls.key in the library)`
  return new ChasquiError('TLS_FAILED', sentence)
}

export function contextOptions({ cert, key, ca }: ServerTls): tls.TlsOptions {
  return { ...TLS_POLICY, cert, key, ...(ca !== undefined && { ca }) }
}

export function subjectOf(socket: TLSSocket): string | null {
  if (!socket.authorized) return null
  return socket.getPeerX509Certificate()?.subject.replaceAll('\n', ', ') ?? null
}

function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
