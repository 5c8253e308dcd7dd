/**
 * Sockets to servers over TLS, for the connections of one link: with the certificates as they are now, and with the session of
 * the last connection, so that coming back costs no full handshake.
 *
 * Invariant: a dialer that could be made can always dial: certificates that were spoilt meanwhile leave the last good ones in use.
 */

import { isIP } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { ChasquiError } from '../task/errors.ts'
import { type Address, addressText } from './address.ts'
import { type ClientTls, TLS_POLICY } from './tls-policy.ts'

/** As a function it is asked before each connection, so that renewed certificates are used without a restart. */
export type ClientTlsSource = ClientTls | (() => ClientTls)

export class TlsDialer {
  readonly #source: ClientTlsSource
  readonly #sessions = new Map<string, Buffer>()
  #tls: ClientTls
  #context: SecureContext

  /** @throws ChasquiError CONFIG_INVALID: the certificates cannot be used */
  constructor(source: ClientTlsSource) {
    this.#source = source
    this.#tls = read(source)
    this.#context = createContext(this.#tls)
  }

  dial({ host, port }: Address): TLSSocket {
    this.#renew()
    const place = addressText({ host, port })
    const name = this.#tls.serverName ?? host
    const session = this.#sessions.get(place)
    const socket = connect({
      host,
      port,
      secureContext: this.#context,
      // For an address of numbers there is no name to ask for; it is checked against the certificate all the same.
      ...(isIP(name) === 0 && { servername: name }),
      ...(session !== undefined && { session }),
      ...(name !== host && {
        checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
      }),
    })
    socket.setNoDelay(true).setKeepAlive(true)
    socket.on('session', (ticket) => this.#sessions.set(place, ticket))
    // It may be the session that is no good.
    socket.once('error', () => this.#sessions.delete(place))
    return socket
  }

  #renew(): void {
    if (typeof this.#source !== 'function') return
    try {
      const tls = read(this.#source)
      const { ca, cert, key, serverName } = this.#tls
      if (tls.ca === ca && tls.cert === cert && tls.key === key && tls.serverName === serverName) return
      this.#context = createContext(tls)
      this.#tls = tls
      this.#sessions.clear()
    } catch {
      // Half replaced, perhaps; the next connection looks again.
    }
  }
}

function read(source: ClientTlsSource): ClientTls {
  return typeof source === 'function' ? source() : source
}

function createContext({ ca, cert, key }: ClientTls): SecureContext {
  if ((cert === undefined) !== (key === undefined)) {
    throw new ChasquiError(
      'CONFIG_INVALID',
      'a client certificate and its key go together: one of them is missing',
    )
  }
  try {
    return createSecureContext({
      ...TLS_POLICY,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert, key: key! }),
    })
  } catch (cause) {
    const why = (cause as Error).message
    throw new ChasquiError('CONFIG_INVALID', `the certificates of this client cannot be used: ${why}`, {
      cause,
    })
  }
}
