/** One row for each batch of deliveries that is not settled. */

import type { Sql } from './sql.ts'

export interface StoredLease {
  readonly epoch: number
  readonly workerNo: number
  readonly startedAtMs: number
  readonly seqs: readonly number[]
}

export class LeaseRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  insertLease(epoch: number, workerNo: number, startedAtMs: number, seqs: readonly number[]): void {
    this.#sql.run(
      'insert into lease (epoch, worker, started_at, seqs) values (?, ?, ?, ?)',
      epoch,
      workerNo,
      startedAtMs,
      JSON.stringify(seqs),
    )
  }

  updateLease(epoch: number, seqs: readonly number[]): void {
    this.#sql.run('update lease set seqs = ? where epoch = ?', JSON.stringify(seqs), epoch)
  }

  deleteLease(epoch: number): void {
    this.#sql.run('delete from lease where epoch = ?', epoch)
  }

  readLeases(): StoredLease[] {
    return this.#sql.rows('select epoch, worker, started_at, seqs from lease order by epoch').map((row) => ({
      epoch: row[0] as number,
      workerNo: row[1] as number,
      startedAtMs: row[2] as number,
      seqs: JSON.parse(row[3] as string) as number[],
    }))
  }
}
