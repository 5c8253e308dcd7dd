/**
 * The SQLite file and every statement on it. No policy here: the engine says what to write, and inside which transaction.
 *
 * Statements are prepared once; rows come as arrays. Synchronous: one writer, one thread, one transaction at a time.
 */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { FinalState } from '../../task/lifecycle.ts'
import type { TaskOptions, WorkerIdentity } from '../../task/task.ts'
import { createEntry, type Entry } from './entry.ts'
import { migrate, STATE_NUMBER } from './schema.ts'

const CACHE_KIB = 64 * 1024

type Row = readonly (number | string | null)[]

/** A task's row with whatever says where it is: `columns` of `SELECT_FULL`. */
export interface FullRow {
  readonly seq: number
  readonly id: string
  readonly queueNo: number
  readonly typeNo: number
  readonly priority: number
  readonly createdAtMs: number
  readonly runAtMs: number
  readonly options: TaskOptions | null
  readonly dataText: string | null
  readonly place: 'ready' | 'scheduled' | 'final'
  readonly failures: number
  readonly crashes: number
  readonly final: {
    readonly stateNumber: 5 | 6 | 7 | 8
    readonly epoch: number
    readonly attempt: number
    readonly startedAtMs: number | null
    readonly finishedAtMs: number
    readonly workerNo: number | null
    readonly valueText: string | null
    readonly errorText: string | null
  } | null
}

const FULL_COLUMNS = `t.seq, t.id, t.queue, t.type, t.priority, t.created_at, t.run_at, t.options,
  r.state, r.epoch, r.attempt, r.crashes, r.started_at, r.finished_at, r.worker, r.value, r.error,
  s.failures, s.crashes, y.failures, y.crashes`
const FULL_JOINS = `left join result r on r.seq = t.seq
  left join scheduled s on s.run_at = t.run_at and s.seq = t.seq
  left join ready y on y.queue = t.queue and y.type = t.type and y.rank = -t.priority and y.run_at = t.run_at and y.seq = t.seq`

function readFull(row: Row): FullRow {
  const final = row[8] !== null
  const scheduled = !final && row[17] !== null
  return {
    seq: row[0] as number,
    id: row[1] as string,
    queueNo: row[2] as number,
    typeNo: row[3] as number,
    priority: row[4] as number,
    createdAtMs: row[5] as number,
    runAtMs: row[6] as number,
    options: row[7] === null ? null : (JSON.parse(row[7] as string) as TaskOptions),
    dataText: (row[21] as string | undefined) ?? null,
    place: final ? 'final' : scheduled ? 'scheduled' : 'ready',
    failures: (final ? 0 : scheduled ? row[17] : row[19]) as number,
    crashes: (final ? row[11] : scheduled ? row[18] : row[20]) as number,
    final: final
      ? {
          stateNumber: row[8] as 5 | 6 | 7 | 8,
          epoch: row[9] as number,
          attempt: row[10] as number,
          startedAtMs: row[12] as number | null,
          finishedAtMs: row[13] as number,
          workerNo: row[14] as number | null,
          valueText: row[15] as string | null,
          errorText: row[16] as string | null,
        }
      : null,
  }
}

export interface StoredLease {
  readonly epoch: number
  readonly workerNo: number
  readonly startedAtMs: number
  readonly seqs: readonly number[]
}

export interface Totals {
  submitted: number
  succeeded: number
  failed: number
  canceled: number
  expired: number
}

