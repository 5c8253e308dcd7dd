/**
 * `POST /v1/tasks`: one task, or many. It is `task.submit` of the wire; what HTTP adds is a status for one task, `Idempotency-Key`, and the
 * trace of the request.
 *
 * A key becomes the ids of the tasks that have none, always the same ones for the same key of the same caller: so repeating a request is as harmless as
 * submitting an id twice, also after a restart and at another distributor, and other content under the same key is ID_CONFLICT (docs/decisions/0050).
 */

import { createHash } from 'node:crypto'
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../../task/limits.ts'
import {
  type Metadata,
  readTraceparent,
  TRACEPARENT,
  type TraceParent,
  withTrace,
} from '../../telemetry/trace-context.ts'
import { refuse } from '../../wire/fields.ts'
import { isObject, type Params } from '../../wire/messages.ts'
import { runCommand } from './run-command.ts'
import type { Visit } from './visit.ts'

export interface SubmitRequest {
  readonly body: unknown
  readonly query: Readonly<Record<string, unknown>>
  readonly idempotencyKey: string | undefined
  /** W3C Trace Context of the request. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

export interface Submitted {
  readonly status: 200 | 201
  readonly text: string
  /** Of the one task that was submitted. */
  readonly location?: string
}

export async function submit(
  visit: Visit,
  { body, query, idempotencyKey, traceparent, tracestate }: SubmitRequest,
): Promise<Submitted> {
  if (!isObject(body)) {
    refuse('the body', 'must be a task, or {"tasks": […]} (content-type: application/json)')
  }
  for (const name of Object.keys(query))
    if (name !== 'durability') refuse(name, 'is no parameter of POST /v1/tasks')
  const isMany = Array.isArray(body.tasks)
  const params: Params = isMany ? { ...query, ...body } : { ...query, tasks: [body] }
  const named = idempotencyKey === undefined ? params : withIds(visit, params, idempotencyKey)
  const parent = readTraceparent(traceparent)
  const traced = parent === null ? named : withTraces(named, parent, tracestate ?? '')
  const text = await runCommand(visit, 'task.submit', traced)
  if (isMany) return { status: 200, text }
  const receipt = text.slice('{"receipts":['.length, -2)
  const { id, duplicate } = JSON.parse(receipt) as { readonly id: string; readonly duplicate: boolean }
  return {
    status: duplicate ? 200 : 201,
    text: receipt,
    location: `/v1/tasks/${encodeURIComponent(id)}`,
  }
}

function withIds(visit: Visit, params: Params, key: string): Params {
  if (key === '' || key.length > IDEMPOTENCY_KEY_LENGTH_MAX) {
    refuse('Idempotency-Key', `must have 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} characters`)
  }
  const tasks = (params.tasks as readonly unknown[]).map((task, index) =>
    isObject(task) && task.id === undefined ? { ...task, id: idOf(visit, key, index) } : task,
  )
  return { ...params, tasks }
}

/** Tasks that bring no trace of their own belong to that of the request. */
function withTraces(params: Params, parent: TraceParent, state: string): Params {
  const tasks = (params.tasks as readonly unknown[]).map((task) => {
    if (!isObject(task) || !(task.metadata === undefined || isObject(task.metadata))) return task
    const metadata = (task.metadata ?? {}) as Metadata
    return TRACEPARENT in metadata ? task : { ...task, metadata: withTrace(metadata, parent, state) }
  })
  return { ...params, tasks }
}

/** A UUID of version 8 (RFC 9562: made by a rule of one's own) from who asks, the key and the place in the request. */
function idOf({ identity }: Visit, key: string, index: number): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([identity.kind, identity.id, key, index]))
    .digest()
  hash[6] = (hash[6]! & 0x0f) | 0x80
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString('hex', 0, 16)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
