/** Brings a database to this version without opening an engine on it: `chasqui migrate`, before a deployment whose programs may not. */

import { ChasquiError } from '../../task/errors.ts'
import { explain } from './ledger/database-errors.ts'
import { parseDatabaseUrl } from './ledger/database-url.ts'
import { migrate } from './ledger/migrate.ts'
import { Session } from './ledger/session.ts'

/** @returns how many steps were taken. Rejects with CONFIG_INVALID, CONNECTION_LOST or STORE_VERSION */
export async function migrateDatabase(databaseUrl: string): Promise<number> {
  const targets = parseDatabaseUrl(databaseUrl)
  const session = new Session({ targets, applicationName: 'chasqui migrate' })
  await session.open()
  try {
    return await migrate(session)
  } catch (error) {
    throw error instanceof ChasquiError ? error : explain(error, targets)
  } finally {
    await session.close()
  }
}
