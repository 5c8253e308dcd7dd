/**
 * What comes before the session of a connection: who is at the other end. A balancer that is trusted says it in a PROXY header, the
 * first bytes of the connection; everybody else is who the socket says.
 *
 *   accepted ──► (trusted: header read and taken off) ──► session, with the address of the client
 *                     └──(missing, wrong, not in time)──► one error line ──► closed
 *
 * Invariants: bytes of a source that is not trusted are never looked at here; what follows a header reaches the session untouched; a
 * balancer that connects and leaves without a word, as health checks do, leaves no trace in the log.
 */

import type { Socket } from 'node:net'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { PROXY_HEADER_MS } from '../task/limits.ts'
import type { Log } from '../telemetry/log.ts'
import { mixedErrorText } from '../wire/bare-reply.ts'
import { type Networks, plainAddress } from '../wire/networks.ts'
import { readProxyHeader } from '../wire/proxy-header.ts'

/** Which connections begin with a PROXY header. */
export interface ProxyPolicy {
  /** Whose header is believed; from others it is no header, but what it is on this wire: nonsense. */
  readonly trusted: Networks
  /** Trusted peers must send one. */
  readonly required: boolean
}

export interface ReceptionOptions {
  /** null: no connection does. */
  readonly proxy: ProxyPolicy | null
  readonly clock: Clock
  readonly log: Log
  /** How long a peer that was told an error may take to read it. */
  readonly lingerMs: number
}

export class Reception {
  readonly #options: ReceptionOptions
  readonly #arriving = new Set<Socket>()

  constructor(options: ReceptionOptions) {
    this.#options = options
  }

  /** Connections that are not sessions yet. */
  get count(): number {
    return this.#arriving.size
  }

  /**
   * Calls back with the address of the client when it is known, at once where nothing has to be read. A connection that cannot go on is
   * closed here. The socket flows when the call returns.
   */
  receive(socket: Socket, arrived: (peer: string) => void): void {
    const address = plainAddress(socket.remoteAddress ?? 'unknown')
    const { proxy } = this.#options
    if (proxy?.trusted.has(address)) this.#readHeader(socket, address, proxy.required, arrived)
    else arrived(address)
  }

  /** For the end of the server: nothing was promised to them. */
  closeAll(): void {
    for (const socket of this.#arriving) socket.destroy()
  }

  #readHeader(socket: Socket, balancer: string, required: boolean, arrived: (peer: string) => void): void {
    let bytes: Buffer = Buffer.alloc(0)
    let deadline: Timer | null = null
    const leave = () => {
      deadline?.cancel()
      socket.off('data', onData).off('end', onEnd)
    }
    const refuse = (reason: string) => {
      leave()
      this.#refuse(socket, balancer, reason)
    }
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const header = readProxyHeader(bytes)
      if (header.kind === 'more') watch()
      else if (header.kind === 'bad') refuse(`the PROXY header cannot be used: ${header.reason}`)
      else if (header.kind === 'none' && required) refuse('the PROXY header is missing')
      else {
        leave()
        const isHeader = header.kind === 'header'
        this.#hand(socket, bytes.subarray(isHeader ? header.bytes : 0), () =>
          arrived((isHeader ? header.source?.address : undefined) ?? balancer),
        )
      }
    }
    // Without a byte: a look at whether the port is open.
    const onEnd = () => (bytes.length === 0 ? socket.end() : refuse('the PROXY header is not complete'))
    const watch = () => {
      const { clock } = this.#options
      deadline ??= clock.at(clock.nowMs() + PROXY_HEADER_MS, () =>
        refuse(`the PROXY header was not complete within ${PROXY_HEADER_MS} ms`),
      )
    }
    this.#arriving.add(socket)
    socket.on('data', onData).on('end', onEnd)
    // What went wrong is nobody's business before somebody is there; 'close' follows.
    socket.on('error', ignore).once('close', () => {
      leave()
      this.#arriving.delete(socket)
    })
    if (required) watch()
  }

  /** From here on the socket is the session's. */
  #hand(socket: Socket, rest: Buffer, arrived: () => void): void {
    socket.pause()
    if (rest.length > 0) socket.unshift(rest)
    this.#arriving.delete(socket)
    arrived()
    socket.off('error', ignore)
    socket.resume()
  }

  #refuse(socket: Socket, balancer: string, reason: string): void {
    const { clock, log, lingerMs } = this.#options
    log.event('distributor.bad-proxy-header', { balancer, reason })
    // Read on and throw away, so that the reason is not lost in a reset.
    socket.resume()
    socket.end(`${mixedErrorText(new ChasquiError('PROXY_HEADER', reason))}\n`)
    const timer = clock.at(clock.nowMs() + lingerMs, () => socket.destroy())
    socket.once('close', () => timer.cancel())
  }
}

function ignore(): void {}
