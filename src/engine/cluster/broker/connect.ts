/**
 * One connection to one broker: TCP or TLS, log-in, virtual host; by a deadline. Foreign errors end here: whatever can be wrong becomes one
 * sentence that a person can act on, without the password.
 *
 * Invariant: a connection that is given up leaves no socket behind, also when its peer has vanished.
 */

import { type ChannelModel, connect } from 'amqplib'
import { ChasquiError, type ErrorCode } from '../../../task/errors.ts'
import type { BrokerAddress } from './address.ts'
import { writeOnceATurn } from './writes.ts'

export interface BrokerConnection {
  readonly model: ChannelModel
  /** Ends it at once, saying nothing to the peer. Repeatable. */
  destroy(): void
}

export interface ConnectOptions {
  readonly address: BrokerAddress
  /** Shown by RabbitMQ's own tools. */
  readonly name: string
  readonly heartbeatMs: number
  /** Aborts the attempt. */
  readonly signal: AbortSignal
}

/** @throws ChasquiError CONFIG_INVALID (what a person must change) or CONNECTION_LOST (what may pass) */
export async function openConnection(options: ConnectOptions): Promise<BrokerConnection> {
  const { address } = options
  // amqplib has no handle of its own for a connection that is being made, or whose peer is silent: the signal of the socket is it.
  const end = new AbortController()
  const giveUp = () => end.abort()
  options.signal.addEventListener('abort', giveUp)
  try {
    options.signal.throwIfAborted()
    const model = await connect(
      {
        protocol: address.tls ? 'amqps' : 'amqp',
        hostname: address.host,
        port: address.port,
        username: address.user,
        password: address.password,
        vhost: encodeURIComponent(address.vhost),
        // AMQP counts whole seconds.
        heartbeat: Math.max(1, Math.round((address.heartbeatMs ?? options.heartbeatMs) / 1_000)),
      },
      {
        signal: end.signal,
        noDelay: true,
        clientProperties: { connection_name: options.name, product: 'Chasqui' },
        rejectUnauthorized: address.verify,
        ...(address.ca !== null && { ca: [address.ca] }),
        ...(address.cert !== null && { cert: address.cert }),
        ...(address.key !== null && { key: address.key }),
      } as Parameters<typeof connect>[1],
    )
    writeOnceATurn(model)
    return { model, destroy: giveUp }
  } catch (error) {
    giveUp()
    throw connectError(error, address)
  } finally {
    options.signal.removeEventListener('abort', giveUp)
  }
}

/** What a failed attempt means, in one sentence. Pure. */
export function connectError(error: unknown, address: BrokerAddress): ChasquiError {
  if (error instanceof ChasquiError) return error
  const { code = '', message = String(error), name } = error as Partial<NodeJS.ErrnoException>
  const isTimeout = name === 'AbortError' || name === 'TimeoutError'
  const [kind, sentence] = meaning(isTimeout ? 'ETIMEDOUT' : String(code), message, address)
  return new ChasquiError(kind, sentence, { cause: error })
}

function meaning(code: string, message: string, address: BrokerAddress): readonly [ErrorCode, string] {
  const at = `the broker at ${address.text}`
  if (code === 'ENOTFOUND')
    return ['CONFIG_INVALID', `${at} cannot be found: there is no host ${address.host}.`]
  if (code === 'EAI_AGAIN') return ['CONNECTION_LOST', `${at} cannot be looked up: no name server answers.`]
  if (code === 'ECONNREFUSED') return ['CONNECTION_LOST', `${at} cannot be reached: nothing listens there.`]
  if (/^(EHOSTUNREACH|ENETUNREACH)$/.test(code))
    return ['CONNECTION_LOST', `${at} cannot be reached: no way there.`]
  if (code === 'ETIMEDOUT') return ['CONNECTION_LOST', `${at} did not answer in time; is it RabbitMQ?`]
  if (/ACCESS[-_]REFUSED/.test(message) && /[Ll]ogin|Handshake/.test(message)) {
    return ['CONFIG_INVALID', `${at} refuses the user "${address.user}": wrong name or password.`]
  }
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(message)) {
    return [
      'CONFIG_INVALID',
      `${at} refuses the virtual host "${address.vhost}": it does not exist, or the user "${address.user}" has no rights in it.`,
    ]
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') {
    return ['CONFIG_INVALID', `${at} does not speak TLS there; amqp:// is the address without it.`]
  }
  if (/CERT|ISSUER|SIGNATURE|CRL/.test(code)) {
    return [
      'CONFIG_INVALID',
      `the certificate of ${at} cannot be trusted (${code}); ?cacertfile= names the authority that signed it.`,
    ]
  }
  if (/maxFrameSize|Invalid frame|Unknown frame|Expected ConnectionStart/.test(message)) {
    return ['CONFIG_INVALID', `${at} does not speak AMQP 0-9-1.`]
  }
  if (/Socket closed abruptly|ECONNRESET|EPIPE/.test(`${code} ${message}`)) {
    const tls = address.tls ? '' : ', or wants amqps://'
    return ['CONNECTION_LOST', `${at} hung up while connecting; perhaps it is no AMQP broker${tls}.`]
  }
  return ['CONNECTION_LOST', `${at} cannot be used: ${message.trim()}`]
}
