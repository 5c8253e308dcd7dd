/** The SQLite file as the rest sees it: statements prepared once, rows as arrays, one transaction at a time. */

import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { migrate } from './schema.ts'

/** Two and four times as much gained nothing measurable with a million tasks queued, and cost the memory. */
const CACHE_KIB = 16 * 1024

export type Row = readonly (number | string | null)[]
type Value = number | string | null

export class Sql {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #prepared = new Map<string, StatementSync>()
  #sync = true
  /** Something was committed and perhaps not synced. */
  #unsynced = false
  #changesAtBegin = 0

  constructor(path: string) {
    this.#path = path
    this.#database = new DatabaseSync(path, { timeout: 5_000 })
    // WAL: readers and the checkpoint thread never block the writer. FULL: each commit syncs the log before it returns.
    this.#database.exec(
      `pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 0; pragma cache_size = -${CACHE_KIB}`,
    )
    migrate(this.#database, path)
  }

  prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReturnArrays(true)
      this.#prepared.set(sql, statement)
    }
    return statement
  }

  rows(sql: string, ...parameters: Value[]): Row[] {
    return this.prepare(sql).all(...parameters) as unknown as Row[]
  }

  row(sql: string, ...parameters: Value[]): Row | undefined {
    return this.prepare(sql).get(...parameters) as unknown as Row | undefined
  }

  run(sql: string, ...parameters: Value[]): number {
    return Number(this.prepare(sql).run(...parameters).changes)
  }

  /**
   * `sync`: the log will be on disk when `commit` returns, with all that was committed before. Without, it is in the file system's hands
   * until the next synced commit.
   */
  begin(sync: boolean): void {
    if (sync !== this.#sync) {
      this.run(sync ? 'pragma synchronous = full' : 'pragma synchronous = normal')
      this.#sync = sync
    }
    if (sync && this.#unsynced) this.#changesAtBegin = this.#changes()
    this.run('begin immediate')
  }

  commit(): void {
    // A transaction that wrote nothing syncs nothing, but what it read may be promised now: a duplicate of a task not synced yet.
    if (this.#sync && this.#unsynced && this.#changes() === this.#changesAtBegin) {
      // Counted up, for SQLite leaves a page alone when its content would stay the same.
      this.run(
        "insert into meta (name, value) values ('syncs', 1) on conflict (name) do update set value = value + 1",
      )
    }
    this.run('commit')
    this.#unsynced = !this.#sync
  }

  #changes(): number {
    return this.row('select total_changes()')![0] as number
  }

  rollback(): void {
    if (this.#database.isTransaction) this.run('rollback')
  }

  /** Checkpoints in the writer itself every thousand pages: the fallback when the checkpoint thread is gone. */
  checkpointInline(): void {
    this.#database.exec('pragma wal_autocheckpoint = 1000')
  }

  /** Of the log that the checkpoint thread copies into the file. */
  walBytes(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  pageBytes(): number {
    return Number(this.row('pragma page_count')![0]) * Number(this.row('pragma page_size')![0])
  }

  close(): void {
    this.#database.close()
  }
}