export class Store {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()
  readonly #nameNo = new Map<string, number>()
  readonly #names: string[] = []
  readonly #workers = new Map<number, WorkerIdentity>()
  readonly #insertTask: StatementSync
  readonly #insertReady: StatementSync
  readonly #deleteReady: StatementSync
  readonly #insertResult: StatementSync
  #sync = true

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 5_000 })
    // WAL: readers and the checkpoint thread never block the writer. FULL: each commit syncs the log before it returns.
    this.#database.exec(
      `pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 0; pragma cache_size = -${CACHE_KIB}`,
    )
    migrate(this.#database, path)
    this.#insertTask = this.#prepare(
      'insert into task (seq, id, queue, type, priority, created_at, run_at, payload, options) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing',
    )
    this.#insertReady = this.#prepare(
      'insert into ready (queue, type, rank, run_at, seq, failures, crashes) values (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#deleteReady = this.#prepare(
      'delete from ready where queue = ? and type = ? and rank = ? and run_at = ? and seq = ?',
    )
    this.#insertResult = this.#prepare(
      'insert into result (seq, state, epoch, attempt, crashes, started_at, finished_at, worker, value, error) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    for (const row of this.#rows('select no, text from name order by no')) {
      this.#names[row[0] as number] = row[1] as string
      this.#nameNo.set(row[1] as string, row[0] as number)
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReturnArrays(true)
      this.#prepared.set(sql, statement)
    }
    return statement
  }

  #rows(sql: string, ...parameters: (number | string | null)[]): Row[] {
    return this.#prepare(sql).all(...parameters) as unknown as Row[]
  }

  #row(sql: string, ...parameters: (number | string | null)[]): Row | undefined {
    return this.#prepare(sql).get(...parameters) as unknown as Row | undefined
  }

  #run(sql: string, ...parameters: (number | string | null)[]): number {
    return Number(this.#prepare(sql).run(...parameters).changes)
  }

  // ---- transactions -----------------------------------------------------------------------------------------

  /** `sync`: the log will be on disk when `commit` returns. Without, it is in the file system's hands until the next synced commit. */
  begin(sync: boolean): void {
    if (sync !== this.#sync) {
      this.#run(sync ? 'pragma synchronous = full' : 'pragma synchronous = normal')
      this.#sync = sync
    }
    this.#run('begin immediate')
  }

  commit(): void {
    this.#run('commit')
  }

  rollback(): void {
    if (this.#database.isTransaction) this.#run('rollback')
  }

  // ---- names ------------------------------------------------------------------------------------------------

  /** The number of a queue's or type's name; made when it is new (inside a transaction). */
  numberOf(name: string): number {
    const known = this.#nameNo.get(name)
    if (known !== undefined) return known
    const row = this.#row(
      'insert into name (text) values (?) on conflict (text) do update set text = text returning no',
      name,
    )
    const no = row![0] as number
    this.#nameNo.set(name, no)
    this.#names[no] = name
    return no
  }

  /** undefined when the name was never seen. */
  knownNumberOf(name: string): number | undefined {
    return this.#nameNo.get(name)
  }

  nameOf(no: number): string {
    return this.#names[no]!
  }

  /** After a rollback: names made in it are not in the file. */
  reloadNames(): void {
    this.#nameNo.clear()
    for (const row of this.#rows('select no, text from name order by no')) {
      this.#names[row[0] as number] = row[1] as string
      this.#nameNo.set(row[1] as string, row[0] as number)
    }
  }

  workerNumberOf(worker: WorkerIdentity): number {
    const row = this.#row(
      'insert into worker (id, pid, host) values (?, ?, ?) on conflict (id) do update set pid = excluded.pid, host = excluded.host returning no',
      worker.id,
      worker.pid,
      worker.host,
    )
    const no = row![0] as number
    this.#workers.set(no, worker)
    return no
  }

  workerOf(no: number): WorkerIdentity | undefined {
    let worker = this.#workers.get(no)
    if (worker === undefined) {
      const row = this.#row('select id, pid, host from worker where no = ?', no)
      if (row === undefined) return undefined
      worker = { id: row[0] as string, pid: row[1] as number, host: row[2] as string }
      this.#workers.set(no, worker)
    }
    return worker
  }

  // ---- the hot path -----------------------------------------------------------------------------------------

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
    const rows = this.#rows(
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

  readPayload(seq: number): string {
    return this.#row('select payload from task where seq = ?', seq)![0] as string
  }

  insertLease(epoch: number, workerNo: number, startedAtMs: number, seqs: readonly number[]): void {
    this.#run(
      'insert into lease (epoch, worker, started_at, seqs) values (?, ?, ?, ?)',
      epoch,
      workerNo,
      startedAtMs,
      JSON.stringify(seqs),
    )
  }

  updateLease(epoch: number, seqs: readonly number[]): void {
    this.#run('update lease set seqs = ? where epoch = ?', JSON.stringify(seqs), epoch)
  }

  deleteLease(epoch: number): void {
    this.#run('delete from lease where epoch = ?', epoch)
  }

  readLeases(): StoredLease[] {
    return this.#rows('select epoch, worker, started_at, seqs from lease order by epoch').map((row) => ({
      epoch: row[0] as number,
      workerNo: row[1] as number,
      startedAtMs: row[2] as number,
      seqs: JSON.parse(row[3] as string) as number[],
    }))
  }

  // ---- moves ------------------------------------------------------------------------------------------------

  insertScheduled(runAtMs: number, seq: number, failures: number, crashes: number): void {
    this.#run(
      'insert into scheduled (run_at, seq, failures, crashes) values (?, ?, ?, ?)',
      runAtMs,
      seq,
      failures,
      crashes,
    )
  }

  deleteScheduled(runAtMs: number, seq: number): void {
    this.#run('delete from scheduled where run_at = ? and seq = ?', runAtMs, seq)
  }

  setRunAt(seq: number, runAtMs: number): void {
    this.#run('update task set run_at = ? where seq = ?', runAtMs, seq)
  }

  setCrashes(entry: Entry, crashes: number): void {
    this.#run(
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
    this.#run('update task set options = ? where seq = ?', optionsText, seq)
  }

  deleteResult(seq: number): void {
    this.#run('delete from result where seq = ?', seq)
    this.#run('delete from document where seq = ?', seq)
  }

  insertFailure(seq: number, atMs: number, errorText: string): void {
    this.#run(
      'insert into failure (seq, number, at, error) values (?, (select coalesce(max(number), 0) + 1 from failure where seq = ?), ?, ?)',
      seq,
      seq,
      atMs,
      errorText,
    )
  }

  lastFailure(seq: number): string | null {
    return (
      (this.#row(
        'select error from failure where seq = ? order by number desc limit 1',
        seq,
      )?.[0] as string) ?? null
    )
  }

  /** When the next scheduled task is due; null when none is. */
  nextDueMs(): number | null {
    return (this.#row('select run_at from scheduled order by run_at limit 1')?.[0] as number) ?? null
  }

  readDue(nowMs: number, limit: number): FullRow[] {
    return this.#rows(
      `select ${FULL_COLUMNS} from scheduled d join task t on t.seq = d.seq ${FULL_JOINS} where d.run_at <= ? order by d.run_at, d.seq limit ?`,
      nowMs,
      limit,
    ).map(readFull)
  }

  insertExpiry(expiresAtMs: number, seq: number): void {
    this.#run('insert or ignore into expiry (expires_at, seq) values (?, ?)', expiresAtMs, seq)
  }

  deleteExpiry(expiresAtMs: number, seq: number): void {
    this.#run('delete from expiry where expires_at = ? and seq = ?', expiresAtMs, seq)
  }

  nextExpiryMs(): number | null {
    return (this.#row('select expires_at from expiry order by expires_at limit 1')?.[0] as number) ?? null
  }

  readExpired(nowMs: number, limit: number): { expiresAtMs: number; seq: number }[] {
    return this.#rows(
      'select expires_at, seq from expiry where expires_at <= ? order by expires_at limit ?',
      nowMs,
      limit,
    ).map((row) => ({ expiresAtMs: row[0] as number, seq: row[1] as number }))
  }

  dedupeHolder(queueNo: number, key: string, nowMs: number): string | null {
    return (
      (this.#row(
        'select id from dedupe where queue = ? and key = ? and until > ?',
        queueNo,
        key,
        nowMs,
      )?.[0] as string) ?? null
    )
  }

  holdDedupe(queueNo: number, key: string, id: string, untilMs: number): void {
    this.#run(
      'insert into dedupe (queue, key, id, until) values (?, ?, ?, ?) on conflict (queue, key) do update set id = excluded.id, until = excluded.until',
      queueNo,
      key,
      id,
      untilMs,
    )
  }

  // ---- looking ----------------------------------------------------------------------------------------------

  find(id: string, withData = false): FullRow | null {
    const data = withData ? ', t.payload' : ''
    const row = this.#row(`select ${FULL_COLUMNS}${data} from task t ${FULL_JOINS} where t.id = ?`, id)
    return row === undefined ? null : readFull(row)
  }

  findSeq(seq: number): FullRow | null {
    const row = this.#row(`select ${FULL_COLUMNS} from task t ${FULL_JOINS} where t.seq = ?`, seq)
    return row === undefined ? null : readFull(row)
  }

  /** Tasks from the newest on, below `beforeSeq`, whatever they are. */
  readBackwards(beforeSeq: number, limit: number, withData: boolean): FullRow[] {
    const data = withData ? ', t.payload' : ''
    return this.#rows(
      `select ${FULL_COLUMNS}${data} from task t ${FULL_JOINS} where t.seq < ? order by t.seq desc limit ?`,
      beforeSeq,
      limit,
    ).map(readFull)
  }

  /** The dead-letter set, by its own index. */
  readFailedBackwards(beforeSeq: number, limit: number, withData: boolean): FullRow[] {
    const data = withData ? ', t.payload' : ''
    return this.#rows(
      `select ${FULL_COLUMNS}${data} from result d indexed by result_failed join task t on t.seq = d.seq ${FULL_JOINS}
       where d.state = ${STATE_NUMBER.failed} and d.seq < ? order by d.seq desc limit ?`,
      beforeSeq,
      limit,
    ).map(readFull)
  }

  readFailedForwards(afterSeq: number, limit: number): FullRow[] {
    return this.#rows(
      `select ${FULL_COLUMNS} from result d indexed by result_failed join task t on t.seq = d.seq ${FULL_JOINS}
       where d.state = ${STATE_NUMBER.failed} and d.seq > ? order by d.seq limit ?`,
      afterSeq,
      limit,
    ).map(readFull)
  }

  appendLog(seq: number, number: number, atMs: number, attempt: number, level: number, text: string): void {
    this.#run(
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
    return (this.#row('select max(number) from log where seq = ?', seq)![0] as number | null) ?? 0
  }

  readLog(
    id: string,
    after: number,
    limit: number,
  ): { number: number; atMs: number; attempt: number; level: number; text: string }[] {
    return this.#rows(
      'select l.number, l.at, l.attempt, l.level, l.text from log l where l.seq = (select seq from task where id = ?) and l.number > ? order by l.number limit ?',
      id,
      after,
      limit,
    ).map((row) => ({
      number: row[0] as number,
      atMs: row[1] as number,
      attempt: row[2] as number,
      level: row[3] as number,
      text: row[4] as string,
    }))
  }

  // ---- opening and counting ---------------------------------------------------------------------------------

  /** Counts openings; epochs are built on it, so that none is ever used twice. */
  nextBoot(): number {
    this.begin(true)
    const row = this.#row(
      "insert into meta (name, value) values ('boot', 1) on conflict (name) do update set value = value + 1 returning value",
    )
    this.commit()
    return row![0] as number
  }

  lastSeq(): number {
    return (this.#row('select max(seq) from task')![0] as number | null) ?? 0
  }

  /** Queue and type pairs that have ready tasks. Jumps from pair to pair in the index: one step a pair, not a row. */
  readyLines(): { queueNo: number; typeNo: number }[] {
    const found: { queueNo: number; typeNo: number }[] = []
    let after: Row | undefined = [-1, -1]
    for (;;) {
      after = this.#row(
        'select queue, type from ready where (queue, type) > (?, ?) order by queue, type limit 1',
        after[0]!,
        after[1]!,
      )
      if (after === undefined) return found
      found.push({ queueNo: after[0] as number, typeNo: after[1] as number })
    }
  }

  countReady(): { queueNo: number; count: number }[] {
    return this.#rows('select queue, count(*) from ready group by queue').map((row) => ({
      queueNo: row[0] as number,
      count: row[1] as number,
    }))
  }

  countScheduled(): { queueNo: number; count: number }[] {
    return this.#rows(
      'select t.queue, count(*) from scheduled s join task t on t.seq = s.seq group by t.queue',
    ).map((row) => ({
      queueNo: row[0] as number,
      count: row[1] as number,
    }))
  }

  readTotals(): { queueNo: number; totals: Totals }[] {
    return this.#rows('select queue, submitted, succeeded, failed, canceled, expired from total').map(
      (row) => ({
        queueNo: row[0] as number,
        totals: {
          submitted: row[1] as number,
          succeeded: row[2] as number,
          failed: row[3] as number,
          canceled: row[4] as number,
          expired: row[5] as number,
        },
      }),
    )
  }

  writeTotals(queueNo: number, totals: Totals): void {
    this.#run(
      'insert or replace into total (queue, submitted, succeeded, failed, canceled, expired) values (?, ?, ?, ?, ?, ?)',
      queueNo,
      totals.submitted,
      totals.succeeded,
      totals.failed,
      totals.canceled,
      totals.expired,
    )
  }

  // ---- keeping small ----------------------------------------------------------------------------------------

  /**
   * Looks at up to `limit` results from `afterSeq` on and deletes those that finished before their cut-off.
   * @returns how many were deleted, and where to go on (null: the end was reached)
   */
  purge(
    afterSeq: number,
    limit: number,
    cutoffMs: number,
    failedCutoffMs: number,
  ): { deleted: number; nextSeq: number | null } {
    const rows = this.#rows(
      'select seq, state, finished_at from result where seq > ? order by seq limit ?',
      afterSeq,
      limit,
    )
    let deleted = 0
    for (const row of rows) {
      const cutoff = row[1] === STATE_NUMBER.failed ? failedCutoffMs : cutoffMs
      if ((row[2] as number) >= cutoff) continue
      const seq = row[0] as number
      this.#run('delete from result where seq = ?', seq)
      this.#run('delete from task where seq = ?', seq)
      this.#run('delete from failure where seq = ?', seq)
      this.#run('delete from log where seq = ?', seq)
      deleted++
    }
    return { deleted, nextSeq: rows.length < limit ? null : (rows[rows.length - 1]![0] as number) }
  }

  purgeDedupe(nowMs: number, limit: number): void {
    this.#run(
      'delete from dedupe where (queue, key) in (select queue, key from dedupe where until <= ? order by until limit ?)',
      nowMs,
      limit,
    )
  }

  // ---- documents --------------------------------------------------------------------------------------------

  insertDocument(seq: number): void {
    this.#run('insert or ignore into document (seq) values (?)', seq)
  }

  readDocuments(limit: number): number[] {
    return this.#rows('select seq from document order by seq limit ?', limit).map((row) => row[0] as number)
  }

  deleteDocument(seq: number): void {
    this.#run('delete from document where seq = ?', seq)
  }

  // ---- sizes ------------------------------------------------------------------------------------------------

  pageBytes(): number {
    return Number(this.#row('pragma page_count')![0]) * Number(this.#row('pragma page_size')![0])
  }

  /** Checkpoints in the writer itself every thousand pages: the fallback when the checkpoint thread is gone. */
  checkpointInline(): void {
    this.#database.exec('pragma wal_autocheckpoint = 1000')
  }

  close(): void {
    this.#database.close()
  }
}
