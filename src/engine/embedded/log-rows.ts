/** Log lines of tasks. */

import type { Sql } from './sql.ts'

export class LogRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  appendLog(seq: number, number: number, atMs: number, attempt: number, level: number, text: string): void {
    this.#sql.run(
      'insert into log (seq, number, at, attempt, level, text) values (?, ?, ?, ?, ?, ?)',
      seq,
      number,
      atMs,
      attempt,
      level,
      text,
    )
  }

  lastLogNumber(seq: number): number {
    return (this.#sql.row('select max(number) from log where seq = ?', seq)![0] as number | null) ?? 0
  }

  readLog(
    id: string,
    after: number,
    limit: number,
  ): { number: number; atMs: number; attempt: number; level: number; text: string }[] {
    return this.#sql
      .rows(
        'select l.number, l.at, l.attempt, l.level, l.text from log l where l.seq = (select seq from task where id = ?) and l.number > ? order by l.number limit ?',
        id,
        after,
        limit,
      )
      .map((row) => ({
        number: row[0] as number,
        atMs: row[1] as number,
        attempt: row[2] as number,
        level: row[3] as number,
        text: row[4] as string,
      }))
  }
}
