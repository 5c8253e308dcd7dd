/** Finding tasks: by id, by sequence, from the newest on, and the dead-letter set. */

import { FULL_COLUMNS, FULL_JOINS, type FullRow, readFull } from './full-row.ts'
import { STATE_NUMBER } from './schema.ts'
import type { Sql } from './sql.ts'

export class LookRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  find(id: string, withData = false): FullRow | null {
    const data = withData ? ', t.payload' : ''
    const row = this.#sql.row(`select ${FULL_COLUMNS}${data} from task t ${FULL_JOINS} where t.id = ?`, id)
    return row === undefined ? null : readFull(row)
  }

  findSeq(seq: number): FullRow | null {
    const row = this.#sql.row(`select ${FULL_COLUMNS} from task t ${FULL_JOINS} where t.seq = ?`, seq)
    return row === undefined ? null : readFull(row)
  }

  /** Tasks from the newest on, below `beforeSeq`, whatever they are. */
  readBackwards(beforeSeq: number, limit: number, withData: boolean): FullRow[] {
    const data = withData ? ', t.payload' : ''
    return this.#sql
      .rows(
        `select ${FULL_COLUMNS}${data} from task t ${FULL_JOINS} where t.seq < ? order by t.seq desc limit ?`,
        beforeSeq,
        limit,
      )
      .map(readFull)
  }

  /** The dead-letter set, by its own index. */
  readFailedBackwards(beforeSeq: number, limit: number, withData: boolean): FullRow[] {
    const data = withData ? ', t.payload' : ''
    return this.#sql
      .rows(
        `select ${FULL_COLUMNS}${data} from result d indexed by result_failed join task t on t.seq = d.seq ${FULL_JOINS}
       where d.state = ${STATE_NUMBER.failed} and d.seq < ? order by d.seq desc limit ?`,
        beforeSeq,
        limit,
      )
      .map(readFull)
  }

  /** The oldest failure first. */
  readFailedForwards(afterFinishedAtMs: number, afterSeq: number, limit: number): FullRow[] {
    return this.#sql
      .rows(
        `select ${FULL_COLUMNS} from result d indexed by result_failed_at join task t on t.seq = d.seq ${FULL_JOINS}
       where d.state = ${STATE_NUMBER.failed} and (d.finished_at, d.seq) > (?, ?) order by d.finished_at, d.seq limit ?`,
        afterFinishedAtMs,
        afterSeq,
        limit,
      )
      .map(readFull)
  }

  lastFailure(seq: number): string | null {
    return (
      (this.#sql.row(
        'select error from failure where seq = ? order by number desc limit 1',
        seq,
      )?.[0] as string) ?? null
    )
  }
}
