/** What falls due by time: scheduled tasks, deadlines, dedupe windows. */

import { FULL_COLUMNS, FULL_JOINS, type FullRow, readFull } from './full-row.ts'
import type { Sql } from './sql.ts'

export class TimeRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** When the next scheduled task is due; null when none is. */
  nextDueMs(): number | null {
    return (this.#sql.row('select run_at from scheduled order by run_at limit 1')?.[0] as number) ?? null
  }

  readDue(nowMs: number, limit: number): FullRow[] {
    return this.#sql
      .rows(
        `select ${FULL_COLUMNS} from scheduled d join task t on t.seq = d.seq ${FULL_JOINS} where d.run_at <= ? order by d.run_at, d.seq limit ?`,
        nowMs,
        limit,
      )
      .map(readFull)
  }

  insertExpiry(expiresAtMs: number, seq: number): void {
    this.#sql.run('insert or ignore into expiry (expires_at, seq) values (?, ?)', expiresAtMs, seq)
  }

  deleteExpiry(expiresAtMs: number, seq: number): void {
    this.#sql.run('delete from expiry where expires_at = ? and seq = ?', expiresAtMs, seq)
  }

  nextExpiryMs(): number | null {
    return (this.#sql.row('select expires_at from expiry order by expires_at limit 1')?.[0] as number) ?? null
  }

  readExpired(nowMs: number, limit: number): { expiresAtMs: number; seq: number }[] {
    return this.#sql
      .rows(
        'select expires_at, seq from expiry where expires_at <= ? order by expires_at limit ?',
        nowMs,
        limit,
      )
      .map((row) => ({ expiresAtMs: row[0] as number, seq: row[1] as number }))
  }

  dedupeHolder(queueNo: number, key: string, nowMs: number): string | null {
    return (
      (this.#sql.row(
        'select id from dedupe where queue = ? and key = ? and until > ?',
        queueNo,
        key,
        nowMs,
      )?.[0] as string) ?? null
    )
  }

  holdDedupe(queueNo: number, key: string, id: string, untilMs: number): void {
    this.#sql.run(
      'insert into dedupe (queue, key, id, until) values (?, ?, ?, ?) on conflict (queue, key) do update set id = excluded.id, until = excluded.until',
      queueNo,
      key,
      id,
      untilMs,
    )
  }
}
