/** Leases begin, go on and end: in memory and, a row a batch, in the transaction. */

import type { Lease } from '../../task/outcome.ts'
import { mustRunAlone } from '../budget.ts'
import type { LeaseAnswer } from '../engine.ts'
import type { Entry } from './entry.ts'
import type { Heart } from './heart.ts'
import type { Run } from './moves.ts'
import type { Seat } from './roster.ts'

/** Hands this turn's picks of a seat over under one lease. */
export function lease(heart: Heart, seat: Seat, entries: Entry[], nowMs: number): number {
  const epoch = heart.newEpoch()
  const batch = {
    epoch,
    workerNo: seat.workerNo,
    startedAtMs: nowMs,
    entries,
    open: entries.length,
    dirty: false,
  }
  const untilMs = nowMs + heart.settings.leaseMs
  const seqs: number[] = []
  for (const entry of entries) {
    heart.leases.grant(entry, batch, seat, untilMs)
    heart.granted.push(entry)
    seqs.push(entry.seq)
    const count = heart.counts.of(entry.queueNo)
    count.queued--
    count.running++
    heart.tell(entry, 'running', entry.failures + 1)
  }
  heart.store.leases.insertLease(epoch, seat.workerNo, nowMs, seqs)
  if (untilMs < heart.nextLapseMs) heart.nextLapseMs = untilMs
  return epoch
}

/**
 * A lease ends, and the holder's credit is free again. `forGood`: nothing can bring the task back, not even a retry by hand, so its
 * result row alone tells that the lease is over.
 */
export function endLease(heart: Heart, entry: Entry, forGood: boolean): void {
  heart.leases.end(entry, forGood)
  heart.ended.push(entry)
  if (entry.holder !== null) entry.holder.held--
}

/**
 * Before a lease ends under its holder: tells it to stop. `haunt`: the handler runs on for a while, so a ghost of the delivery
 * occupies the holder's credit until the worker answers or its lease time passes.
 */
export function haunt(heart: Heart, entry: Entry): void {
  const { holder } = entry
  if (holder === null || holder.gone) return
  holder.held++
  heart.haunted.push(heart.leases.addGhost(entry, holder))
  revoke(heart, entry)
  if (entry.leaseUntilMs < heart.nextLapseMs) heart.nextLapseMs = entry.leaseUntilMs
}

export function revoke(heart: Heart, entry: Entry): void {
  const { holder } = entry
  if (holder === null || holder.gone) return
  heart.revocations.push({ holder, lease: { id: entry.id, epoch: entry.batch!.epoch } })
}

/** Renews leases; with a consumer of this engine, they become its own. Memory only: leases are counted in time, not in rows. */
export function extend(heart: Heart, leases: readonly Lease[], consumer: string | undefined): LeaseAnswer[] {
  const untilMs = heart.clock.nowMs() + heart.settings.leaseMs
  const seat = consumer === undefined ? undefined : heart.roster.seats.find((other) => other.id === consumer)
  return leases.map(({ id, epoch }) => {
    const entry = heart.leases.byId.get(id)
    if (entry === undefined || entry.batch!.epoch !== epoch) return { id, accepted: false }
    entry.leaseUntilMs = untilMs
    if (seat !== undefined && entry.holder !== seat) {
      if (entry.holder !== null) entry.holder.held--
      entry.holder = seat
      seat.held++
      // It ran alone where it comes from.
      if (mustRunAlone(entry)) seat.alone = true
    }
    return { id, accepted: true }
  })
}

/** A consumer takes nothing more. `lost`: its leases lapse soon, unless somebody renews them. */
export function leave(heart: Heart, seat: Seat, lost: boolean): void {
  heart.roster.remove(seat)
  if (!lost) return
  seat.gone = true
  const untilMs = heart.clock.nowMs() + heart.settings.reconnectGraceMs
  for (const entry of heart.leases.byId.values()) {
    if (entry.holder === seat && entry.leaseUntilMs > untilMs) entry.leaseUntilMs = untilMs
  }
  if (untilMs < heart.nextLapseMs) heart.nextLapseMs = untilMs
}

export function runOf(entry: Entry): Run {
  const batch = entry.batch!
  return {
    epoch: batch.epoch,
    attempt: entry.failures + 1,
    startedAtMs: entry.startedAtMs,
    workerNo: entry.holder?.workerNo ?? batch.workerNo,
  }
}
