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
    ...(body === true && { body: params }),
    answers: {
      200: {
        description: only === undefined ? 'Done.' : 'The task is known.',
        schema: only === undefined ? result : entryOf(result as unknown as ObjectSchema, only),
      },
    },
    errors: [...errors, ...COMMON_ERRORS, ...(only === undefined ? [] : (['TASK_UNKNOWN'] as const))],
  }
}

/** Of a list whose entries may be null: what an entry is that is not. */
function entryOf({ properties }: ObjectSchema, member: string): TSchema {
  const { items } = properties[member] as unknown as {
    readonly items: TSchema & { readonly anyOf?: readonly TSchema[] }
  }
  return items.anyOf?.[0] ?? items
}
