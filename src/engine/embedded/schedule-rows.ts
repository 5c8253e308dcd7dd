/** Schedules in their table: what was put and how far it came as JSON text, and beside it what is looked for. */

import type { Schedule, ScheduleRow, ScheduleState } from '../cron.ts'
import type { Row, Sql } from './sql.ts'

const COLUMNS = 'name, version, next_at, schedule, state'

export class ScheduleRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  read(name: string): ScheduleRow | null {
    const row = this.#sql.row(`select ${COLUMNS} from cron where name = ?`, name)
    return row === undefined ? null : readRow(row)
  }

  page(afterName: string | null, limit: number): ScheduleRow[] {
    // No name is empty.
    return this.#sql
      .rows(`select ${COLUMNS} from cron where name > ? order by name limit ?`, afterName ?? '', limit)
      .map(readRow)
  }

  count(): number {
    return this.#sql.row('select count(*) from cron')![0] as number
  }

  /** @returns whether it was kept: the version before must be the one that is there */
  write({ name, version, nextAtMs, schedule, state }: ScheduleRow): boolean {
    const [scheduleText, stateText] = [JSON.stringify(schedule), JSON.stringify(state)]
    const isWaiting = state.waitingMs.length > 0 ? 1 : 0
    if (version === 0) {
      return (
        this.#sql.run(
          'insert into cron (name, version, next_at, waiting, schedule, state) values (?, 1, ?, ?, ?, ?) on conflict do nothing',
          name,
          nextAtMs,
          isWaiting,
          scheduleText,
          stateText,
        ) === 1
      )
    }
    return (
      this.#sql.run(
        'update cron set version = version + 1, next_at = ?, waiting = ?, schedule = ?, state = ? where name = ? and version = ?',
        nextAtMs,
        isWaiting,
        scheduleText,
        stateText,
        name,
        version,
      ) === 1
    )
  }

  delete(name: string): boolean {
    return this.#sql.run('delete from cron where name = ?', name) === 1
  }

  due(nowMs: number, limit: number): ScheduleRow[] {
    return this.#sql
      .rows(`select ${COLUMNS} from cron where next_at <= ? order by next_at limit ?`, nowMs, limit)
      .map(readRow)
  }

  nextMs(): number | null {
    return this.#sql.row('select min(next_at) from cron where next_at is not null')![0] as number | null
  }

  waiting(): string[] {
    return this.#sql.rows('select name from cron where waiting = 1').map((row) => row[0] as string)
  }
}

function readRow([name, version, nextAtMs, schedule, state]: Row): ScheduleRow {
  return {
    name: name as string,
    version: version as number,
    nextAtMs: nextAtMs as number | null,
    schedule: JSON.parse(schedule as string) as Schedule,
    state: JSON.parse(state as string) as ScheduleState,
  }
}
