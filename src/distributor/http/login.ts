/** `/v1/session`: a browser shows its token once and gets a cookie, asks who it is, and leaves. */

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { STRANGER_FRAME_BYTES_MAX } from '../../task/limits.ts'
import { refuse } from '../../wire/fields.ts'
import { isObject } from '../../wire/messages.ts'
import { writeTime } from '../../wire/time-codec.ts'
import { JSON_TYPE } from './answers.ts'
import { cookieOf, giveCookie, takeCookie } from './cookies.ts'
import type { AppOptions } from './http-options.ts'
import type { BrowserSession } from './sessions.ts'

/** Longest token that is looked at, as on the wire. */
const TOKEN_LENGTH_MAX = 256

export function mountLogin(app: FastifyInstance, { sessions, streams }: AppOptions): void {
  const config = { right: 'none' } as const

  app.post('/v1/session', { config, bodyLimit: STRANGER_FRAME_BYTES_MAX }, (request, reply) => {
    const { visit } = request
    visit.login(tokenOf(request.body))
    // Nobody is asked here: there is nothing to remember.
    const opened = visit.isLocked ? sessions.open(visit.identity) : null
    if (opened !== null) giveCookie(request, reply, opened.cookie)
    return reply.type(JSON_TYPE).send(sessionText(request, opened?.session ?? null))
  })

  app.get('/v1/session', { config }, (request, reply) =>
    reply.type(JSON_TYPE).send(sessionText(request, request.session)),
  )

  app.delete('/v1/session', { config }, (request, reply) => {
    const cookie = cookieOf(request)
    if (cookie !== null) sessions.close(cookie)
    takeCookie(request, reply)
    // Streams that it had opened end with it.
    setImmediate(() => streams.recheck())
    return reply.code(204).send()
  })
}

function tokenOf(body: unknown): string {
  if (!isObject(body) || typeof body.token !== 'string' || body.token.length > TOKEN_LENGTH_MAX) {
    refuse('token', `must be a string of at most ${TOKEN_LENGTH_MAX} characters`)
  }
  return body.token
}

function sessionText({ visit }: FastifyRequest, session: BrowserSession | null): string {
  const { identity } = visit
  return JSON.stringify({
    identity: identity.name,
    // Who has no right at all has to say who he is first.
    needsToken: identity.grants.length === 0,
    rights: [...new Set(identity.grants.flatMap(({ rights }) => rights))],
    csrf: session?.csrf ?? null,
    expiresAt: session === null ? null : writeTime(session.expiresAtMs),
  })
}
