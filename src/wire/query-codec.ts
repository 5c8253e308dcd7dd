/**
 * What is asked for: list, watch, retry and consume requests, port ↔ wire. The server reads params that the schema of the
 * method has passed; the client writes them.
 */

import type { ConsumeRequest, ListQuery, RetrySelection, WatchQuery } from '../engine/engine.ts'
import type { TaskState } from '../task/lifecycle.ts'
import { LIST_LIMIT_DEFAULT, QUEUE_DEFAULT } from '../task/limits.ts'
import type { WorkerIdentity } from '../task/task.ts'
import type { PayloadForm } from './delivery-codec.ts'
import type { Params } from './messages.ts'

type OneOrMany<Value> = Value | readonly Value[]

// ---- the server's side: params that were checked already ---------------------------------------------------

export function readListQuery(params: Params): ListQuery {
  const { state, type, queue, limit, cursor, data } = params as {
    state?: OneOrMany<TaskState>
    type?: OneOrMany<string>
    queue?: OneOrMany<string>
    limit?: number
    cursor?: string | null
    data?: boolean
  }
  return {
    ...given('states', many(state)),
    ...given('types', many(type)),
    ...given('queues', many(queue)),
    limit: limit ?? LIST_LIMIT_DEFAULT,
    ...given('cursor', cursor ?? undefined),
    ...given('data', data),
  }
}

export function readWatchQuery(params: Params): WatchQuery {
  const { ids, type, queue, state } = params as {
    ids?: readonly string[]
    type?: OneOrMany<string>
    queue?: OneOrMany<string>
    state?: OneOrMany<TaskState>
  }
  return {
    ...given('ids', ids),
    ...given('types', many(type)),
    ...given('queues', many(queue)),
    ...given('states', many(state)),
  }
}

/** Exactly one of the two was checked to be there. */
export function readRetrySelection(params: Params): RetrySelection {
  const { ids, filter = {} } = params as {
    ids?: readonly string[]
    filter?: { type?: OneOrMany<string>; queue?: OneOrMany<string> }
  }
  if (ids !== undefined) return { ids }
  return { filter: { ...given('types', many(filter.type)), ...given('queues', many(filter.queue)) } }
}

export interface WireConsume {
  readonly queues: readonly string[]
  readonly types: readonly string[] | null
  readonly slots: number
  readonly prefetch: number
  readonly payload: PayloadForm
  /** Change this consumer instead of making one. */
  readonly consumer?: string
  /** Who runs the tasks, where that is not who said hello. */
  readonly worker?: WorkerIdentity
}

export function readConsume(params: Params): WireConsume {
  const {
    queues = [QUEUE_DEFAULT],
    types = null,
    slots = 1,
    prefetch = 1,
    payload = 'json',
    consumer,
    worker,
  } = params as Partial<WireConsume>
  return {
    queues,
    types,
    slots,
    prefetch,
    payload,
    ...given('consumer', consumer),
    ...given('worker', worker && { id: worker.id, pid: worker.pid, host: worker.host }),
  }
}

function many<Value>(value: OneOrMany<Value> | undefined): readonly Value[] | undefined {
  if (value === undefined) return undefined
  return Array.isArray(value) ? (value as readonly Value[]) : [value as Value]
}

/** `exactOptionalPropertyTypes`: what was not given must not be there. */
function given<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: Value })
}

// ---- the client's side ------------------------------------------------------------------------------------

/** Params of `task.list`. */
export function writeListQuery({ states, types, queues, ...same }: ListQuery): string {
  return JSON.stringify({ state: states, type: types, queue: queues, ...same })
}

/** Params of `task.watch`. */
export function writeWatchQuery({ ids, states, types, queues }: WatchQuery): string {
  return JSON.stringify({ ids, state: states, type: types, queue: queues })
}

/** Params of `task.retry`. */
export function writeRetrySelection(selection: RetrySelection): string {
  if ('ids' in selection) return JSON.stringify({ ids: selection.ids })
  const { types, queues } = selection.filter
  return JSON.stringify({ filter: { type: types, queue: queues } })
}

/** Params of `work.consume` for a new consumer. */
export function writeConsume(
  { queues, types, slots, prefetch, worker }: ConsumeRequest,
  payload: PayloadForm,
): string {
  return JSON.stringify({ queues, types, slots, prefetch, payload, worker })
}

/** Params of `work.consume` for a change of credit. */
export function writeResize(consumer: string, slots: number, prefetch: number): string {
  return JSON.stringify({ consumer, slots, prefetch })
}

/** Who is on the other end, for logs and `worker.list`. */
export interface ClientIdentity {
  readonly name: string
  readonly version?: string
  readonly pid?: number
  readonly host?: string
  /** Set by workers: the identity that their consumers, and the records of tasks that they run, carry. */
  readonly worker?: WorkerIdentity
}

/** Params of `session.hello`. */
export function writeHello(hello: {
  readonly client: ClientIdentity
  readonly token: string | undefined
  readonly role: 'client' | 'worker' | undefined
}): string {
  return JSON.stringify(hello)
}
