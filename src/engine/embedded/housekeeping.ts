/** What falls due by time: scheduled tasks, deadlines of tasks not started, leases not renewed. Runs inside a transaction, in bounded steps. */

import { COMMIT_TASKS_MAX, LAPSE_CHECK_MS } from '../../task/limits.ts'
import { workerLost } from '../worker-lost.ts'
import { hasExpired } from './dispatch.ts'
import type { Entry } from './entry.ts'
import type { Heart } from './heart.ts'
import { conclude } from './judge.ts'
import { revoke, runOf } from './leasing.ts'
import { due, finish, NO_RUN } from './moves.ts'

export function isDue(heart: Heart, nowMs: number): boolean {
  return heart.nextDueMs <= nowMs || heart.nextExpiryMs <= nowMs || heart.nextLapseMs <= nowMs
}

export function nextWakeMs(heart: Heart): number {
  return Math.min(heart.nextDueMs, heart.nextExpiryMs, heart.nextLapseMs)
}

export function keepHouse(heart: Heart, nowMs: number): void {
  if (heart.nextExpiryMs <= nowMs) expire(heart, nowMs)
  if (heart.nextDueMs <= nowMs) makeDue(heart, nowMs)
  if (heart.nextLapseMs <= nowMs) lapse(heart, nowMs)
}

function makeDue(heart: Heart, nowMs: number): void {
  for (const row of heart.store.time.readDue(nowMs, COMMIT_TASKS_MAX)) due(heart, row)
  heart.nextDueMs = heart.store.time.nextDueMs() ?? Number.POSITIVE_INFINITY
}

function expire(heart: Heart, nowMs: number): void {
  for (const { expiresAtMs, seq } of heart.store.time.readExpired(nowMs, COMMIT_TASKS_MAX)) {
    heart.store.time.deleteExpiry(expiresAtMs, seq)
    const row = heart.store.look.findSeq(seq)
    // Running: let it run; if it comes back unstarted, `requeue` sets its expiry again.
    if (row === null || row.place === 'final' || heart.leases.byId.has(row.id) || !hasExpired(row, nowMs))
      continue
    finish(heart, row, row.place === 'scheduled' ? 'scheduled' : 'queued', 'expired', NO_RUN, null, null)
  }
  heart.nextExpiryMs = heart.store.time.nextExpiryMs() ?? Number.POSITIVE_INFINITY
}

/** Leases that nobody renewed: their workers are taken for dead. */
function lapse(heart: Heart, nowMs: number): void {
  heart.leases.dropGhostsUntil(nowMs)
  const lapsed: Entry[] = []
  for (const entry of heart.leases.byId.values()) {
    if (entry.leaseUntilMs <= nowMs && lapsed.push(entry) === COMMIT_TASKS_MAX) break
  }
  heart.lapses += lapsed.length
  for (const entry of lapsed) {
    const worker = heart.store.names.workerOf(runOf(entry).workerNo!)
    const error = workerLost(worker)
    const epoch = entry.batch!.epoch
    revoke(heart, entry)
    // Epoch 0: what the lost worker may still say is refused, also when this made the task final.
    conclude(heart, entry, { id: entry.id, epoch, kind: 'crashed', error }, nowMs, {
      ...runOf(entry),
      epoch: 0,
    })
  }
  // Leases end at many different moments: look at them all at most this often.
  heart.nextLapseMs = Math.max(heart.leases.earliestEndMs(), nowMs + LAPSE_CHECK_MS)
}
