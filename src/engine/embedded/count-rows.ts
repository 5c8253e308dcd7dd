/** What is asked once, at opening, and the totals by queue. */

import type { Row, Sql } from './sql.ts'

export interface Totals {
  submitted: number
  succeeded: number
  failed: number
  canceled: number
  expired: number
}

export class CountRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Counts openings; epochs are built on it, so that none is ever used twice. */
  nextBoot(): number {
    this.#sql.begin(true)
    const row = this.#sql.row(
      "insert into meta (name, value) values ('boot', 1) on conflict (name) do update set value = value + 1 returning value",
    )
    this.#sql.commit()
    return row![0] as number
  }

  lastSeq(): number {
    return (this.#sql.row('select max(seq) from task')![0] as number | null) ?? 0
  }

  /** Queue and type pairs that have ready tasks. Jumps from pair to pair in the index: one step a pair, not a row. */
  readyLines(): { queueNo: number; typeNo: number }[] {
    const found: { queueNo: number; typeNo: number }[] = []
    let after: Row | undefined = [-1, -1]
    for (;;) {
      after = this.#sql.row(
        'select queue, type from ready where (queue, type) > (?, ?) order by queue, type limit 1',
        after[0]!,
        after[1]!,
      )
      if (after === undefined) return found
      found.push({ queueNo: after[0] as number, typeNo: after[1] as number })
    }
  }

  readTotals(): { queueNo: number; totals: Totals; scheduled: number }[] {
    return this.#sql
      .rows('select queue, submitted, succeeded, failed, canceled, expired, scheduled from total')
      .map((row) => ({
        queueNo: row[0] as number,
        totals: {
          submitted: row[1] as number,
          succeeded: row[2] as number,
          failed: row[3] as number,
          canceled: row[4] as number,
          expired: row[5] as number,
        },
        scheduled: row[6] as number,
      }))
  }

  writeTotals(queueNo: number, totals: Totals, scheduled: number): void {
    this.#sql.run(
      'insert or replace into total (queue, submitted, succeeded, failed, canceled, expired, scheduled) values (?, ?, ?, ?, ?, ?, ?)',
      queueNo,
      totals.submitted,
      totals.succeeded,
      totals.failed,
      totals.canceled,
      totals.expired,
      scheduled,
    )
  }
}
