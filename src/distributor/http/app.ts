/**
 * The application of Fastify: its limits, what every request passes on its way in, and how everything that goes wrong is said.
 *
 * Fastify routes, and keeps time of the sockets; it checks nothing: what commands take is checked where the wire has it checked.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import helmet from '@fastify/helmet'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { ChasquiError } from '../../task/errors.ts'
import { HTTP_KEEP_ALIVE_MS, HTTP_TIMEOUTS_CHECK_MS, ID_LENGTH_MAX } from '../../task/limits.ts'
import { peerError } from '../../wire/fields.ts'
import { type Networks, plainAddress } from '../../wire/networks.ts'
import { certificateRefused, contextOptions, subjectOf } from '../arrivals.ts'
import type { NeededRight } from '../command.ts'
import { errorBody, JSON_TYPE, rawError, sendError } from './answers.ts'
import { readBody, tooLarge } from './body.ts'
import { Gate } from './gate.ts'
import { Health } from './health.ts'
import type { AppOptions, HttpOptions } from './http-options.ts'
import { mountApi } from './mount.ts'
import { mountOperations } from './operations.ts'
import { servePage } from './page.ts'
import { watchReader } from './slow-readers.ts'
import { Visit } from './visit.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Null only before the first look at it. */
    visit: Visit
  }
  interface FastifyContextConfig {
    /** What the caller must be allowed to do; a test fails for a route that does not say. */
    right?: NeededRight
  }
}

export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { grounds, isClosing } = options
  const app = bareApp(options)
  const gate = new Gate({ origins: options.origins ?? [], guardsHost: options.guardsHost })
  let visits = 0

  app.decorateRequest('visit', null as unknown as Visit)
  await app.register(helmet, { global: true, ...securityHeaders(options.tls !== undefined) })

  app.addHook('onRequest', async (request, reply) => {
    // What is asked holds no secret of ours, and what is answered is nobody else's.
    reply.header('cache-control', 'no-store')
    if (isClosing()) {
      reply.header('connection', 'close')
      throw new ChasquiError('SHUTTING_DOWN', 'the server is stopping')
    }
    gate.check(request, reply)
    const { socket } = request.raw
    const right = request.routeOptions.config.right ?? 'none'
    if (right !== 'none' && asksForCertificate(options) && !isAuthorized(socket)) {
      throw certificateRefused(String((socket as TLSSocket).authorizationError ?? 'none was shown'))
    }
    const visit = new Visit({
      grounds,
      guests: options.guests,
      id: `h${++visits}`,
      peer: plainAddress(request.ip),
      subject: isAuthorized(socket) ? subjectOf(socket as TLSSocket) : null,
      isClosing,
    })
    request.visit = visit
    reply.raw.once('close', () => visit.leave())
    if (request.method === 'OPTIONS') return gate.preflight(reply)
    if (!visit.isWelcome && right !== 'none') {
      const reason = 'too many requests of this address have not said who they are'
      throw new ChasquiError('TOO_MANY_CONNECTIONS', reason)
    }
    const token = bearerToken(request)
    if (token !== null) visit.login(token)
    visit.demand(right)
  })
  app.addHook('onSend', async (_, reply) => {
    if (isClosing()) reply.header('connection', 'close')
    watchReader(reply.raw, grounds.clock, grounds.limits.slowReaderMs)
  })

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', async (request: FastifyRequest, payload: IncomingMessage) => {
    const bytesMax = request.routeOptions.bodyLimit
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
    const { intake, limits } = grounds
    return readBody(payload, { bytesMax, intake, retryAfterMs: limits.messageStallMs })
  })
  app.setErrorHandler((error, request, reply) => {
    const act = `${request.method} ${request.routeOptions.url ?? '?'}`
    const known = ofFastify(error as Error)
    // What did not pass the gate was nobody yet.
    const told = (request.visit as Visit | null)?.wireError(known, act) ?? (known as ChasquiError)
    // A body that was not read to its end leaves nothing on this connection that could be understood.
    if (!request.raw.complete) reply.header('connection', 'close')
    return sendError(reply, told)
  })
  app.setNotFoundHandler((request, reply) => {
    const what = `${request.method} ${request.url.split('?')[0]}`
    return sendError(reply, peerError('METHOD_NOT_FOUND', `there is no ${what.slice(0, 200)}`))
  })

  mountApi(app, options)
  mountOperations(app, options, new Health(grounds))
  await servePage(app, options.page ?? null)
  await app.ready()
  return app
}

