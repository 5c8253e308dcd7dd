/**
 * Either engines work with a ledger, or an archive reads or fills it: each connection of an engine holds a shared lock of the database, an archive
 * needs it alone. The database drops a lock with its connection, however that ends, so there is nothing stale to clean up.
 */

import { ChasquiError } from '../../../task/errors.ts'
import { IN_USE } from './database-errors.ts'
import { LOCK_SPACE } from './migrate.ts'
import type { Row } from './session.ts'

const PRESENCE_LOCK = 3

/** Setting of each new connection of an engine. */
export const BE_PRESENT = `do $$ begin
  if not pg_try_advisory_lock_shared(${LOCK_SPACE}, ${PRESENCE_LOCK}) then
    raise exception 'an export or import is at work' using errcode = '${IN_USE}';
  end if;
end $$`

export const BE_ALONE = `select pg_try_advisory_lock(${LOCK_SPACE}, ${PRESENCE_LOCK})`

/** Before the name of the store that an import comes from, in `meta`, until the import is complete. */
export const IMPORTING = 'importing '

/** Imports that did not come to their end. */
export const HALF_IMPORTED = `select name from meta where name like '${IMPORTING}%' order by name`

/** Rejects with STORE_INCOMPLETE. */
export async function requireWhole(session: { query(text: string): Promise<Row[]> }): Promise<void> {
  if ((await session.query(HALF_IMPORTED)).length === 0) return
  throw new ChasquiError(
    'STORE_INCOMPLETE',
    'the cluster is half imported: repeat the chasqui import, or keep what is there with chasqui import --keep-partial',
  )
}
