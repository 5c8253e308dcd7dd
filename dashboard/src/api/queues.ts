/** Queues: what they are told. */

import { ask } from './door.ts'

export type QueueOrder = 'pause' | 'drain' | 'resume'

export function steerQueue(queue: string, order: QueueOrder): Promise<unknown> {
  return ask('POST', `v1/queues/${encodeURIComponent(queue)}/${order}`)
}

/** Cancels what waits, a bounded number at a time: on with the cursor until it is null. */
export function purgeQueue(
  queue: string,
  cursor: string | null,
): Promise<{ readonly purged: number; readonly cursor: string | null }> {
  return ask('POST', `v1/queues/${encodeURIComponent(queue)}/purge`, { body: { cursor } })
}
