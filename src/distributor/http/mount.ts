/** The API under /v1: the routes of the table, the one that submits, and the one that listens. */

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Params } from '../../wire/messages.ts'
import { readWatchQuery } from '../../wire/query-codec.ts'
import { checkParams } from '../params-check.ts'
import { JSON_TYPE } from './answers.ts'
import type { AppOptions } from './http-options.ts'
import { paramsOf } from './route.ts'
import { COMMAND_ROUTES } from './routes.ts'
import { commandOf, onlyEntry, runCommand } from './run-command.ts'
import { submit } from './submitting.ts'

type Query = Readonly<Record<string, unknown>>

export function mountApi(app: FastifyInstance, { streams }: AppOptions): void {
  for (const route of COMMAND_ROUTES) {
    const { verb: method, path: url, command, only } = route
    app.route({
      method,
      url,
      config: { right: commandOf(command).right },
      handler: async (request, reply) => {
        const params = paramsOf(route, request as Parameters<typeof paramsOf>[1])
        const text = await runCommand(request.visit, command, params)
        return reply.type(JSON_TYPE).send(only === undefined ? text : onlyEntry(text, only))
      },
    })
  }

  app.post('/v1/tasks', { config: { right: commandOf('task.submit').right } }, async (request, reply) => {
    const { status, text, location } = await submit(request.visit, {
      body: request.body,
      query: request.query as Query,
      idempotencyKey: headerOf(request, 'idempotency-key'),
      traceparent: headerOf(request, 'traceparent'),
      tracestate: headerOf(request, 'tracestate'),
    })
    if (location !== undefined) reply.header('location', location)
    return reply.code(status).type(JSON_TYPE).send(text)
  })

  app.get('/v1/events', { config: { right: commandOf('task.watch').right } }, async (request, reply) => {
    const params = request.query as Params
    checkParams('task.watch', commandOf('task.watch'), listed(params))
    await streams.listen({
      visit: request.visit,
      query: readWatchQuery(listed(params)),
      lastEventId: headerOf(request, 'last-event-id'),
      begin: () => {
        reply.hijack()
        const { raw } = reply
        raw.writeHead(200, {
          ...(reply.getHeaders() as Record<string, string>),
          'content-type': 'text/event-stream; charset=utf-8',
          // nginx would wait for more otherwise.
          'x-accel-buffering': 'no',
        })
        return raw
      },
    })
  })
}

/** One id of a query is a list of one. */
function listed(params: Params): Params {
  return typeof params.ids === 'string' ? { ...params, ids: [params.ids] } : params
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
