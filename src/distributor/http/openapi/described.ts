/** What a route is, for people and programs that read the document: made from the table of commands, or said by hand for the few that are none. */

import type { TSchema } from 'typebox'
import type { ErrorCode } from '../../../task/errors.ts'
import { COMMON_ERRORS } from '../../../wire/protocol/method.ts'
import { METHODS } from '../../../wire/protocol.ts'
import type { CommandRoute, Verb } from '../route.ts'

export const TAGS = {
  tasks: 'Submit tasks, follow them, steer them.',
  system: 'Queues, workers and events.',
  session: 'Who a browser is.',
  operations: 'For balancers, orchestrators and Prometheus.',
} as const

export interface DescribedAnswer {
  readonly description: string
  /** Default: JSON. */
  readonly type?: string
  readonly schema?: TSchema
}

export interface DescribedRoute {
  readonly verb: Verb
  readonly path: string
  readonly summary: string
  readonly tag: keyof typeof TAGS
  readonly query?: Readonly<Record<string, TSchema>>
  readonly headers?: Readonly<Record<string, TSchema>>
  readonly body?: TSchema
  /** By status, those that are no error. */
  readonly answers: Readonly<Record<number, DescribedAnswer>>
  readonly errors: readonly ErrorCode[]
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, TSchema>>
}

export function describeCommand(route: CommandRoute): DescribedRoute {
  const { verb, path, command, query = [], body, only } = route
  const { params, result, errors, summary } = METHODS[command]
  const { properties } = params as unknown as ObjectSchema
  return {
    verb,
    path,
    summary: route.summary ?? summary,
    tag: path.startsWith('/v1/tasks') ? 'tasks' : 'system',
    query: Object.fromEntries(query.map((name) => [name, properties[name]!])),
    ...(body === true && { body: route.id === 'queue' ? without(params, 'queue') : params }),
    answers: {
      200: {
        description: only === undefined ? 'Done.' : 'The task is known.',
        schema: only === undefined ? result : entryOf(result as unknown as ObjectSchema, only),
      },
    },
    errors: [...errors, ...COMMON_ERRORS, ...(only === undefined ? [] : (['TASK_UNKNOWN'] as const))],
  }
}

interface MaybeNull {
  readonly anyOf?: readonly TSchema[]
}

/** Of what may be null, or of a list whose entries may be: what it is when it is not. */
function entryOf({ properties }: ObjectSchema, member: string): TSchema {
  const held = properties[member] as TSchema & { readonly items?: TSchema }
  const entry = (held.items ?? held) as TSchema & MaybeNull
  return entry.anyOf?.[0] ?? entry
}

/** What stands in the path is no part of the body. */
function without(params: TSchema, name: string): TSchema {
  const { properties, required, ...rest } = params as unknown as ObjectSchema & {
    readonly required: readonly string[]
  }
  const { [name]: _, ...others } = properties
  return {
    ...rest,
    properties: others,
    required: required.filter((one) => one !== name),
  } as unknown as TSchema
}
