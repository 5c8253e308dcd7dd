/** What an archive reads of a store: every task in the order of acceptance, what belongs to it, and how many there are. */

import { FULL_COLUMNS, FULL_JOINS, type FullRow, readFull } from './full-row.ts'
import type { Row, Sql } from './sql.ts'

/** A row and whether there is something in the tables that most tasks have nothing in. */
export interface ArchiveRow {
  readonly row: FullRow
  readonly hasFailures: boolean
  readonly hasLog: boolean
  readonly documentPending: boolean
}

export class ArchiveRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Tasks after a sequence number, read one by one as the caller goes on: whoever has enough stops. */
  *tasksAfter(seq: number, limit: number): Generator<ArchiveRow> {
    const statement = this.#sql.prepare(
      `select ${FULL_COLUMNS}, t.payload, exists (select 1 from failure f where f.seq = t.seq),
         exists (select 1 from log l where l.seq = t.seq), exists (select 1 from document d where d.seq = t.seq)
       from task t ${FULL_JOINS} where t.seq > ? order by t.seq limit ?`,
    )
    for (const found of statement.iterate(seq, limit) as unknown as Iterable<Row>) {
      yield {
        row: readFull(found),
        hasFailures: found[22] === 1,
        hasLog: found[23] === 1,
        documentPending: found[24] === 1,
      }
    }
  }

  seqOf(id: string): number | null {
    return (this.#sql.row('select seq from task where id = ?', id)?.[0] as number) ?? null
  }

  failures(seq: number): { atMs: number; errorText: string }[] {
    return this.#sql
      .rows('select at, error from failure where seq = ? order by number', seq)
      .map((row) => ({ atMs: row[0] as number, errorText: row[1] as string }))
  }

  dedupeUntilMs(queueNo: number, key: string, id: string): number | null {
    return (
      (this.#sql.row(
        'select until from dedupe where queue = ? and key = ? and id = ?',
        queueNo,
        key,
        id,
      )?.[0] as number) ?? null
    )
  }

  /** A hold of this store that lasts longer stays. */
  holdDedupe(queueNo: number, key: string, id: string, untilMs: number): void {
    this.#sql.run(
      `insert into dedupe (queue, key, id, until) values (?, ?, ?, ?)
       on conflict (queue, key) do update set id = excluded.id, until = excluded.until where excluded.until > until`,
      queueNo,
      key,
      id,
      untilMs,
    )
  }

  /** Goes through all rows. `stateNumber` null: ready. */
  count(): { queueNo: number; stateNumber: number | 'scheduled' | null; count: number }[] {
    return [
      ...this.#sql
        .rows('select t.queue, r.state, count(*) from result r join task t on t.seq = r.seq group by 1, 2')
        .map((row) => ({
          queueNo: row[0] as number,
          stateNumber: row[1] as number,
          count: row[2] as number,
        })),
      ...this.#sql
        .rows('select t.queue, count(*) from scheduled s join task t on t.seq = s.seq group by 1')
        .map((row) => ({
          queueNo: row[0] as number,
          stateNumber: 'scheduled' as const,
          count: row[1] as number,
        })),
      ...this.#sql
        .rows('select queue, count(*) from ready group by queue')
        .map((row) => ({ queueNo: row[0] as number, stateNumber: null, count: row[1] as number })),
    ]
  }
}
