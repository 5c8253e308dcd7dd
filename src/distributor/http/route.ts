/**
 * What a route is. Most are a command of the wire under another name: where its params come from is said as data, so that the server that answers, and the
 * document that describes it, read the same.
 */

import type { TSchema } from 'typebox'
import { refuse } from '../../wire/fields.ts'
import { isObject, type Params } from '../../wire/messages.ts'
import { METHODS, type MethodName } from '../../wire/protocol.ts'

export type Verb = 'GET' | 'POST' | 'DELETE'

export interface CommandRoute {
  readonly verb: Verb
  /** `:id` and `:queue` stand for a part of the path. */
  readonly path: string
  readonly command: MethodName
  /** Default: that of the command. */
  readonly summary?: string
  /** The param that the id, or the queue, in the path is; `ids`: it alone. */
  readonly id?: 'id' | 'ids' | 'queue'
  /** Params that come from the query. */
  readonly query?: readonly string[]
  /** The body is the params. */
  readonly body?: true
  /** The member of the result that holds the whole answer, `tasks` as its only entry; null there is 404. */
  readonly only?: 'tasks' | 'explanation'
}

/** A request, as far as the params of a command are made from it. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, TSchema>>
}

export function paramsOf(route: CommandRoute, { params, query, body }: Asked): Params {
  const { id, query: taken = [], body: isBody } = route
  const { properties } = METHODS[route.command].params as unknown as ObjectSchema
  const made: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(query)) {
    if (!taken.includes(name)) refuse(name, `is no parameter of ${route.verb} ${route.path}`)
    made[name] = fromText(properties[name]!, value)
  }
  if (id === 'ids') made.ids = [params.id]
  else if (id !== undefined) made[id] = params[id]
  if (isBody === undefined) return made
  if (!isObject(body)) refuse('the body', 'must be a JSON object (content-type: application/json)')
  return { ...body, ...made }
}

/** In a query everything is text: what the schema takes as a number or a boolean becomes one, the rest is left for the check to judge. */
export function fromText(schema: TSchema, value: unknown): unknown {
  if (typeof value !== 'string') return value
  const { type } = schema as { readonly type?: string }
  if (type === 'integer' && /^-?\d{1,16}$/.test(value)) return Number(value)
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  // `data=` and `?data` alone: a flag that was raised.
  return type === 'boolean' && value === '' ? true : value
}
