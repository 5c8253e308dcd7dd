/** A task of an archive → rows of a store, with the counts that belong to them. Runs inside a transaction. */

import { isFinal } from '../../task/lifecycle.ts'
import type { ArchivedTask, Writing } from '../archive.ts'
import { isSameContent } from '../content.ts'
import { LOG_LEVEL_NAMES } from '../log-lines.ts'
import type { ArchiveRows } from './archive-rows.ts'
import type { Counts } from './counts.ts'
import type { Store } from './store.ts'

/** @param seq is used up when the answer is `written` */
export function writeArchived(
  store: Store,
  rows: ArchiveRows,
  counts: Counts,
  task: ArchivedTask,
  seq: number,
): Writing {
  const { names, tasks } = store
  const { id, priority, runAtMs, options, failures, crashes } = task
  const queueNo = names.numberOf(task.queue)
  const typeNo = names.numberOf(task.type)
  const optionsText = options === null ? null : JSON.stringify(options)
  if (
    !tasks.insertTask(
      seq,
      id,
      queueNo,
      typeNo,
      priority,
      task.createdAtMs,
      runAtMs,
      task.dataText,
      optionsText,
    )
  ) {
    return isThere(store, task) ? 'present' : 'other'
  }

  counts.add(queueNo, 'submitted', 1)
  if (task.final !== null) writeFinal(store, counts, task, queueNo, seq)
  else {
    if (task.state === 'scheduled') {
      tasks.insertScheduled(runAtMs, seq, failures, crashes)
      counts.addScheduled(queueNo, 1)
    } else tasks.insertReady(queueNo, typeNo, priority, runAtMs, seq, failures, crashes)
    if (options?.expiresAtMs !== undefined) store.time.insertExpiry(options.expiresAtMs, seq)
  }
  for (const { atMs, error } of task.errors) tasks.insertFailure(seq, atMs, JSON.stringify(error))
  for (const { number, atMs, attempt, level, text } of task.log) {
    store.log.appendLog(seq, number, atMs, attempt, LOG_LEVEL_NAMES.indexOf(level), text)
  }
  if (options?.dedupeKey !== undefined && task.dedupeUntilMs !== null) {
    rows.holdDedupe(queueNo, options.dedupeKey, id, task.dedupeUntilMs)
  }
  if (task.documentPending) store.upkeep.insertDocument(seq)
  return 'written'
}

function writeFinal(store: Store, counts: Counts, task: ArchivedTask, queueNo: number, seq: number): void {
  if (!isFinal(task.state)) throw new Error(`bug: task ${task.id} is ${task.state} and has an end`)
  const { epoch, attempt, startedAtMs, finishedAtMs, worker, resultText, error } = task.final!
  store.tasks.insertResult(
    seq,
    task.state,
    epoch,
    attempt,
    task.crashes,
    startedAtMs,
    finishedAtMs,
    worker === null ? null : store.names.workerNumberOf(worker),
    resultText,
    error === null ? null : JSON.stringify(error),
  )
  counts.add(queueNo, task.state, 1)
}

/** The same task, perhaps moved on since: then its options may have lost their expiry, as times are not compared. */
function isThere(store: Store, task: ArchivedTask): boolean {
  const held = store.look.find(task.id, true)!
  return (
    held.createdAtMs === task.createdAtMs &&
    isSameContent(task, {
      type: store.names.nameOf(held.typeNo),
      queue: store.names.nameOf(held.queueNo),
      priority: held.priority,
      dataText: held.dataText!,
      options: held.options,
    })
  )
}