function bareApp({ grounds, tls, proxies = null }: AppOptions): FastifyInstance {
  const { limits, log } = grounds
  const settings = {
    bodyLimit: limits.frameBytesMax,
    requestTimeout: limits.messageStallMs,
    keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    // An id with each of its characters escaped.
    routerOptions: { maxParamLength: ID_LENGTH_MAX * 12, caseSensitive: true },
    ...(proxies !== null && { trustProxy: (address: string) => isTrusted(proxies, address) }),
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => {
      log.event('http.bad-request', { peer: socket.remoteAddress ?? 'unknown', reason: error.message })
      if (socket.writable) socket.end(rawError(ofParser(error)))
      else socket.destroy()
    },
    frameworkErrors: (error: Error, _: unknown, reply: { raw: ServerResponse }) => {
      const told = ofFastify(error) as ChasquiError
      reply.raw.writeHead(400, { 'content-type': JSON_TYPE }).end(errorBody(told))
    },
  }
  const times = { headersTimeout: limits.helloMs, connectionsCheckingInterval: HTTP_TIMEOUTS_CHECK_MS }
  if (tls === undefined) return fastify({ ...settings, http: times })
  const https = {
    ...times,
    ...contextOptions(tls),
    handshakeTimeout: limits.handshakeMs,
    requestCert: tls.ca !== undefined,
    // Whoever shows nothing good is told so as an answer.
    rejectUnauthorized: false,
  }
  return fastify({ ...settings, https }) as unknown as FastifyInstance
}

function isTrusted(proxies: Networks, address: string): boolean {
  return proxies.has(plainAddress(address))
}

function asksForCertificate({ tls }: HttpOptions): boolean {
  return tls?.ca !== undefined
}

function isAuthorized(socket: Socket): boolean {
  return (socket as TLSSocket).authorized === true
}

function bearerToken({ headers }: FastifyRequest): string | null {
  const { authorization } = headers
  if (authorization === undefined) return null
  const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? []
  if (token === undefined) throw peerError('UNAUTHENTICATED', 'Authorization must be `Bearer TOKEN`')
  return token
}

/** What the framework found wrong, in our words; everything else as it is. */
function ofFastify(error: Error): unknown {
  if (error instanceof ChasquiError) return error
  const { code, statusCode = 500 } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return peerError('INVALID_REQUEST', 'send JSON, and say so: content-type: application/json')
  }
  if (statusCode >= 400 && statusCode < 500) return peerError('INVALID_REQUEST', error.message)
  return error
}

/** What Node's parser did not understand. */
function ofParser({ code, message }: NodeJS.ErrnoException): ChasquiError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return peerError('MESSAGE_STALLED', 'a request was begun and not finished in time')
  }
  if (code === 'HPE_HEADER_OVERFLOW') return peerError('FRAME_TOO_LARGE', 'the headers are too long')
  return peerError('PARSE_ERROR', `not HTTP: ${message}`)
}

/** One's own page only: nothing from elsewhere, in no frame. */
function securityHeaders(isEncrypted: boolean) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' as const },
    crossOriginEmbedderPolicy: false,
    // Browsers remember it for the name, and a server that goes back to plain HTTP would be lost to them.
    strictTransportSecurity: isEncrypted ? { maxAge: 86_400, includeSubDomains: false } : false,
  }
}
