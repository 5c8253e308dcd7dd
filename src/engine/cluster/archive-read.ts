/** Rows of the ledger → tasks as an archive tells them, large values brought in from the object store. */

import { isFinal, type TaskState } from '../../task/lifecycle.ts'
import { ARCHIVE_PAGE_LENGTH_MAX, ARCHIVE_PAGE_TASKS_MAX } from '../../task/limits.ts'
import type { TaskError } from '../../task/outcome.ts'
import type { TaskOptions } from '../../task/task.ts'
import type { ArchivedFinal, ArchivedTask, RestingState } from '../archive.ts'
import type { LogLine } from '../engine.ts'
import { LOG_LEVEL_NAMES } from '../log-lines.ts'
import { ARCHIVE_PAGE, LOG_OF } from './ledger/archive-statements.ts'
import { MEMBERS_PER_EPOCH } from './ledger/claim-statement.ts'
import { STATE_OF_NUMBER } from './ledger/schema.ts'
import type { Parameter, Row } from './ledger/session.ts'
import type { Values } from './values.ts'

export type Query = (text: string, values?: readonly Parameter[]) => Promise<Row[]>

export async function readArchivePage(
  query: Query,
  values: Values,
  afterSeq: number,
): Promise<ArchivedTask[]> {
  const rows = await query(ARCHIVE_PAGE, [afterSeq, ARCHIVE_PAGE_TASKS_MAX, ARCHIVE_PAGE_LENGTH_MAX])
  const page: ArchivedTask[] = []
  // Values by reference are not measured by the statement: what is too much is read again with the next page.
  let length = 0
  for (const row of rows) {
    const task = await readArchived(query, values, row)
    page.push(task)
    length += task.dataText.length + (task.final?.resultText?.length ?? 0)
    if (length >= ARCHIVE_PAGE_LENGTH_MAX) break
  }
  return page
}

/** In the order of the columns of ARCHIVE_PAGE. */
type ArchiveRow = readonly [
  seq: number,
  id: string,
  type: string,
  queue: string,
  priority: number,
  state: number,
  createdAtMs: number,
  runAtMs: number,
  failures: number,
  crashes: number,
  options: string | null,
  payload: string,
  payloadRef: string | null,
  epoch: number,
  attempt: number,
  startedAtMs: number | null,
  finishedAtMs: number | null,
  worker: string | null,
  pid: number,
  host: string,
  result: string | null,
  resultRef: string | null,
  error: string | null,
  hasLog: boolean,
  dedupeUntilMs: number | null,
  documentPending: boolean,
]

async function readArchived(query: Query, values: Values, row: Row): Promise<ArchivedTask> {
  const [seq, id, type, queue, priority, stateNumber, createdAtMs, runAtMs, failures, crashes, ...rest] =
    row as unknown as ArchiveRow
  const [optionsText, payload, payloadRef, epoch, attempt, startedAtMs, finishedAtMs, ...more] = rest
  const [worker, pid, host, result, resultRef, errorText, hasLog, dedupeUntilMs, documentPending] = more
  const state = restingState(STATE_OF_NUMBER[stateNumber] as TaskState)
  const error = errorText === null ? null : (JSON.parse(errorText) as TaskError)
  const final: ArchivedFinal | null = !isFinal(state)
    ? null
    : {
        // A state that no settle made has an epoch of no member.
        epoch: epoch % MEMBERS_PER_EPOCH === 0 ? 0 : epoch,
        attempt,
        startedAtMs,
        finishedAtMs: finishedAtMs!,
        worker: worker === null ? null : { id: worker, pid, host },
        resultText: state === 'succeeded' ? await values.load(result, resultRef) : null,
        error,
      }
  return {
    id,
    type,
    queue,
    priority,
    state,
    createdAtMs,
    runAtMs,
    failures,
    crashes,
    options: optionsText === null ? null : (JSON.parse(optionsText) as TaskOptions),
    dataText: (await values.load(payload, payloadRef))!,
    final,
    // The ledger keeps the last error only, and not its time.
    errors: final === null && error !== null ? [{ atMs: runAtMs, error }] : [],
    log: hasLog ? (await query(LOG_OF, [seq])).map(readLine) : [],
    dedupeUntilMs,
    documentPending,
  }
}

function restingState(state: TaskState): RestingState {
  if (state === 'blocked') throw new Error('bug: a blocked task has no form in an archive')
  return state === 'running' ? 'queued' : state
}

function readLine(row: Row): LogLine {
  const [number, atMs, attempt, level, text] = row as [number, number, number, number, string]
  return { number, atMs, attempt, level: LOG_LEVEL_NAMES[level]!, text }
}
