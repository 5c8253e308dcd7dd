/** The cookie of a browser session: how it is called, and what keeps it where it belongs. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { BROWSER_SESSION_MS } from '../../task/limits.ts'

const NAME = 'chasqui_session'
/** Browsers take a cookie with this prefix only over TLS, for this very host and all of its paths. */
const SECURE_NAME = `__Host-${NAME}`

const SECOND_MS = 1_000

export function cookieOf(request: FastifyRequest): string | null {
  return request.cookies[nameFor(request)] ?? null
}

export function giveCookie(request: FastifyRequest, reply: FastifyReply, value: string): void {
  reply.setCookie(nameFor(request), value, {
    ...attributes(request),
    maxAge: BROWSER_SESSION_MS / SECOND_MS,
  })
}

export function takeCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(nameFor(request), attributes(request))
}

function attributes(request: FastifyRequest) {
  return { httpOnly: true, sameSite: 'strict', path: '/', secure: isEncrypted(request) } as const
}

function nameFor(request: FastifyRequest): string {
  return isEncrypted(request) ? SECURE_NAME : NAME
}

/** Also where a trusted balancer says that it was. */
function isEncrypted(request: FastifyRequest): boolean {
  return request.protocol === 'https'
}
