/**
 * Which web pages may talk to this server, looked at before anything else: the address that a browser believes it talks to (`Host`), and the page that
 * makes it talk (`Origin`).
 *
 * Invariants: a page of another origin gets nothing unless it is named; where nobody is asked who he is, because only this machine is served, a name that
 * somebody made point here (DNS rebinding) opens nothing.
 */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { peerError } from '../../wire/fields.ts'

export interface GateOptions {
  /** Pages besides our own that may, as browsers write them: `https://tasks.example.com`. */
  readonly origins: readonly string[]
  /** Only names of this machine, and those of `origins`, are taken for it. */
  readonly guardsHost: boolean
}

const ALLOWED_HEADERS = 'authorization, content-type, idempotency-key, last-event-id'
const PREFLIGHT_SECONDS = 600

export class Gate {
  readonly #origins: ReadonlySet<string>
  readonly #hosts: ReadonlySet<string>
  readonly #guardsHost: boolean

  constructor({ origins, guardsHost }: GateOptions) {
    this.#origins = new Set(origins)
    this.#hosts = new Set(origins.map((origin) => new URL(origin).host))
    this.#guardsHost = guardsHost
  }

  /** Throws FORBIDDEN. Says to browsers what they may read. */
  check(request: FastifyRequest, reply: FastifyReply): void {
    const host = request.host ?? ''
    if (this.#guardsHost && !isThisMachine(host) && !this.#hosts.has(host)) {
      throw peerError(
        'FORBIDDEN',
        'this server is for programs of this machine: call it localhost, or name its pages with --http-origins',
      )
    }
    const { origin } = request.headers
    if (origin === undefined) return
    if (this.#origins.has(origin)) {
      reply.header('access-control-allow-origin', origin)
      reply.header('access-control-expose-headers', 'location, retry-after')
      reply.header('vary', 'Origin')
    } else if (!isSame(origin, host)) {
      throw peerError('FORBIDDEN', 'pages of this origin may not talk to this server (--http-origins)')
    }
  }

  /** The answer to a browser that asks before it sends. */
  preflight(reply: FastifyReply): FastifyReply {
    reply.header('access-control-allow-methods', 'GET, POST, DELETE')
    reply.header('access-control-allow-headers', ALLOWED_HEADERS)
    reply.header('access-control-max-age', String(PREFLIGHT_SECONDS))
    return reply.code(204).send()
  }
}

function isSame(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host
}

function isThisMachine(host: string): boolean {
  const name = host.replace(/:\d+$/, '')
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}
