/**
 * The moves of a task between its places: waiting for its time, ready, final. Each writes the rows and changes the memory with
 * them, inside a transaction. Who decides which move is made: accept.ts, judge.ts, steer.ts, housekeeping.ts.
 */

import type { FinalState } from '../../task/lifecycle.ts'
import type { TaskError } from '../../task/outcome.ts'
import { createEntry, type Entry, type Live, movedEntry } from './entry.ts'
import type { Heart } from './heart.ts'

/** Who ran the attempt that a final result came from; epoch 0: none did. */
export interface Run {
  readonly epoch: number
  readonly attempt: number
  readonly startedAtMs: number | null
  readonly workerNo: number | null
}

export const NO_RUN: Run = { epoch: 0, attempt: 0, startedAtMs: null, workerNo: null }

/** A new task, whose task row is written, waits to run: at once or from `runAtMs` on. */
export function place(heart: Heart, entry: Entry, scheduled: boolean): void {
  const count = heart.counts.of(entry.queueNo)
  if (scheduled) {
    heart.store.tasks.insertScheduled(entry.runAtMs, entry.seq, entry.failures, entry.crashes)
    heart.counts.addScheduled(entry.queueNo, 1)
    if (entry.runAtMs < heart.nextDueMs) heart.nextDueMs = entry.runAtMs
  } else {
    heart.store.tasks.insertReady(
      entry.queueNo,
      entry.typeNo,
      entry.priority,
      entry.runAtMs,
      entry.seq,
      entry.failures,
      entry.crashes,
    )
    count.queued++
    heart.lineOf(entry.queueNo, entry.typeNo).add(entry)
  }
  heart.tell(entry, scheduled ? 'scheduled' : 'queued', entry.failures)
}

/** A scheduled task's time has come. */
export function due(heart: Heart, live: Live): void {
  heart.store.tasks.deleteScheduled(live.runAtMs, live.seq)
  heart.counts.addScheduled(live.queueNo, -1)
  place(heart, entryOf(live, live.runAtMs, live.failures, live.crashes), false)
}

/** A task ends, wherever it is: its live row goes, its result row stays. */
export function finish(
  heart: Heart,
  live: Live,
  from: 'scheduled' | 'queued' | 'running',
  state: FinalState,
  run: Run,
  valueText: string | null,
  error: TaskError | null,
): void {
  const nowMs = heart.clock.nowMs()
  if (from === 'scheduled') heart.counts.addScheduled(live.queueNo, -1)
  else heart.counts.of(live.queueNo)[from]--
  if (from === 'scheduled') heart.store.tasks.deleteScheduled(live.runAtMs, live.seq)
  else heart.store.tasks.deleteReady(live)
  if (from === 'queued') heart.lineOf(live.queueNo, live.typeNo).remove(live.priority, live.seq)
  if (live.options?.expiresAtMs !== undefined)
    heart.store.time.deleteExpiry(live.options.expiresAtMs, live.seq)
  heart.store.tasks.insertResult(
    live.seq,
    state,
    run.epoch,
    run.attempt,
    live.crashes,
    run.startedAtMs,
    nowMs,
    run.workerNo,
    valueText,
    error === null ? null : JSON.stringify(error),
  )
  if (heart.settings.documents) {
    heart.store.upkeep.insertDocument(live.seq)
    heart.documentsWritten = true
  }
  heart.counts.add(live.queueNo, state, 1)
  heart.queues.changed(live, -1)
  if (heart.waits.size > 0) heart.settledIds.push(live.id)
  heart.tell(live, state, run.attempt)
}

/** An attempt failed and another follows, at once or later: the task gets its due time as its new place. */
export function retryLater(
  heart: Heart,
  entry: Entry,
  failures: number,
  runAtMs: number,
  later: boolean,
): void {
  heart.store.tasks.deleteReady(entry)
  heart.store.tasks.setRunAt(entry.seq, runAtMs)
  heart.counts.of(entry.queueNo).running--
  place(heart, movedEntry(entry, runAtMs, failures, entry.crashes), later)
}

/** A delivery came back without using up an attempt: the task keeps its place. */
export function requeue(heart: Heart, entry: Entry, crashes: number): void {
  if (crashes !== entry.crashes) heart.store.tasks.setCrashes(entry, crashes)
  const back = movedEntry(entry, entry.runAtMs, entry.failures, crashes)
  const count = heart.counts.of(entry.queueNo)
  count.running--
  count.queued++
  heart.lineOf(entry.queueNo, entry.typeNo).add(back)
  const expiresAtMs = entry.options?.expiresAtMs
  if (expiresAtMs !== undefined) {
    // The expiry may have come and gone while it ran; unstarted again, it expires after all.
    heart.store.time.insertExpiry(expiresAtMs, entry.seq)
    if (expiresAtMs < heart.nextExpiryMs) heart.nextExpiryMs = expiresAtMs
  }
  heart.tell(back, 'queued', back.failures)
}

/** A final task runs again, by hand: fresh budgets, no expiry, at the end of its lane. */
export function revive(heart: Heart, live: Live, state: FinalState, nowMs: number): void {
  heart.store.tasks.deleteResult(live.seq)
  heart.store.tasks.setRunAt(live.seq, nowMs)
  let options = live.options
  if (options?.expiresAtMs !== undefined) {
    const { expiresAtMs: _gone, ...rest } = options
    options = Object.keys(rest).length === 0 ? null : rest
    heart.store.tasks.setOptions(live.seq, options === null ? null : JSON.stringify(options))
  }
  heart.counts.add(live.queueNo, state, -1)
  heart.queues.changed(live, 1)
  place(heart, entryOf({ ...live, options }, nowMs, 0, 0), false)
}

function entryOf(live: Live, runAtMs: number, failures: number, crashes: number): Entry {
  return createEntry(
    live.seq,
    live.id,
    live.queueNo,
    live.typeNo,
    live.priority,
    live.createdAtMs,
    runAtMs,
    failures,
    crashes,
    live.options,
    null,
  )
}
