/** People change their minds: cancel, and retry by hand. Runs inside a transaction. */

import type { FinalState } from '../../task/lifecycle.ts'
import { isRevivable } from '../../task/lifecycle.ts'
import { RETRY_BATCH_MAX } from '../../task/limits.ts'
import type { Change, RetryAnswer, RetrySelection } from '../engine.ts'
import type { FullRow } from './full-row.ts'
import type { Heart } from './heart.ts'
import { endLease, haunt, runOf } from './leasing.ts'
import { finish, NO_RUN, revive } from './moves.ts'
import { stateOf } from './records.ts'

/** Recorded at once in every state that is not final; a running handler is told to stop, and its epoch is fenced off. */
export function cancel(heart: Heart, id: string): Change | null {
  const running = heart.leases.byId.get(id)
  if (running !== undefined) {
    const run = { ...runOf(running), epoch: 0 }
    haunt(heart, running)
    endLease(heart, running, false)
    finish(heart, running, 'running', 'canceled', run, null, null)
    return { id, state: 'canceled', changed: true }
  }
  const row = heart.store.look.find(id)
  if (row === null) return null
  if (row.place === 'final') return { id, state: stateOf(heart, row), changed: false }
  const from = row.place === 'scheduled' ? 'scheduled' : 'queued'
  finish(heart, row, from, 'canceled', { ...NO_RUN, attempt: row.failures }, null, null)
  return { id, state: 'canceled', changed: true }
}

export function retry(heart: Heart, selection: RetrySelection, nowMs: number): RetryAnswer {
  if ('ids' in selection) {
    const tasks = selection.ids.map((id) => {
      const row = heart.store.look.find(id)
      return row === null ? null : reviveRow(heart, row, nowMs)
    })
    return { tasks, more: false }
  }
  const { types, queues } = selection.filter
  const tasks: Change[] = []
  let afterSeq = 0
  let afterFinishedAtMs = 0
  for (;;) {
    const rows = heart.store.look.readFailedForwards(afterFinishedAtMs, afterSeq, RETRY_BATCH_MAX)
    for (const row of rows) {
      if (tasks.length === RETRY_BATCH_MAX) return { tasks, more: true }
      afterSeq = row.seq
      afterFinishedAtMs = row.final!.finishedAtMs
      if (types !== undefined && !types.includes(heart.store.names.nameOf(row.typeNo))) continue
      if (queues !== undefined && !queues.includes(heart.store.names.nameOf(row.queueNo))) continue
      tasks.push(reviveRow(heart, row, nowMs))
    }
    if (rows.length < RETRY_BATCH_MAX) return { tasks, more: false }
  }
}

function reviveRow(heart: Heart, row: FullRow, nowMs: number): Change {
  const state = stateOf(heart, row)
  if (!isRevivable(state)) return { id: row.id, state, changed: false }
  revive(heart, row, state as FinalState, nowMs)
  return { id: row.id, state: 'queued', changed: true }
}
