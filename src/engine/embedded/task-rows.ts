/** What is written as tasks move, and read as they become ready. The first four run for every task. */

import type { StatementSync } from 'node:sqlite'
import type { FinalState } from '../../task/lifecycle.ts'
import type { TaskOptions } from '../../task/task.ts'
import { createEntry, type Entry } from './entry.ts'
import { STATE_NUMBER } from './schema.ts'
import type { Sql } from './sql.ts'

export class TaskRows {
  readonly #sql: Sql
  readonly #insertTask: StatementSync
  readonly #insertReady: StatementSync
  readonly #deleteReady: StatementSync
  readonly #insertResult: StatementSync

  constructor(sql: Sql) {
    this.#sql = sql
    this.#insertTask = this.#sql.prepare(
      'insert into task (seq, id, queue, type, priority, created_at, run_at, payload, options) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing',
    )
    this.#insertReady = this.#sql.prepare(
      'insert into ready (queue, type, rank, run_at, seq, failures, crashes) values (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#deleteReady = this.#sql.prepare(
      'delete from ready where queue = ? and type = ? and rank = ? and run_at = ? and seq = ?',
    )
    this.#insertResult = this.#sql.prepare(
      'insert into result (seq, state, epoch, attempt, crashes, started_at, finished_at, worker, value, error) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
  }

  /** @returns false when the id exists: nothing was written. */
  insertTask(
    seq: number,
    id: string,
    queueNo: number,
    typeNo: number,
    priority: number,
    createdAtMs: number,
    runAtMs: number,
    dataText: string,
    optionsText: string | null,
  ): boolean {
    const done = this.#insertTask.run(
      seq,
      id,
      queueNo,
      typeNo,
      priority,
      createdAtMs,
      runAtMs,
      dataText,
      optionsText,
    )
    return done.changes === 1
  }

  insertReady(
    queueNo: number,
    typeNo: number,
    priority: number,
    runAtMs: number,
    seq: number,
    failures: number,
    crashes: number,
  ): void {
    this.#insertReady.run(queueNo, typeNo, -priority, runAtMs, seq, failures, crashes)
  }

  deleteReady(entry: {
    queueNo: number
    typeNo: number
    priority: number
    runAtMs: number
    seq: number
  }): void {
    this.#deleteReady.run(entry.queueNo, entry.typeNo, -entry.priority, entry.runAtMs, entry.seq)
  }

  insertResult(
    seq: number,
    state: FinalState,
    epoch: number,
    attempt: number,
    crashes: number,
    startedAtMs: number | null,
    finishedAtMs: number,
    workerNo: number | null,
    valueText: string | null,
    errorText: string | null,
  ): void {
    this.#insertResult.run(
      seq,
      STATE_NUMBER[state],
      epoch,
      attempt,
      crashes,
      startedAtMs,
      finishedAtMs,
      workerNo,
      valueText,
      errorText,
    )
  }

  /** The next ready tasks of a lane after a place, leased ones included; payloads over `payloadLengthMax` characters left out. */
  readLane(
    queueNo: number,
    typeNo: number,
    priority: number,
    afterRunAtMs: number,
    afterSeq: number,
    limit: number,
    payloadLengthMax: number,
  ): Entry[] {
    const rows = this.#sql.rows(
      `select y.seq, t.id, t.created_at, y.run_at, y.failures, y.crashes, t.options,
         case when length(t.payload) <= ? then t.payload end
       from ready y join task t on t.seq = y.seq
       where y.queue = ? and y.type = ? and y.rank = ? and (y.run_at, y.seq) > (?, ?)
       order by y.run_at, y.seq limit ?`,
      payloadLengthMax,
      queueNo,
      typeNo,
      -priority,
      afterRunAtMs,
      afterSeq,
      limit,
    )
    return rows.map((row) =>
      createEntry(
        row[0] as number,
        row[1] as string,
        queueNo,
        typeNo,
        priority,
        row[2] as number,
        row[3] as number,
        row[4] as number,
        row[5] as number,
        row[6] === null ? null : (JSON.parse(row[6] as string) as TaskOptions),
        row[7] as string | null,
      ),
    )
  }

  /** Ready tasks of one queue and type before a place, leased ones included, up to a limit. */
  countBefore(
    queueNo: number,
    typeNo: number,
    { priority, runAtMs, seq }: { priority: number; runAtMs: number; seq: number },
    limit: number,
  ): number {
    return this.#sql.row(
      `select count(*) from (
         select 1 from ready where queue = ?1 and type = ?2 and rank < ?3
         union all select 1 from ready where queue = ?1 and type = ?2 and rank = ?3 and (run_at, seq) < (?4, ?5)
         limit ?6)`,
      queueNo,
      typeNo,
      -priority,
      runAtMs,
      seq,
      limit,
    )![0] as number
  }

  readPayload(seq: number): string {
    return this.#sql.row('select payload from task where seq = ?', seq)![0] as string
  }

  insertScheduled(runAtMs: number, seq: number, failures: number, crashes: number): void {
    this.#sql.run(
      'insert into scheduled (run_at, seq, failures, crashes) values (?, ?, ?, ?)',
      runAtMs,
      seq,
      failures,
      crashes,
    )
  }

  deleteScheduled(runAtMs: number, seq: number): void {
    this.#sql.run('delete from scheduled where run_at = ? and seq = ?', runAtMs, seq)
  }

  setRunAt(seq: number, runAtMs: number): void {
    this.#sql.run('update task set run_at = ? where seq = ?', runAtMs, seq)
  }

  setCrashes(entry: Entry, crashes: number): void {
    this.#sql.run(
      'update ready set crashes = ? where queue = ? and type = ? and rank = ? and run_at = ? and seq = ?',
      crashes,
      entry.queueNo,
      entry.typeNo,
      -entry.priority,
      entry.runAtMs,
      entry.seq,
    )
  }

  setOptions(seq: number, optionsText: string | null): void {
    this.#sql.run('update task set options = ? where seq = ?', optionsText, seq)
  }

  deleteResult(seq: number): void {
    this.#sql.run('delete from result where seq = ?', seq)
    this.#sql.run('delete from document where seq = ?', seq)
  }

  insertFailure(seq: number, atMs: number, errorText: string): void {
    this.#sql.run(
      'insert into failure (seq, number, at, error) values (?, (select coalesce(max(number), 0) + 1 from failure where seq = ?), ?, ?)',
      seq,
      seq,
      atMs,
      errorText,
    )
  }
}
