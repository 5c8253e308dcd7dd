/**
 * The application of Fastify: its limits, what every request passes on its way in, and how everything that goes wrong is said.
 *
 * Fastify routes, and keeps time of the sockets; it checks nothing: what commands take is checked where the wire has it checked.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { ChasquiError } from '../../task/errors.ts'
import { HTTP_KEEP_ALIVE_MS, HTTP_TIMEOUTS_CHECK_MS, ID_LENGTH_MAX } from '../../task/limits.ts'
import { peerError } from '../../wire/fields.ts'
import { type Networks, plainAddress } from '../../wire/networks.ts'
import { contextOptions } from '../arrivals.ts'
import type { NeededRight } from '../command.ts'
import { errorBody, JSON_TYPE, rawError, sendError } from './answers.ts'
import { readBody, tooLarge } from './body.ts'
import { Entrance } from './entrance.ts'
import { Health } from './health.ts'
import type { AppOptions } from './http-options.ts'
import { mountLogin } from './login.ts'
import { mountApi } from './mount.ts'
import { descriptionOf, type MountedRoute } from './openapi/document.ts'
import { serveDocument } from './openapi/serve.ts'
import { mountOperations } from './operations.ts'
import { servePage } from './page.ts'
import type { Verb } from './route.ts'
import { securityHeaders } from './security-headers.ts'
import type { BrowserSession } from './sessions.ts'
import { watchReader } from './slow-readers.ts'
import type { Visit } from './visit.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Null only before the first look at it. */
    visit: Visit
    /** Of a browser that came with its cookie. */
    session: BrowserSession | null
  }
  interface FastifyContextConfig {
    /** What the caller must be allowed to do; a test fails for a route that does not say. */
    right?: NeededRight
    /** A file that belongs to a page, and no operation. */
    isAsset?: boolean
  }
}

export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { grounds, isClosing } = options
  const app = bareApp(options)
  const entrance = new Entrance(options)

  app.decorateRequest('visit', null as unknown as Visit)
  app.decorateRequest('session', null)
  await app.register(cookie)
  await app.register(helmet, { global: true, ...securityHeaders(options.tls !== undefined) })

  app.addHook('onRequest', (request, reply) => entrance.receive(request, reply))
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

  const routes = collectRoutes(app)
  mountLogin(app, options)
  mountApi(app, options)
  mountOperations(app, options, new Health(grounds))
  serveDocument(app, grounds.version, () => routes)
  await servePage(app, options.page ?? null)
  await app.ready()
  return app
}

/** Every operation, as it is mounted. A route that names no right, or that nobody described, is a bug that shows at once. */
function collectRoutes(app: FastifyInstance): readonly MountedRoute[] {
  const routes: MountedRoute[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.right === undefined) throw new Error(`${method} ${url} does not say which right it takes`)
    if (config.isAsset === true || method === 'HEAD') return
    const route = { verb: method as Verb, path: url, right: config.right }
    descriptionOf(route)
    routes.push(route)
  })
  return routes
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
