/** An outcome comes in: recorded once, or refused because its lease is not the current one. Runs inside a transaction. */

import type { Outcome } from '../../task/outcome.ts'
import { decide } from '../../task/verdict.ts'
import { budgetOf } from '../budget.ts'
import type { Settlement } from '../engine.ts'
import type { Entry } from './entry.ts'
import type { Heart } from './heart.ts'
import { endLease, runOf } from './leasing.ts'
import { finish, requeue, retryLater } from './moves.ts'
import { stateOf } from './records.ts'

export function settle(heart: Heart, outcome: Outcome, nowMs: number): Settlement {
  const entry = heart.leases.byId.get(outcome.id)
  if (entry === undefined || entry.batch!.epoch !== outcome.epoch) return refuse(heart, outcome)
  if (entry.holder !== null) entry.holder.settled++
  const state = conclude(heart, entry, outcome, nowMs)
  return { id: outcome.id, accepted: true, state }
}

/** Ends a lease with an outcome, which a worker reported or housekeeping saw. */
export function conclude(heart: Heart, entry: Entry, outcome: Outcome, nowMs: number, run = runOf(entry)) {
  const verdict = decide(budgetOf(entry), outcome, heart.random)
  switch (verdict.kind) {
    case 'complete':
      endLease(heart, entry, true)
      finish(heart, entry, 'running', 'succeeded', run, verdict.valueText, null)
      return 'succeeded' as const
    case 'fail':
      endLease(heart, entry, false)
      heart.store.tasks.insertFailure(entry.seq, nowMs, JSON.stringify(verdict.error))
      finish(
        heart,
        outcome.kind === 'crashed' ? { ...entry, crashes: entry.crashes + 1 } : entry,
        'running',
        'failed',
        run,
        null,
        verdict.error,
      )
      return 'failed' as const
    case 'retry': {
      const later = verdict.delayMs > 0
      endLease(heart, entry, false)
      heart.store.tasks.insertFailure(entry.seq, nowMs, JSON.stringify(verdict.error))
      retryLater(heart, entry, verdict.failures, nowMs + verdict.delayMs, later)
      return later ? ('scheduled' as const) : ('queued' as const)
    }
    case 'requeue':
      endLease(heart, entry, false)
      if (outcome.kind === 'crashed')
        heart.store.tasks.insertFailure(entry.seq, nowMs, JSON.stringify(outcome.error))
      requeue(heart, entry, verdict.crashes)
      return 'queued' as const
  }
}

function refuse(heart: Heart, outcome: Outcome): Settlement {
  // The worker is done with what was cancelled under it: its credit is free again.
  heart.leases.dropGhost(outcome)
  const row = heart.store.look.find(outcome.id)
  if (row === null) return { id: outcome.id, accepted: false, state: null }
  // Epoch 0 stands for a task that no settle made final: there is nothing to repeat.
  const accepted = outcome.epoch > 0 && row.final?.epoch === outcome.epoch
  return { id: outcome.id, accepted, state: stateOf(heart, row) }
}
