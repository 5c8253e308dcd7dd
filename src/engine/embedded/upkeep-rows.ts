/** Keeping small, and the marks of documents that are not written yet. */

import { STATE_NUMBER } from './schema.ts'
import type { Sql } from './sql.ts'

export class UpkeepRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * Looks at up to `limit` results from `afterSeq` on and deletes those that finished before their cut-off.
   * @returns how many were deleted, and where to go on (null: the end was reached)
   */
  purge(
    afterSeq: number,
    limit: number,
    cutoffs: (queueNo: number) => { readonly cutoffMs: number; readonly failedCutoffMs: number },
  ): { deleted: number; nextSeq: number | null } {
    const rows = this.#sql.rows(
      'select r.seq, r.state, r.finished_at, t.queue from result r join task t on t.seq = r.seq where r.seq > ? order by r.seq limit ?',
      afterSeq,
      limit,
    )
    let deleted = 0
    for (const row of rows) {
      const { cutoffMs, failedCutoffMs } = cutoffs(row[3] as number)
      const cutoff = row[1] === STATE_NUMBER.failed ? failedCutoffMs : cutoffMs
      if ((row[2] as number) >= cutoff) continue
      const seq = row[0] as number
      this.#sql.run('delete from result where seq = ?', seq)
      this.#sql.run('delete from task where seq = ?', seq)
      this.#sql.run('delete from failure where seq = ?', seq)
      this.#sql.run('delete from log where seq = ?', seq)
      deleted++
    }
    return { deleted, nextSeq: rows.length < limit ? null : (rows[rows.length - 1]![0] as number) }
  }

  purgeDedupe(nowMs: number, limit: number): void {
    this.#sql.run(
      'delete from dedupe where (queue, key) in (select queue, key from dedupe where until <= ? order by until limit ?)',
      nowMs,
      limit,
    )
  }

  insertDocument(seq: number): void {
    this.#sql.run('insert or ignore into document (seq) values (?)', seq)
  }

  readDocuments(limit: number): number[] {
    return this.#sql
      .rows('select seq from document order by seq limit ?', limit)
      .map((row) => row[0] as number)
  }

  deleteDocuments(seqs: readonly number[]): void {
    for (const seq of seqs) this.#sql.run('delete from document where seq = ?', seq)
  }
}
