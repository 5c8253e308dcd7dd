/**
 * Deliveries and revocations on their way to a worker: `Delivery` ↔ params of `work.deliver` and `work.revoke`. Hot path of the server.
 *
 * Invariant: the payload goes through as the text that it is: as a JSON value inside the message (`data`), or, for workers
 * that hand it on unparsed, as a string that holds JSON text (`dataText`).
 */

import type { Delivery } from '../engine/engine.ts'
import { DELIVER_LENGTH_MAX } from '../task/limits.ts'
import type { Lease } from '../task/outcome.ts'

export type PayloadForm = 'json' | 'text'

// ---- the server's side ------------------------------------------------------------------------------------

/**
 * Params of one or more `work.deliver` notifications: a batch of large payloads is cut where a message would get too long, for
 * the longest string of V8 is shorter than a full credit of the largest payloads.
 */
export function writeDeliveries(
  consumer: string,
  deliveries: readonly Delivery[],
  form: PayloadForm,
): readonly string[] {
  const texts: string[] = []
  const head = `{"consumer":${JSON.stringify(consumer)},"deliveries":[`
  let text = ''
  for (const delivery of deliveries) {
    text += (text === '' ? '' : ',') + writeDelivery(delivery, form)
    if (text.length > DELIVER_LENGTH_MAX) {
      texts.push(`${head}${text}]}`)
      text = ''
    }
  }
  if (text !== '') texts.push(`${head}${text}]}`)
  return texts
}

function writeDelivery(delivery: Delivery, form: PayloadForm): string {
  const { id, type, queue, priority, dataText, metadata, key, timeoutMs } = delivery
  const data = form === 'json' ? `"data":${dataText}` : `"dataText":${JSON.stringify(dataText)}`
  let text = `{"task":{"id":${JSON.stringify(id)},"type":${JSON.stringify(type)},${data}`
  text += `,"queue":${JSON.stringify(queue)},"priority":${priority}`
  text += metadata === null ? ',"metadata":{}' : `,"metadata":${JSON.stringify(metadata)}`
  if (key !== null) text += `,"key":${JSON.stringify(key)}`
  if (timeoutMs !== null) text += `,"timeoutMs":${timeoutMs}`
  text += `,"maxAttempts":${delivery.maxAttempts}},"attempt":${delivery.attempt}`
  return `${text},"epoch":${delivery.epoch},"leaseMs":${delivery.leaseMs}}`
}

export function writeRevocation(consumer: string, leases: readonly Lease[]): string {
  return JSON.stringify({ consumer, leases: leases.map(({ id, epoch }) => ({ id, epoch })) })
}

// ---- the worker's side ------------------------------------------------------------------------------------

interface WireDelivery {
  readonly task: {
    readonly id: string
    readonly type: string
    readonly data?: unknown
    readonly dataText?: string
    readonly queue: string
    readonly priority: number
    readonly metadata: Readonly<Record<string, string>>
    readonly key?: string
    readonly timeoutMs?: number
    readonly maxAttempts: number
  }
  readonly attempt: number
  readonly epoch: number
  readonly leaseMs: number
}

/** Params of `work.deliver`. */
export function readDeliveries(params: unknown): { consumer: string; deliveries: Delivery[] } {
  const { consumer, deliveries } = params as { consumer: string; deliveries: WireDelivery[] }
  return { consumer, deliveries: deliveries.map(readDelivery) }
}

function readDelivery({ task, attempt, epoch, leaseMs }: WireDelivery): Delivery {
  return {
    id: task.id,
    type: task.type,
    queue: task.queue,
    priority: task.priority,
    dataText: task.dataText ?? JSON.stringify(task.data),
    metadata: isEmpty(task.metadata) ? null : task.metadata,
    key: task.key ?? null,
    attempt,
    maxAttempts: task.maxAttempts,
    timeoutMs: task.timeoutMs ?? null,
    epoch,
    leaseMs,
  }
}

function isEmpty(metadata: Readonly<Record<string, string>>): boolean {
  for (const _ in metadata) return false
  return true
}

/** Params of `work.revoke`. */
export function readRevocation(params: unknown): { consumer: string; leases: Lease[] } {
  return params as { consumer: string; leases: Lease[] }
}
