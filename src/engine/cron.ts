/**
 * The third, small port, beside `Engine` and `Archive`: schedules, which submit a task at each of their ticks. Every engine has one as `engine.cron`;
 * what it says is the same on all of them (test/conformance/promises/cron.ts). When a tick is, src/cron/ says.
 *
 * Invariants:
 *  - A tick is an instant, and its task has an id made of the schedule's name and that instant: it is submitted at most once, however many
 *    distributors run, however often they restart and whatever their clocks do.
 *  - A tick is dealt with (submitted, skipped, kept back or missed, and counted as such) before the schedule moves on: none is lost silently.
 */

import type { Receipt, Refusal, TaskOptions } from '../task/task.ts'

export interface Cron {
  /**
   * Makes schedules, or changes them by name; resolves once they are kept. Rejects with INVALID_PARAMS, naming the schedule, when one of them
   * cannot be (then none is made), and with RETRY_AFTER at CRON_SCHEDULES_MAX. The first tick of a new one, and of one whose timing
   * changes, is after this moment; a paused one stays paused; the same schedule again changes nothing.
   */
  put(schedules: readonly Schedule[]): Promise<readonly Placement[]>

  /** By name. With `names` only those; unknown ones are left out. */
  list(query: ScheduleQuery): Promise<SchedulePage>

  /** Whether each was there. Tasks that were submitted stay. */
  delete(names: readonly string[]): Promise<readonly boolean[]>

  /**
   * While it is paused a schedule has no ticks: resumed, it goes on with the next one. In the order asked; null for unknown names,
   * else whether this call changed it.
   */
  pause(names: readonly string[], paused: boolean): Promise<readonly (boolean | null)[]>

  /**
   * Submits the task of a schedule now, under this id, whatever its overlap policy says and also while it is paused. Its ticks stay as they are, but
   * they look at this task as at one of their own. Repeating it with the same id changes nothing. null: no such schedule.
   */
  run(name: string, id: string): Promise<Receipt | Refusal | null>
}

export interface Schedule {
  readonly name: string
  readonly timing: Timing
  readonly task: ScheduledTask
  readonly overlap: Overlap
  readonly catchUp: CatchUp
  /** Who declares it, such as `config`: whoever declares several may take away those that he does not declare any more. null: nobody. */
  readonly owner: string | null
}

/** By the calendar and clocks of a place, or every so often since an instant. */
export type Timing =
  | { readonly expression: string; readonly timezone: string }
  | { readonly everyMs: number; readonly anchorMs: number }

export interface ScheduledTask {
  readonly type: string
  readonly queue: string
  readonly priority: number
  /** JSON text. */
  readonly dataText: string
  /** Counted from its submission; null: it does not expire. */
  readonly ttlMs: number | null
  /** Without `expiresAtMs` and dedupe key: the tick is what makes it one. */
  readonly options: TaskOptions | null
}

/**
 * What becomes of a tick while a task of an earlier one is not final. `skip`: nothing. `queue`: it is kept back until that is final (at most
 * CRON_WAITING_TICKS_MAX; more are skipped). `replace`: that one is cancelled.
 */
export const OVERLAPS = ['skip', 'queue', 'replace'] as const
export type Overlap = (typeof OVERLAPS)[number]

/**
 * What becomes of ticks that are looked at more than CRON_LATE_MS after their time, because nothing ran or the clock jumped. `none`: they are
 * missed. `last`: the last one is run, unless a later one is in time. `all`: they are run, the last CRON_CATCH_UP_TICKS_MAX of them.
 */
export const CATCH_UPS = ['none', 'last', 'all'] as const
export type CatchUp = (typeof CATCH_UPS)[number]

export interface Placement {
  readonly name: string
  readonly created: boolean
  /** Whether this call made or changed it. */
  readonly changed: boolean
  /** null: it is paused. */
  readonly nextMs: number | null
}

export interface ScheduleQuery {
  readonly names?: readonly string[]
  readonly limit: number
  /** From an earlier page; opaque. */
  readonly cursor?: string
  /** How many of its next ticks to tell, at most CRON_NEXT_TICKS_MAX. Default 1. */
  readonly ticks?: number
}

export interface SchedulePage {
  readonly schedules: readonly ScheduleRecord[]
  /** null at the end. */
  readonly cursor: string | null
}

/** Everything that is known of a schedule. */
export interface ScheduleRecord extends Schedule {
  readonly paused: boolean
  /** Empty while it is paused. */
  readonly nextMs: readonly number[]
  /** The last tick whose task was submitted, and that task; `run` counts too. */
  readonly lastTickMs: number | null
  readonly lastId: string | null
  /** Ticks that are kept back. */
  readonly waiting: number
  /** Ticks since it was made: submitted, passed over for an overlap, not caught up. */
  readonly fired: number
  readonly skipped: number
  readonly missed: number
  /** Why the last tick could not be submitted; null: it could. */
  readonly error: string | null
}

/** What an engine keeps of a schedule besides what was put. */
export interface ScheduleState {
  readonly paused: boolean
  /** Every tick up to here was dealt with. It never goes back while the timing stays the same. */
  readonly throughMs: number
  /** Tasks of it that were not final when they were last looked at, oldest first. */
  readonly activeIds: readonly string[]
  /** Ticks that are kept back, oldest first. */
  readonly waitingMs: readonly number[]
  readonly lastTickMs: number | null
  readonly lastId: string | null
  readonly fired: number
  readonly skipped: number
  readonly missed: number
  readonly error: string | null
}

/** A schedule as it is kept. */
export interface ScheduleRow {
  readonly name: string
  readonly schedule: Schedule
  readonly state: ScheduleState
  /** When it has to be looked at next; null: not by time. */
  readonly nextAtMs: number | null
  /** Counted up with each change. 0: it was never kept. */
  readonly version: number
}

/**
 * What an engine has to bring along for schedules: where they are kept. The rest (src/engine/cron-desk.ts, cron-runner.ts) is the same for all.
 */
export interface ScheduleStore {
  /** In the order asked, null for unknown names. */
  read(names: readonly string[]): Promise<readonly (ScheduleRow | null)[]>
  /** By name, after one. */
  page(afterName: string | null, limit: number): Promise<readonly ScheduleRow[]>
  count(): Promise<number>
  /**
   * Keeps each row whose `version` is the one that is kept (0: none is), under the next version; resolves once they are on disk.
   * @returns which were kept
   */
  write(rows: readonly ScheduleRow[]): Promise<readonly boolean[]>
  delete(names: readonly string[]): Promise<readonly boolean[]>
  /** Those with `nextAtMs` not after this, earliest first. */
  due(nowMs: number, limit: number): Promise<readonly ScheduleRow[]>
  /** The earliest `nextAtMs`; null: none. */
  nextMs(): Promise<number | null>
  /** Names of those that keep ticks back. */
  waiting(): Promise<readonly string[]>
}
