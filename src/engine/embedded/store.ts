/**
 * The tables of one open store, each with its statements. No policy here: the engine says what to write, and in which transaction.
 *
 * Synchronous: one writer, one thread, one transaction at a time.
 */

import { ChasquiError } from '../../task/errors.ts'
import { CountRows } from './count-rows.ts'
import { ImportRows } from './import-rows.ts'
import { LeaseRows } from './lease-rows.ts'
import { LogRows } from './log-rows.ts'
import { LookRows } from './look-rows.ts'

import { Names } from './names.ts'
import { OwnedRows } from './owned-rows.ts'
import { QueueRows } from './queue-rows.ts'
import { ScheduleRows } from './schedule-rows.ts'
import { Sql } from './sql.ts'
import { TaskRows } from './task-rows.ts'
import { TimeRows } from './time-rows.ts'
import { UpkeepRows } from './upkeep-rows.ts'

/** In the folder of the store. */
export const STORE_FILE = 'chasqui.db'

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
  readonly queues: QueueRows
  readonly schedules: ScheduleRows
  readonly imports: ImportRows
  readonly owned: OwnedRows

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
    this.queues = new QueueRows(this.sql)
    this.schedules = new ScheduleRows(this.sql)
    this.imports = new ImportRows(this.sql)
    this.owned = new OwnedRows(this.sql)
  }
}

/** Opens the file of a store. Throws STORE_VERSION or CONFIG_INVALID. */
export function openStore(path: string): Store {
  try {
    return new Store(path)
  } catch (error) {
    if (error instanceof ChasquiError) throw error
    throw new ChasquiError('CONFIG_INVALID', `cannot open ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** The same for work: a store that an import has filled by half is refused with STORE_INCOMPLETE. */
export function openCompleteStore(path: string): Store {
  const store = openStore(path)
  if (store.imports.halfImported().length === 0) return store
  store.sql.close()
  throw new ChasquiError(
    'STORE_INCOMPLETE',
    `${path} is half imported: repeat the chasqui import, or keep what is there with chasqui import --keep-partial`,
  )
}
