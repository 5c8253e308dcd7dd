/**
 * Brings the ledger to this version. Several processes may start at once: they take turns under a lock, and all but the first find
 * nothing to do. A newer schema is refused untouched.
 */

import { ChasquiError } from '../../../task/errors.ts'
import { MIGRATIONS, SCHEMA, SCHEMA_VERSION } from './schema.ts'
import type { Session } from './session.ts'

/** 'chsq' as a number: whose lock this is. Locks with a second number of 1 are for migrations. */
export const LOCK_SPACE = 0x63687371
const MIGRATION_LOCK = 1

/** @returns how many steps were taken. Rejects with STORE_VERSION when the schema is newer than this program. */
export async function migrate(session: Session): Promise<number> {
  // Who may not make tables may still use those that there are.
  if ((await schemaVersionOf(session)) === SCHEMA_VERSION) return 0
  const text = [
    'begin',
    `select pg_advisory_xact_lock(${LOCK_SPACE}, ${MIGRATION_LOCK})`,
    `create schema if not exists ${SCHEMA}`,
    'create table if not exists meta (name text primary key, value text not null)',
  ]
  try {
    for (const statement of text) await session.query(statement)
    const version = await readVersion(session)
    // Somebody may have been quicker, in this version or a newer one.
    if (version > SCHEMA_VERSION) throw newer(version)
    for (let next = version; next < SCHEMA_VERSION; next++) await session.query(MIGRATIONS[next]!)
    await session.query(
      `insert into meta (name, value) values ('schema', '${SCHEMA_VERSION}')
       on conflict (name) do update set value = excluded.value`,
    )
    await session.query('commit')
    return SCHEMA_VERSION - version
  } catch (error) {
    await session.query('rollback').catch(() => undefined)
    throw error
  }
}

/** For a program that is told not to migrate: rejects with STORE_VERSION when the schema is older or newer. */
export async function requireVersion(session: Session): Promise<void> {
  const version = await schemaVersionOf(session)
  if (version > SCHEMA_VERSION) throw newer(version)
  if (version < SCHEMA_VERSION) {
    throw new ChasquiError(
      'STORE_VERSION',
      `the database has schema ${version}, this Chasqui needs ${SCHEMA_VERSION}: run \`chasqui migrate\``,
    )
  }
}

/** 0: nothing is there. */
export async function schemaVersionOf(session: Session): Promise<number> {
  const [found] = await session.query(`select to_regclass('${SCHEMA}.meta') is not null`)
  return found![0] === true ? readVersion(session) : 0
}

async function readVersion(session: Session): Promise<number> {
  const [row] = await session.query(`select value from meta where name = 'schema'`)
  return row === undefined ? 0 : Number(row[0])
}

function newer(version: number): ChasquiError {
  return new ChasquiError(
    'STORE_VERSION',
    `the database was written by a newer Chasqui (schema ${version}, this one knows ${SCHEMA_VERSION})`,
  )
}
