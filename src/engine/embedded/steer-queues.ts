/** An order to a queue is obeyed: in the file, and in the memory of the open store. Runs inside a transaction. */

import { QUEUE_PURGE_MAX } from '../../task/limits.ts'
import { type QueueAnswer, type QueueOrder, settingsAfter } from '../../task/queue.ts'
import { readCursor } from '../page-cursor.ts'
import type { Heart } from './heart.ts'
import { readPage } from './looking.ts'
import { cancel } from './steer.ts'

/** What it counts for among the calls of a turn. Throws what cannot be obeyed before the transaction, which would fail for all who share it. */
export function weightOf(order: QueueOrder): number {
  if (order.kind !== 'purge') return 1
  if (order.cursor !== undefined) readCursor(order.cursor)
  return QUEUE_PURGE_MAX
}

export function steer(heart: Heart, order: QueueOrder): QueueAnswer {
  const { queue } = order
  const before = heart.queues.of(queue)
  if (order.kind === 'purge') return { queue, settings: before, ...purge(heart, queue, order.cursor) }
  const settings = settingsAfter(before, order)
  heart.store.queues.write(queue, settings)
  heart.queues.set(queue, settings)
  if (settings.bytesMax !== before.bytesMax) heart.queues.weigh()
  for (const line of heart.lines.all) {
    if (heart.nameOf(line).queue === queue) line.isPaused = settings.mode === 'paused'
  }
  return { queue, settings, purged: 0, cursor: null }
}

/** A page of waiting tasks is cancelled in the transaction that found them: none of them can have begun to run. */
function purge(heart: Heart, queue: string, cursor: string | undefined) {
  const page = readPage(heart, {
    queues: [queue],
    states: ['scheduled', 'blocked', 'queued'],
    limit: QUEUE_PURGE_MAX,
    ...(cursor !== undefined && { cursor }),
  })
  for (const { id } of page.tasks) cancel(heart, id)
  return { purged: page.tasks.length, cursor: page.cursor }
}
