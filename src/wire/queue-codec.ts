/** Orders to queues and their answers: port ↔ wire. The server reads params that the schema of the method has passed. */

import { PLAIN_QUEUE, type QueueAnswer, type QueueChange, type QueueOrder } from '../task/queue.ts'
import type { Params } from './messages.ts'
import { readBackoff } from './submission-codec.ts'

/** A back-off may be written short, as in `task.submit`. */
export function readQueueChange(params: Params): QueueChange {
  const { defaults, ...others } = params as QueueChange
  if (defaults === undefined) return others
  const { backoff } = defaults
  if (backoff === undefined || backoff === null) return { ...others, defaults }
  return { ...others, defaults: { ...defaults, backoff: readBackoff(backoff) } }
}

/** Result of all but `queue.purge`. */
export function writeQueueAnswer({ queue, settings }: QueueAnswer): string {
  return JSON.stringify({ queue, settings })
}

/** Result of `queue.purge`. */
export function writePurge({ purged, cursor }: QueueAnswer): string {
  return JSON.stringify({ purged, cursor })
}

// ---- the client's side ------------------------------------------------------------------------------------

export function writeQueueOrder(order: QueueOrder): { readonly method: string; readonly paramsText: string } {
  const { kind, queue } = order
  const rest = kind === 'define' ? order.change : kind === 'purge' ? { cursor: order.cursor } : {}
  return { method: `queue.${kind}`, paramsText: JSON.stringify({ queue, ...rest }) }
}

export function readQueueAnswer(queue: string, result: unknown): QueueAnswer {
  return { queue, settings: PLAIN_QUEUE, purged: 0, cursor: null, ...(result as Partial<QueueAnswer>) }
}
