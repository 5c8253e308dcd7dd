/** Rows of a store → tasks as an archive tells them. */

import { ARCHIVE_PAGE_LENGTH_MAX, ARCHIVE_PAGE_TASKS_MAX, LOG_LINES_MAX } from '../../task/limits.ts'
import type { TaskError } from '../../task/outcome.ts'
import type { ArchivedFinal, ArchivedTask } from '../archive.ts'
import { LOG_LEVEL_NAMES } from '../log-lines.ts'
import type { ArchiveRow, ArchiveRows } from './archive-rows.ts'
import type { FullRow } from './full-row.ts'
import { STATE_OF_NUMBER } from './schema.ts'
import type { Store } from './store.ts'

export function readArchivePage(store: Store, rows: ArchiveRows, afterSeq: number): ArchivedTask[] {
  const page: ArchivedTask[] = []
  let length = 0
  for (const found of rows.tasksAfter(afterSeq, ARCHIVE_PAGE_TASKS_MAX)) {
    const task = readArchived(store, rows, found)
    page.push(task)
    length += lengthOf(task)
    if (length >= ARCHIVE_PAGE_LENGTH_MAX) break
  }
  return page
}

function readArchived(store: Store, rows: ArchiveRows, found: ArchiveRow): ArchivedTask {
  const { row, hasFailures, hasLog, documentPending } = found
  const { options } = row
  return {
    id: row.id,
    type: store.names.nameOf(row.typeNo),
    queue: store.names.nameOf(row.queueNo),
    priority: row.priority,
    state:
      row.final !== null
        ? STATE_OF_NUMBER[row.final.stateNumber]
        : row.place === 'scheduled'
          ? 'scheduled'
          : 'queued',
    createdAtMs: row.createdAtMs,
    runAtMs: row.runAtMs,
    failures: row.failures,
    crashes: row.crashes,
    options,
    dataText: row.dataText!,
    final: row.final === null ? null : readFinal(store, row.final),
    errors: !hasFailures
      ? []
      : rows
          .failures(row.seq)
          .map(({ atMs, errorText }) => ({ atMs, error: JSON.parse(errorText) as TaskError })),
    log: !hasLog
      ? []
      : store.log
          .readLog(row.id, 0, LOG_LINES_MAX)
          .map(({ level, ...line }) => ({ ...line, level: LOG_LEVEL_NAMES[level]! })),
    dedupeUntilMs:
      options?.dedupeKey === undefined ? null : rows.dedupeUntilMs(row.queueNo, options.dedupeKey, row.id),
    documentPending,
  }
}

function readFinal(store: Store, final: NonNullable<FullRow['final']>): ArchivedFinal {
  const { epoch, attempt, startedAtMs, finishedAtMs, workerNo, valueText, errorText } = final
  return {
    epoch,
    attempt,
    startedAtMs,
    finishedAtMs,
    worker: workerNo === null ? null : (store.names.workerOf(workerNo) ?? null),
    resultText: valueText,
    error: errorText === null ? null : (JSON.parse(errorText) as TaskError),
  }
}

/** About; what is free in length. */
function lengthOf({ dataText, final, errors, log }: ArchivedTask): number {
  let length = dataText.length + (final?.resultText?.length ?? 0)
  for (const { error } of errors) length += error.message.length + (error.stack?.length ?? 0)
  for (const { text } of log) length += text.length
  return length
}
