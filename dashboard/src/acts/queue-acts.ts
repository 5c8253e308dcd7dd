/** Steering a queue: what stops work or takes it away is asked about, whatever was done has its receipt. */

import { purgeQueue, type QueueOrder, steerQueue } from '../api/queues.ts'
import { look } from '../live/stats.ts'
import { t } from '../words/words.ts'
import { attempt, confirm, showReceipt } from './acts.ts'

export async function steerWithQuestion(queue: string, order: QueueOrder): Promise<void> {
  const isYes =
    order === 'resume' ||
    (await confirm({
      title: t(`queue.${order}.question`, { queue }),
      text: t(`queue.${order}.consequence`),
      yes: t(`queue.${order}.act`),
      isDestructive: false,
    }))
  if (!isYes) return
  const answer = await attempt(t('queue.failed', { queue }), () => steerQueue(queue, order))
  if (answer !== null) showReceipt(t(`queue.${order}.done`, { queue }))
  await look()
}

export async function purgeWithQuestion(queue: string, waiting: number): Promise<void> {
  const isYes = await confirm({
    title: t('queue.purge.question', { queue, count: waiting }),
    text: t('queue.purge.consequence'),
    yes: t('queue.purge.act'),
    isDestructive: true,
  })
  if (!isYes) return
  let count = 0
  const isDone = await attempt(t('queue.failed', { queue }), async () => {
    let cursor: string | null = null
    do {
      const answer: Awaited<ReturnType<typeof purgeQueue>> = await purgeQueue(queue, cursor)
      count += answer.purged
      cursor = answer.cursor
    } while (cursor !== null)
    return true
  })
  // What was canceled before something went wrong stays canceled, and is said.
  if (isDone !== null || count > 0) showReceipt(t('queue.purge.done', { queue, count }))
  await look()
}
