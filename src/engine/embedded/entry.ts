/**
 * A live task in memory: in a lane's window, or leased. One object from acceptance to settlement; tasks that only wait on disk have none.
 */

import type { Progress, TaskOptions } from '../../task/task.ts'
import type { LeaseBatch } from './leases.ts'
import type { Seat } from './roster.ts'

export interface Entry {
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
  /** null: on disk only; read when delivered. */
  dataText: string | null
  /** The lease, while there is one. */
  batch: LeaseBatch | null
  seat: Seat | null
  leaseUntilMs: number
  startedAtMs: number
  progress: Progress | null
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
    seat: null,
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
