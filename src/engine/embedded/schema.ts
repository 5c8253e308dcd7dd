/**
 * The tables of the embedded store. One task writes a wide `task` row once, a narrow `ready` row while it waits, and a
 * `result` row when it is final; the payload is never copied. Open the file with the `sqlite3` shell: everything is plain.
 *
 * Measured before building (docs/decisions/0003): a wide live table, or a table of finished copies, costs a third to a half of the rate.
 *
 * Where a task is: a `result` row: final. Else a `scheduled` row: scheduled. Else a `ready` row: queued, or running when a `lease`
 * row names it. `task.run_at` is always the place of the live row.
 */

import type { DatabaseSync } from 'node:sqlite'
import { ChasquiError } from '../../task/errors.ts'

/** 'CHSQ': `file` and the sqlite3 shell can tell whose file this is. */
export const APPLICATION_ID = 0x43485351

/** One entry a version; never edited once released. */
const MIGRATIONS: readonly string[] = [
  `
  create table meta (name text primary key, value) without rowid;
  create table name (no integer primary key, text text not null unique);
  create table worker (no integer primary key, id text not null unique, pid integer not null, host text not null);
  create table task (
    seq integer primary key, id text not null unique, queue integer not null, type integer not null,
    priority integer not null, created_at integer not null, run_at integer not null, payload text not null, options text
  );
  create table ready (
    queue integer not null, type integer not null, rank integer not null, run_at integer not null, seq integer not null,
    failures integer not null, crashes integer not null,
    primary key (queue, type, rank, run_at, seq)
  ) without rowid;
  create table scheduled (
    run_at integer not null, seq integer not null, failures integer not null, crashes integer not null,
    primary key (run_at, seq)
  ) without rowid;
  create table expiry (expires_at integer not null, seq integer not null, primary key (expires_at, seq)) without rowid;
  create table result (
    seq integer primary key, state integer not null, epoch integer not null, attempt integer not null,
    crashes integer not null, started_at integer, finished_at integer not null, worker integer, value text, error text
  );
  create index result_failed on result (seq) where state = 6;
  create index result_failed_at on result (finished_at, seq) where state = 6;
  create table failure (
    seq integer not null, number integer not null, at integer not null, error text not null, primary key (seq, number)
  ) without rowid;
  create table lease (epoch integer primary key, worker integer not null, started_at integer not null, seqs text not null);
  create table dedupe (queue integer not null, key text not null, id text not null, until integer not null, primary key (queue, key)) without rowid;
  create index dedupe_until on dedupe (until);
  create table log (
    seq integer not null, number integer not null, at integer not null, attempt integer not null, level integer not null,
    text text not null, primary key (seq, number)
  ) without rowid;
  create table total (
    queue integer primary key, submitted integer not null, succeeded integer not null, failed integer not null,
    canceled integer not null, expired integer not null, scheduled integer not null
  );
  create table document (seq integer primary key);
  `,
  `create table queue (name text primary key, settings text not null) without rowid;`,
  `
  create table cron (
    name text not null unique, version integer not null, next_at integer, waiting integer not null, schedule text not null, state text not null
  );
  create index cron_next on cron (next_at) where next_at is not null;
  create index cron_waiting on cron (name) where waiting = 1;
  `,
  // Tasks that are on somebody's account (TaskOptions.owned); all others cost nothing here.
  `
  create index task_owned on task (json_extract(options, '$.owned[0]'), json_extract(options, '$.owned[1]')) where instr(options, '"owned":[') > 0;
  `,
]

export const SCHEMA_VERSION = MIGRATIONS.length

/** States as stored; the numbers are part of the file format (6 stands in two indexes above). */
export const STATE_NUMBER = { succeeded: 5, failed: 6, canceled: 7, expired: 8 } as const
export const STATE_OF_NUMBER = { 5: 'succeeded', 6: 'failed', 7: 'canceled', 8: 'expired' } as const

/** Brings a file to this version. An empty file becomes a new store; a newer one, or a stranger's, is refused untouched. */
export function migrate(database: DatabaseSync, path: string): void {
  const applicationId = Number(database.prepare('pragma application_id').get()!.application_id)
  const version = Number(database.prepare('pragma user_version').get()!.user_version)
  const tables = Number(database.prepare('select count(*) n from sqlite_schema').get()!.n)
  if (applicationId !== APPLICATION_ID && tables > 0) {
    throw new ChasquiError('STORE_VERSION', `${path} is an SQLite file of another program`)
  }
  if (version > SCHEMA_VERSION) {
    throw new ChasquiError(
      'STORE_VERSION',
      `${path} was written by a newer Chasqui (schema ${version}, this one knows ${SCHEMA_VERSION})`,
    )
  }
  for (let next = version; next < SCHEMA_VERSION; next++) {
    database.exec(
      `begin immediate; ${MIGRATIONS[next]}; pragma application_id = ${APPLICATION_ID}; pragma user_version = ${next + 1}; commit`,
    )
  }
}
