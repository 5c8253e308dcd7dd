/**
 * The OpenAPI document (https://spec.openapis.org/oas/v3.1.0) of this server: made from the very schemas that check its requests, for the routes that are
 * really there.
 */

import type { TSchema } from 'typebox'
import { ERRORS, type ErrorCode } from '../../../task/errors.ts'
import type { NeededRight } from '../../command.ts'
import { STATUS_OF } from '../answers.ts'
import type { Verb } from '../route.ts'
import { COMMAND_ROUTES } from '../routes.ts'
import { BY_HAND } from './by-hand.ts'
import { type DescribedAnswer, type DescribedRoute, describeCommand, TAGS } from './described.ts'
import { Shapes } from './shapes.ts'

export interface MountedRoute {
  readonly verb: Verb
  readonly path: string
  readonly right: NeededRight
}

export function openApiDocument(version: string, routes: readonly MountedRoute[]): object {
  const shapes = new Shapes()
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    const described = operation(descriptionOf(route), route.right, shapes)
    paths[path] = { ...paths[path], [route.verb.toLowerCase()]: described }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Chasqui',
      version,
      description:
        'A distributed task system. The operations under /v1 are those of the wire (docs/protocol.md), with the same rights, limits and errors.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { ...shapes.all(), Error: ERROR_SHAPE },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'From `chasqui token create`.' },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: 'chasqui_session',
          description: 'From `POST /v1/session`; what is no GET takes the header X-CSRF-Token besides.',
        },
      },
    },
  }
}

/** Throws for a route that nobody described. */
export function descriptionOf({ verb, path }: Pick<MountedRoute, 'verb' | 'path'>): DescribedRoute {
  const isIt = (route: { readonly verb: Verb; readonly path: string }) =>
    route.verb === verb && route.path === path
  const command = COMMAND_ROUTES.find(isIt)
  const described = command === undefined ? BY_HAND.find(isIt) : describeCommand(command)
  if (described === undefined) throw new Error(`${verb} ${path} is described nowhere`)
  return described
}

function operation(route: DescribedRoute, right: NeededRight, shapes: Shapes): object {
  const { verb, path, summary, tag, body } = route
  return {
    operationId: operationId(verb, path),
    summary,
    description: right === 'none' ? 'Right: none.' : `Right: \`${right}\`.`,
    tags: [tag],
    'x-right': right,
    ...(right !== 'none' && { security: [{ token: [] }, { cookie: [] }, {}] }),
    parameters: parameters(route, shapes),
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: shapes.take(body) } } },
    }),
    responses: { ...answers(route, shapes), ...errors(route) },
  }
}

/** `GET /v1/tasks/:id/log` → `get-tasks-id-log` */
function operationId(verb: Verb, path: string): string {
  const words = path.replace(/^\/v1/, '').split('/').filter(Boolean)
  return [verb.toLowerCase(), ...words.map((word) => word.replaceAll(/[^\w]/g, ''))].join('-')
}

function parameters({ path, query = {}, headers = {} }: DescribedRoute, shapes: Shapes): object[] {
  const one =
    (place: string, required: boolean) =>
    ([name, schema]: [string, TSchema]) => {
      const { description } = schema as { readonly description?: string }
      return { name, in: place, required, ...(description && { description }), schema: shapes.take(schema) }
    }
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description:
      name === 'queue' ? 'Name of the queue, percent-encoded.' : 'Id of the task, percent-encoded.',
    schema: { type: 'string', minLength: 1 },
  }))
  return [
    ...inPath,
    ...Object.entries(query).map(one('query', false)),
    ...Object.entries(headers).map(one('header', false)),
  ]
}

function answers({ answers: given }: DescribedRoute, shapes: Shapes): Record<string, object> {
  const one = ({ description, type = 'application/json', schema }: DescribedAnswer) => {
    if (schema !== undefined) return { description, content: { [type]: { schema: shapes.take(schema) } } }
    const isText = type !== 'application/json'
    return { description, ...(isText && { content: { [type]: { schema: { type: 'string' } } } }) }
  }
  return Object.fromEntries(Object.entries(given).map(([status, answer]) => [status, one(answer)]))
}

/** Grouped by status; one that also says something else, like the 503 of `/readyz`, says that. */
function errors({ errors: codes, answers: given }: DescribedRoute): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set(codes)) {
    const status = STATUS_OF[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  // What goes wrong before a route is reached.
  for (const code of BEFORE_ROUTES) {
    const status = STATUS_OF[code]
    const known = byStatus.get(status) ?? []
    if (!known.includes(code)) byStatus.set(status, [...known, code])
  }
  const described = [...byStatus].filter(([status]) => !(status in given))
  return Object.fromEntries(
    described.map(([status, names]) => [
      String(status),
      {
        description: names.map((name) => `\`${name}\`: ${ERRORS[name].meaning}`).join(' '),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  )
}

const BEFORE_ROUTES: readonly ErrorCode[] = [
  'FORBIDDEN',
  'SHUTTING_DOWN',
  'PARSE_ERROR',
  'INVALID_REQUEST',
  'FRAME_TOO_LARGE',
  'MESSAGE_STALLED',
  'RETRY_AFTER',
  'UNAUTHENTICATED',
]

const ERROR_SHAPE = {
  type: 'object',
  description: 'What went wrong: docs/errors.md has the whole table.',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'name', 'message', 'retryable'],
      properties: {
        code: { type: 'integer', description: 'Number of the error, as on the wire.' },
        name: { type: 'string', enum: Object.keys(ERRORS), description: 'Name of the error.' },
        message: { type: 'string', description: 'What was wrong.' },
        retryable: { type: 'boolean', description: 'Whether the same request may succeed later.' },
        retryAfterMs: { type: 'integer', description: 'When to try again; also the header Retry-After.' },
        details: { type: 'object', description: 'Facts for programs.' },
      },
    },
  },
}
