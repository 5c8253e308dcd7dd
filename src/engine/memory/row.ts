/**
 * The nouns of the memory engine, which know each other: a task's row (what a database would hold; changed only by memory-engine.ts
 * and ledger.ts), the lease on it, and the consumer's seat that holds the lease.
 */

import type { FinalState, TaskState } from '../../task/lifecycle.ts'
import { ATTEMPTS_DEFAULT } from '../../task/limits.ts'
import type { TaskError } from '../../task/outcome.ts'
import type { Progress, Submission, TaskRecord, WorkerIdentity } from '../../task/task.ts'
import { mustRunAlone } from '../budget.ts'
import type { Deadline } from '../deadline-queue.ts'
import type { ConsumeRequest, ConsumerEnd, Delivery, DeliverySink, LogLine } from '../engine.ts'
import type { Retention } from '../queue-book.ts'

/** As a deadline a row stands for the next thing that time does to it: due, expire or purge. */
export interface Row extends Deadline {
  readonly submission: Submission
  /** Order of acceptance. */
  readonly seq: number
  readonly createdAtMs: number
  state: TaskState
  /** The place in the queue, after the priority. */
  runAtMs: number
  /** undefined: does not expire (any more). */
  expiresAtMs: number | undefined
  failures: number
  crashes: number
  /** The right to finish the running attempt; null while none runs. */
  lease: Lease | null
  /** The epoch whose settle made the task final: that settle may be repeated. */
  finalEpoch: number | null
  run: Run
  finishedAtMs: number | undefined
  resultText: string | undefined
  error: TaskError | undefined
  readonly lines: LogLine[]
}

/** The attempt that runs or that the task ended in; while it waits, how many it has used up. */
export interface Run {
  readonly attempt: number
  readonly startedAtMs?: number
  readonly worker?: WorkerIdentity
  readonly progress?: Progress
}

/** The right of a seat to finish one attempt of a row; as a deadline, when it lapses. */
export interface Lease extends Deadline {
  readonly row: Row
  readonly epoch: number
  seat: Seat
}

/** A consumer. */
export interface Seat {
  readonly id: string
  readonly request: ConsumeRequest
  readonly sink: DeliverySink
  readonly connectedAtMs: number
  readonly end: (end: ConsumerEnd) => void
  slots: number
  prefetch: number
  /** Deliveries that its worker has not given back: current leases and void ones. */
  readonly held: Set<Lease>
  /** What it holds must run alone. */
  alone: boolean
  /** It was told to leave: it gets nothing more. */
  leaving: boolean
  delivered: number
  settled: number
}

export function createRow(submission: Submission, seq: number, nowMs: number): Row {
  return {
    submission,
    seq,
    createdAtMs: nowMs,
    state: submission.runAtMs > nowMs ? 'scheduled' : 'queued',
    runAtMs: Math.max(submission.runAtMs, nowMs),
    expiresAtMs: submission.options?.expiresAtMs,
    failures: 0,
    crashes: 0,
    lease: null,
    finalEpoch: null,
    run: { attempt: 0 },
    finishedAtMs: undefined,
    resultText: undefined,
    error: undefined,
    lines: [],
    atMs: 0,
    heapIndex: -1,
  }
}

/** Its next worker death would be its last: it must run alone. */
export function isForOneAlone({ failures, crashes, submission: { options } }: Row): boolean {
  return mustRunAlone({ failures, crashes, options })
}

/** Not started before its deadline. An attempt that began and failed, or whose worker died, was a start. */
export function isOverdue(row: Row, nowMs: number): boolean {
  return canExpire(row) && row.expiresAtMs! <= nowMs
}

/** When time does the next thing to this row; null: never. Leases have their own deadlines. */
export function nextDeadlineMs(row: Row, retention: Retention): number | null {
  const expiryMs = canExpire(row) ? row.expiresAtMs! : null
  switch (row.state) {
    case 'scheduled':
      return expiryMs === null ? row.runAtMs : Math.min(row.runAtMs, expiryMs)
    case 'queued':
    case 'blocked':
      return expiryMs
    case 'running':
      return null
    default:
      return row.finishedAtMs! + retentionOf(row.state, retention)
  }
}

function retentionOf(state: FinalState, retention: Retention): number {
  return state === 'failed' ? retention.failedRetentionMs : retention.retentionMs
}

function canExpire(row: Row): boolean {
  return row.expiresAtMs !== undefined && row.failures === 0 && row.crashes === 0
}

export function recordOf(row: Row, withData: boolean): TaskRecord {
  const { id, type, queue, priority, dataText, options } = row.submission
  return {
    id,
    type,
    queue,
    state: row.state,
    priority,
    ...row.run,
    maxAttempts: options?.maxAttempts ?? ATTEMPTS_DEFAULT,
    crashes: row.crashes,
    createdAtMs: row.createdAtMs,
    runAtMs: row.runAtMs,
    ...(row.finishedAtMs !== undefined && { finishedAtMs: row.finishedAtMs }),
    ...(row.expiresAtMs !== undefined && { expiresAtMs: row.expiresAtMs }),
    ...(row.resultText !== undefined && { resultText: row.resultText }),
    ...(row.error !== undefined && { error: row.error }),
    ...(options?.key !== undefined && { key: options.key }),
    ...(options?.metadata !== undefined && { metadata: options.metadata }),
    ...(withData && { dataText }),
  }
}

export function deliveryOf(lease: Lease, leaseMs: number): Delivery {
  const { row, epoch } = lease
  const { id, type, queue, priority, dataText, options } = row.submission
  return {
    id,
    type,
    queue,
    priority,
    dataText,
    metadata: options?.metadata ?? null,
    key: options?.key ?? null,
    attempt: row.run.attempt,
    maxAttempts: options?.maxAttempts ?? ATTEMPTS_DEFAULT,
    timeoutMs: options?.timeoutMs ?? null,
    epoch,
    leaseMs,
    createdAtMs: row.createdAtMs,
    dueAtMs: row.runAtMs,
    again: row.failures + row.crashes > 0,
  }
}

/** Absent: any. */
export interface Filter {
  readonly types?: readonly string[]
  readonly queues?: readonly string[]
}

export function suits(filter: Filter, { submission }: Row): boolean {
  return (
    (filter.types?.includes(submission.type) ?? true) && (filter.queues?.includes(submission.queue) ?? true)
  )
}
