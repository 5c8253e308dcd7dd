/**
 * Every request on its way in: from which page, by whom, with what right. What is beyond it knows who asks.
 *
 *   gate ──► certificate ──► visit ──► token, or cookie (and its CSRF token, where something changes) ──► right
 *
 * Invariant: whatever does not pass is answered before a byte of its body is read.
 */

import type { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ChasquiError } from '../../task/errors.ts'
import { peerError } from '../../wire/fields.ts'
import { plainAddress } from '../../wire/networks.ts'
import { certificateRefused, subjectOf } from '../arrivals.ts'
import { cookieOf } from './cookies.ts'
import { Gate } from './gate.ts'
import type { AppOptions } from './http-options.ts'
import { isSameSecret } from './sessions.ts'
import { Visit } from './visit.ts'

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export class Entrance {
  readonly #options: AppOptions
  readonly #gate: Gate
  #visits = 0

  constructor(options: AppOptions) {
    this.#options = options
    this.#gate = new Gate({ origins: options.origins ?? [], guardsHost: options.guardsHost })
  }

  /** Throws what the caller must not do. */
  async receive(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    // What is answered is for who asked, and for now.
    reply.header('cache-control', 'no-store')
    if (this.#options.isClosing()) throw new ChasquiError('SHUTTING_DOWN', 'the server is stopping')
    this.#gate.check(request, reply)
    const right = request.routeOptions.config.right ?? 'none'
    const visit = this.#begin(request, reply, right === 'none')
    if (request.method === 'OPTIONS') return this.#gate.preflight(reply)
    this.#identify(request, visit)
    if (!visit.isWelcome && right !== 'none') {
      const reason = 'too many requests of this address have not said who they are'
      throw new ChasquiError('TOO_MANY_CONNECTIONS', reason)
    }
    visit.demand(right)
    if (!visit.isStranger) this.#options.door.letIn(request.raw.socket)
    return undefined
  }

  #begin(request: FastifyRequest, reply: FastifyReply, isForAll: boolean): Visit {
    const { grounds, guests, visits, tls, isClosing } = this.#options
    const socket = request.raw.socket as TLSSocket
    const isCertified = socket.authorized === true
    if (!isForAll && tls?.ca !== undefined && !isCertified) {
      throw certificateRefused(String(socket.authorizationError ?? 'none was shown'))
    }
    const visit = new Visit({
      grounds,
      guests,
      id: `h${++this.#visits}`,
      peer: plainAddress(request.ip),
      subject: isCertified ? subjectOf(socket) : null,
      isClosing,
    })
    request.visit = visit
    visits.add(visit)
    reply.raw.once('close', () => {
      visits.delete(visit)
      visit.leave()
    })
    return visit
  }

  /** A token that is shown counts; a cookie only where none is. One that stands for nothing any more is as good as none. */
  #identify(request: FastifyRequest, visit: Visit): void {
    const token = bearerToken(request)
    if (token !== null) {
      visit.login(token)
      return
    }
    const { sessions } = this.#options
    const cookie = cookieOf(request)
    const session = cookie === null ? null : sessions.find(cookie)
    if (cookie === null || session === null) return
    if (!visit.resume(session.identity, () => sessions.find(cookie) !== null)) {
      sessions.close(cookie)
      return
    }
    request.session = session
    if (SAFE.has(request.method)) return
    const given = request.headers['x-csrf-token']
    if (typeof given !== 'string' || !isSameSecret(given, session.csrf)) {
      throw peerError(
        'FORBIDDEN',
        'with a cookie this takes the header X-CSRF-Token (GET /v1/session says it)',
      )
    }
  }
}

function bearerToken({ headers }: FastifyRequest): string | null {
  const { authorization } = headers
  if (authorization === undefined) return null
  const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? []
  if (token === undefined) throw peerError('UNAUTHENTICATED', 'Authorization must be `Bearer TOKEN`')
  return token
}
