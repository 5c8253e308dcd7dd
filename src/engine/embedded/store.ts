/**
 * The tables of one open store, each with its statements. No policy here: the engine says what to write, and in which transaction.
 *
 * Synchronous: one writer, one thread, one transaction at a time.
 */

import { CountRows } from './count-rows.ts'
import { LeaseRows } from './lease-rows.ts'
import { LogRows } from './log-rows.ts'
import { LookRows } from './look-rows.ts'
import { Names } from './names.ts'
import { Sql } from './sql.ts'
import { TaskRows } from './task-rows.ts'
import { TimeRows } from './time-rows.ts'
import { UpkeepRows } from './upkeep-rows.ts'

export class Store {
  readonly sql: Sql
  readonly names: Names
  readonly tasks: TaskRows
  readonly leases: LeaseRows
  readonly time: TimeRows
  readonly look: LookRows
  readonly log: LogRows
  readonly counts: CountRows
  readonly upkeep: UpkeepRows

  constructor(path: string) {
    this.sql = new Sql(path)
    this.names = new Names(this.sql)
    this.tasks = new TaskRows(this.sql)
    this.leases = new LeaseRows(this.sql)
    this.time = new TimeRows(this.sql)
    this.look = new LookRows(this.sql)
    this.log = new LogRows(this.sql)
    this.counts = new CountRows(this.sql)
    this.upkeep = new UpkeepRows(this.sql)
  }
}
