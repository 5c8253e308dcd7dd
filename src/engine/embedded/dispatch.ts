/**
 * Ready tasks meet free credit. Picks inside the transaction that may have made them ready, so that their leases cost no
 * commit of their own; hands over after it, so that nothing runs that could still be lost.
 */

import { ATTEMPTS_DEFAULT, COMMIT_TASKS_MAX, TURN_PAYLOAD_LENGTH_MAX } from '../../task/limits.ts'
import { mustRunAlone } from '../budget.ts'
import type { Entry } from './entry.ts'
import type { Heart } from './heart.ts'
import { lease } from './leasing.ts'
import { finish, NO_RUN } from './moves.ts'
import type { Seat } from './roster.ts'

/** @returns the seats that have deliveries, and whether picks were left for the next turn */
export function pick(heart: Heart, nowMs: number): { seats: Seat[]; more: boolean } {
  const seats: Seat[] = []
  let left = COMMIT_TASKS_MAX
  let lengthLeft = TURN_PAYLOAD_LENGTH_MAX
  heart.roster.serve((seat) => {
    while (left > 0) {
      const best = heart.roster.bestFor(seat)
      if (best === null) return false
      const { line, entry } = best
      line.take(entry)
      left--
      if (hasExpired(entry, nowMs)) {
        finish(heart, entry, 'queued', 'expired', NO_RUN, null, null)
        continue
      }
      entry.dataText ??= heart.store.tasks.readPayload(entry.seq)
      lengthLeft -= entry.dataText.length
      if (lengthLeft <= 0) left = 0
      if (seat.picks.length === 0) seats.push(seat)
      seat.picks.push(entry)
      seat.held++
      seat.alone = mustRunAlone(entry)
      return true
    }
    return false
  })
  for (const seat of seats) prepare(heart, seat, nowMs)
  return { seats, more: left === 0 }
}

/** A task that was started once does not expire any more. */
export function hasExpired(
  task: { options: Entry['options']; failures: number; crashes: number },
  nowMs: number,
): boolean {
  const expiresAtMs = task.options?.expiresAtMs
  return expiresAtMs !== undefined && expiresAtMs <= nowMs && task.failures === 0 && task.crashes === 0
}

function prepare(heart: Heart, seat: Seat, nowMs: number): void {
  const { names } = heart.store
  const entries = seat.picks
  seat.picks = []
  const epoch = lease(heart, seat, entries, nowMs)
  for (const entry of entries) {
    const dataText = entry.dataText!
    // A lease may last for hours; the payload is on disk if it is needed again.
    entry.dataText = null
    const { options } = entry
    seat.deliveries.push({
      id: entry.id,
      type: names.nameOf(entry.typeNo),
      queue: names.nameOf(entry.queueNo),
      priority: entry.priority,
      dataText,
      metadata: options?.metadata ?? null,
      key: options?.key ?? null,
      attempt: entry.failures + 1,
      maxAttempts: options?.maxAttempts ?? ATTEMPTS_DEFAULT,
      timeoutMs: options?.timeoutMs ?? null,
      epoch,
      leaseMs: heart.settings.leaseMs,
      createdAtMs: entry.createdAtMs,
      dueAtMs: entry.runAtMs,
      again: entry.failures + entry.crashes > 0,
    })
  }
}

/** After the commit. */
export function handOver(heart: Heart, seats: readonly Seat[]): void {
  for (const seat of seats) {
    const { deliveries } = seat
    seat.deliveries = []
    seat.delivered += deliveries.length
    heart.toSink(seat, (sink) => sink.deliver(deliveries))
  }
}

/** After a commit that failed: the picks are in the file as they were. `seat.held` is set right by Heart.recover. */
export function takeBack(heart: Heart): void {
  for (const seat of heart.roster.seats) {
    seat.held -= seat.picks.length
    seat.picks = []
    seat.deliveries = []
  }
}
