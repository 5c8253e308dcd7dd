/** Queues, for whoever runs them: what `chasqui queues` does, as methods of the client (`client.queues`). Looking at them is `client.stats()`. */

import type { QueueAnswer, QueueChange, QueueOrder, QueueSettings } from '../task/queue.ts'

export interface Queues {
  /** Delivers nothing any more, on any server, until it is resumed. What workers hold goes on; new tasks are accepted and wait. */
  pause(queue: string): Promise<QueueSettings>
  /** Takes no new tasks (QUEUE_DRAINING), and delivers those that it has. Ends a pause. */
  drain(queue: string): Promise<QueueSettings>
  /** Ends a pause, or a drain. */
  resume(queue: string): Promise<QueueSettings>
  /** Changes defaults and limits; what is left out stays, null takes it away. An empty change only reads. */
  define(queue: string, change: QueueChange): Promise<QueueSettings>
  /** Cancels all that waited when it began, in batches; what runs goes on. Resolves with how many. */
  purge(queue: string, onBatch?: (purged: number) => void): Promise<number>
}

export function createQueues(steer: (order: QueueOrder) => Promise<QueueAnswer>): Queues {
  const settingsAfter = async (order: QueueOrder) => (await steer(order)).settings
  return {
    pause: (queue) => settingsAfter({ kind: 'pause', queue }),
    drain: (queue) => settingsAfter({ kind: 'drain', queue }),
    resume: (queue) => settingsAfter({ kind: 'resume', queue }),
    define: (queue, change) => settingsAfter({ kind: 'define', queue, change }),
    async purge(queue, onBatch) {
      let all = 0
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const answer: QueueAnswer = await steer({
          kind: 'purge',
          queue,
          ...(cursor !== undefined && { cursor }),
        })
        all += answer.purged
        onBatch?.(all)
        cursor = answer.cursor
      }
      return all
    },
  }
}
