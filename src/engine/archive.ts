/**
 * The second, small port beside `Engine`: everything that an engine knows of its tasks, in and out, while nobody works with it. `chasqui
 * export` and `chasqui import` (src/archive/) talk to it; backends that keep something implement it.
 *
 * An archive is open alone: opening one whose engine is in use throws STORE_LOCKED, and no engine opens meanwhile.
 *
 * Invariants:
 *  - What is read is what the engine would show: records, log lines, totals, dedupe holds and the order of delivery follow from it.
 *  - `write` is idempotent by id and overwrites nothing.
 *  - From `begin` to `finish` or `settleFor` no engine opens the store: nothing that is imported by half is worked on unawares.
 */

import type { FinalState } from '../task/lifecycle.ts'
import type { TaskError } from '../task/outcome.ts'
import type { TaskOptions, WorkerIdentity } from '../task/task.ts'
import type { ScheduleRow } from './cron.ts'
import type { LogLine, QueueReport } from './engine.ts'

export interface Archive {
  /** 'embedded' | 'cluster': for people; no code may depend on it. */
  readonly kind: string

  /** Counted from the rows, not from what an engine keeps in mind. */
  survey(): Promise<Survey>

  /**
   * The next tasks after one (null: from the beginning) in the order of acceptance; empty at the end. Bounded in number and in length,
   * a task that is longer alone comes alone. A running task is read as queued in its place, the attempt that runs not counted.
   * Rejects with TASK_UNKNOWN when there is no task `afterId`.
   */
  read(afterId: string | null): Promise<readonly ArchivedTask[]>

  /** An import of that source begins, or goes on. From now on every epoch is above the source's. */
  begin(source: Source): Promise<void>

  /** Takes tasks in, in this order; resolves once they are on disk. */
  write(batch: readonly ArchivedTask[]): Promise<readonly Writing[]>

  /** Schedules by name, after one (null: from the beginning); empty at the end. As they are kept, so that they go on where they were. */
  readSchedules(afterName: string | null): Promise<readonly ScheduleRow[]>

  /** Takes schedules in; one whose name is taken stays as it is. @returns which were written */
  writeSchedules(batch: readonly ScheduleRow[]): Promise<readonly boolean[]>

  /**
   * The import is complete. `purged`: what the totals of the source count beyond its tasks; what was taken of it by an earlier
   * import of the same source is not added again.
   */
  finish(source: Source, purged: ReadonlyMap<string, Totals>): Promise<void>

  /** Takes what imports left here by half for all there is. @returns how many imports those were */
  settleFor(): Promise<number>

  close(): Promise<void>
}

export type Totals = QueueReport['totals']

/** States that a task can be in when nobody works with it. */
export type RestingState = 'scheduled' | 'queued' | FinalState
export const RESTING_STATES = ['scheduled', 'queued', 'succeeded', 'failed', 'canceled', 'expired'] as const
export type StateCounts = Readonly<Record<RestingState, number>>

export interface Source {
  /** Names the store for ever, wherever it lies. */
  readonly store: string
  /** Every epoch that it gave out is below this. */
  readonly epochsBelow: number
}

export interface Survey extends Source {
  /** The same at two times means: nobody worked with the store in between. */
  readonly revision: string
  /** How many of the queued ones are held by workers. */
  readonly running: number
  readonly queues: readonly QueueSurvey[]
  readonly schedules: number
}

export interface QueueSurvey {
  readonly queue: string
  readonly counts: StateCounts
  /** As `Engine.inspect` tells them. */
  readonly totals: Totals
}

/** A task with everything that is known of it, large values included. */
export interface ArchivedTask {
  readonly id: string
  readonly type: string
  readonly queue: string
  readonly priority: number
  readonly state: RestingState
  readonly createdAtMs: number
  /** The place in the queue. */
  readonly runAtMs: number
  /** Attempts that failed, and worker deaths. */
  readonly failures: number
  readonly crashes: number
  readonly options: TaskOptions | null
  readonly dataText: string
  /** Set when the state is final. */
  readonly final: ArchivedFinal | null
  /** Of every attempt that failed and every worker death, oldest first. */
  readonly errors: readonly { readonly atMs: number; readonly error: TaskError }[]
  readonly log: readonly LogLine[]
  /** Until when it holds its dedupe key; null: it does not. */
  readonly dedupeUntilMs: number | null
  /** Its document (`task_<id>.json`) is not written yet. */
  readonly documentPending: boolean
}

export interface ArchivedFinal {
  /** Of the settle that made it final, which may be repeated; 0: none did. */
  readonly epoch: number
  readonly attempt: number
  readonly startedAtMs: number | null
  readonly finishedAtMs: number
  readonly worker: WorkerIdentity | null
  readonly resultText: string | null
  readonly error: TaskError | null
}

/**
 * `written`: it is new here. `present`: it was here, perhaps moved on since. `other`: there is another task with this id, other in its
 * content or in its time of acceptance; it was left as it is.
 */
export type Writing = 'written' | 'present' | 'other'
