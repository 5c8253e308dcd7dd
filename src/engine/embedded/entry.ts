/**
 * A live task in memory: in a lane's window, or leased. One object from acceptance to settlement; tasks that only wait on disk have none.
 */

import type { Progress, TaskOptions } from '../../task/task.ts'
import type { DeliverySink } from '../engine.ts'

/** What a move needs to know of a task, whether it is in memory or was read from its rows. */
export interface Live {
  readonly seq: number
  readonly id: string
  readonly queueNo: number
  readonly typeNo: number
  readonly priority: number
  readonly createdAtMs: number
  /** The place in the lane. */
  readonly runAtMs: number
  readonly failures: number
  readonly crashes: number
  readonly options: TaskOptions | null
}

export interface Entry extends Live {
  /** null: on disk only; read when delivered. */
  dataText: string | null
  /** The lease, while there is one. */
  batch: LeaseBatch | null
  holder: Holder | null
  leaseUntilMs: number
  startedAtMs: number
  progress: Progress | null
}

/** What was handed to one consumer in one turn, under one epoch. */
export interface LeaseBatch {
  readonly epoch: number
  readonly workerNo: number
  readonly startedAtMs: number
  readonly entries: readonly Entry[]
  /** How many are not settled. */
  open: number
  /** A task left it without becoming final: its row must be written again. */
  dirty: boolean
}

/** The consumer that holds a lease, as far as a task has to know it. */
export interface Holder {
  readonly workerNo: number
  /** Deliveries not settled yet, cancelled ones that still run included. */
  held: number
  settled: number
  readonly sink: DeliverySink
  /** Its worker is lost: there is nobody to tell. */
  gone: boolean
}

export function createEntry(
  seq: number,
  id: string,
  queueNo: number,
  typeNo: number,
  priority: number,
  createdAtMs: number,
  runAtMs: number,
  failures: number,
  crashes: number,
  options: TaskOptions | null,
  dataText: string | null,
): Entry {
  // One literal, one hidden class: this is the hottest allocation of the engine.
  return {
    seq,
    id,
    queueNo,
    typeNo,
    priority,
    createdAtMs,
    runAtMs,
    failures,
    crashes,
    options,
    dataText,
    batch: null,
    holder: null,
    leaseUntilMs: 0,
    startedAtMs: 0,
    progress: null,
  }
}

/** The same task in a new place. The old object stays as it is, so that a failed commit leaves nothing to undo in it. */
export function movedEntry(entry: Entry, runAtMs: number, failures: number, crashes: number): Entry {
  return createEntry(
    entry.seq,
    entry.id,
    entry.queueNo,
    entry.typeNo,
    entry.priority,
    entry.createdAtMs,
    runAtMs,
    failures,
    crashes,
    entry.options,
    null,
  )
}
