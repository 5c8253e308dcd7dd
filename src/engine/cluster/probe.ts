/**
 * Whether the servers of a cluster can be used, and which they are: what `chasqui check` asks. Looks and leaves; joins nothing, changes
 * nothing.
 */

import { ChasquiError } from '../../task/errors.ts'
import { BROKER_CONNECT_MS, BROKER_HEARTBEAT_MS } from '../../task/limits.ts'
import { parseBrokerAddress } from './broker/address.ts'
import { openConnection } from './broker/connect.ts'
import { explain } from './ledger/database-errors.ts'
import { parseDatabaseUrl } from './ledger/database-url.ts'
import { schemaVersionOf } from './ledger/migrate.ts'
import { SCHEMA_VERSION } from './ledger/schema.ts'
import { Session } from './ledger/session.ts'

export interface DatabaseFacts {
  /** Of the server: `15.8`. */
  readonly version: string
  /** Of the tables; 0: there are none yet. */
  readonly schema: number
  /** What this program works with. */
  readonly schemaNeeded: number
}

/** @throws ChasquiError CONFIG_INVALID or CONNECTION_LOST */
export async function probeDatabase(databaseUrl: string): Promise<DatabaseFacts> {
  const targets = parseDatabaseUrl(databaseUrl)
  const session = new Session({ targets, applicationName: 'chasqui check' })
  await session.open()
  try {
    const [row] = await session.query('show server_version')
    return {
      version: String(row![0]).split(' ')[0]!,
      schema: await schemaVersionOf(session),
      schemaNeeded: SCHEMA_VERSION,
    }
  } catch (error) {
    throw error instanceof ChasquiError ? error : explain(error, targets)
  } finally {
    await session.close()
  }
}

export interface BrokerFacts {
  /** Without user and password. */
  readonly address: string
  readonly product: string
  readonly version: string
}

/** @throws ChasquiError CONFIG_INVALID or CONNECTION_LOST */
export async function probeBroker(amqpUrl: string): Promise<BrokerFacts> {
  const address = parseBrokerAddress(amqpUrl)
  const { model, destroy } = await openConnection({
    address,
    name: 'chasqui check',
    heartbeatMs: BROKER_HEARTBEAT_MS,
    signal: AbortSignal.timeout(BROKER_CONNECT_MS),
  })
  try {
    const { product, version } = model.connection.serverProperties
    await model.close()
    return { address: address.text, product, version }
  } finally {
    destroy()
  }
}
