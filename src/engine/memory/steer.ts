/** People change their minds: retry by hand, and orders to queues. What they do to tasks is the ledger's. */

import { isFinal, isRevivable } from '../../task/lifecycle.ts'
import { QUEUE_PURGE_MAX, RETRY_BATCH_MAX } from '../../task/limits.ts'
import { type QueueAnswer, type QueueOrder, settingsAfter } from '../../task/queue.ts'
import type { RetryAnswer, RetrySelection } from '../engine.ts'
import type { Ledger } from './ledger.ts'
import { type Filter, suits } from './row.ts'

export function retry(ledger: Ledger, selection: RetrySelection): RetryAnswer {
  return 'ids' in selection ? retryIds(ledger, selection.ids) : retryFailed(ledger, selection.filter)
}

function retryIds(ledger: Ledger, ids: readonly string[]): RetryAnswer {
  const tasks = ids.map((id) => {
    const row = ledger.find(id)
    if (row === undefined) return null
    return isRevivable(row.state) ? ledger.revive(row) : { id, state: row.state, changed: false }
  })
  return { tasks, more: false }
}

function retryFailed(ledger: Ledger, filter: Filter): RetryAnswer {
  const failed = ledger
    .rows()
    .filter((row) => row.state === 'failed' && suits(filter, row))
    .sort((a, b) => a.finishedAtMs! - b.finishedAtMs! || a.seq - b.seq)
  const taken = failed.slice(0, RETRY_BATCH_MAX)
  return { tasks: taken.map((row) => ledger.revive(row)), more: failed.length > taken.length }
}

export function steer(ledger: Ledger, order: QueueOrder): QueueAnswer {
  const { queue } = order
  if (order.kind === 'purge') {
    return { queue, settings: ledger.queues.of(queue), ...purge(ledger, queue, order.cursor) }
  }
  const settings = settingsAfter(ledger.queues.of(queue), order)
  ledger.queues.set(queue, settings)
  if (order.kind === 'define') ledger.retime(queue)
  return { queue, settings, purged: 0, cursor: null }
}

function purge(ledger: Ledger, queue: string, cursor: string | undefined) {
  const beforeSeq = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor)
  const waiting = ledger
    .rows()
    .filter(
      ({ submission, seq, state }) =>
        submission.queue === queue && seq < beforeSeq && state !== 'running' && !isFinal(state),
    )
    .reverse()
  const taken = waiting.slice(0, QUEUE_PURGE_MAX)
  for (const row of taken) ledger.cancel(row)
  return {
    purged: taken.length,
    cursor: waiting.length > taken.length ? String(taken.at(-1)!.seq) : null,
  }
}
