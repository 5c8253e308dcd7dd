/**
 * Where the brokers are, as people write it: `amqp://user:password@host:port/vhost`, `amqps://…?cacertfile=…` with TLS. The words of the
 * query are those of RabbitMQ's own URI specification. Reads the named certificates; nothing is connected here.
 *
 * Invariant: no sentence about an address holds its password.
 */

import { readFileSync } from 'node:fs'
import { ChasquiError } from '../../../task/errors.ts'
import { redactedUrl } from '../../../wire/redacted-url.ts'

export interface BrokerAddress {
  readonly tls: boolean
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly vhost: string
  /** Null: as the options say. */
  readonly heartbeatMs: number | null
  readonly ca: Buffer | null
  readonly cert: Buffer | null
  readonly key: Buffer | null
  readonly verify: boolean
  /** For people: without user and password. */
  readonly text: string
}

const PORTS: Readonly<Record<string, number>> = { 'amqp:': 5672, 'amqps:': 5671 }
const WORDS = ['cacertfile', 'certfile', 'keyfile', 'verify', 'heartbeat']

/** @throws ChasquiError CONFIG_INVALID with a sentence that says what is wrong */
export function parseBrokerAddress(url: string): BrokerAddress {
  const shown = redactedUrl(url)
  const refuse = (why: string, cause?: unknown): never => {
    throw new ChasquiError('CONFIG_INVALID', `the broker's address "${shown}" cannot be used: ${why}`, {
      cause,
    })
  }
  const parsed = URL.parse(url)
  if (parsed === null) return refuse('it must have the form amqp://user:password@host:5672/vhost')
  const port = PORTS[parsed.protocol]
  if (port === undefined) return refuse('it must begin with amqp:// or amqps://')
  if (parsed.hostname === '') return refuse('it names no host')
  if (parsed.hash !== '') refuse('a # in a password must be written %23')
  const words = parsed.searchParams
  for (const word of words.keys()) {
    if (!WORDS.includes(word)) refuse(`"${word}" is not known; these are: ${WORDS.join(', ')}`)
  }
  const tls = parsed.protocol === 'amqps:'
  const file = (word: string): Buffer | null => {
    const path = words.get(word)
    if (path === null) return null
    if (!tls) refuse(`${word} needs amqps://`)
    try {
      return readFileSync(path)
    } catch (cause) {
      return refuse(`the file of ${word} cannot be read (${path})`, cause)
    }
  }
  const verify = words.get('verify') ?? 'verify_peer'
  if (!['verify_peer', 'verify_none'].includes(verify)) refuse('verify must be verify_peer or verify_none')
  const seconds = words.get('heartbeat')
  if (seconds !== null && !/^[1-9]\d{0,4}$/.test(seconds)) refuse('heartbeat must be a number of seconds')
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part)
    } catch (cause) {
      return refuse('a % in it must be written %25', cause)
    }
  }
  const named = parsed.username !== '' || parsed.password !== ''
  return {
    tls,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? port : Number(parsed.port),
    user: named ? decoded(parsed.username) : 'guest',
    password: named ? decoded(parsed.password) : 'guest',
    vhost: decoded(parsed.pathname.slice(1)) || '/',
    heartbeatMs: seconds === null ? null : Number(seconds) * 1_000,
    ca: file('cacertfile'),
    cert: file('certfile'),
    key: file('keyfile'),
    verify: verify === 'verify_peer',
    text: `${parsed.protocol}//${parsed.hostname}:${parsed.port === '' ? port : parsed.port}`,
  }
}
