/** What `chasqui check` says of the servers of a cluster: the database with its tables, and each broker. */

import { ChasquiError } from '../task/errors.ts'
import type { LoadedConfig } from './config.ts'
import type { Finding } from './diagnosis.ts'

/** Nothing where the settings name no cluster. */
export async function checkCluster({ settings }: LoadedConfig): Promise<Finding[]> {
  const { engine, databaseUrl, amqpUrl, migrate } = settings
  if (engine !== 'cluster') return []
  const { probeBroker, probeDatabase } = await import('../engine/cluster/probe.ts')
  const database = async (): Promise<Finding> => {
    if (databaseUrl === undefined) return missing('database', '--database-url')
    return finding('database', async () => {
      const { version, schema, schemaNeeded } = await probeDatabase(databaseUrl)
      const [level, tables] = tablesOf(schema, schemaNeeded, migrate)
      return { what: 'database', level, text: `PostgreSQL ${version}; ${tables}` }
    })
  }
  const brokers = amqpUrl?.map((url) =>
    finding('broker', async () => {
      const { address, product, version } = await probeBroker(url)
      return { what: 'broker', level: 'ok', text: `${product} ${version} at ${address}` }
    }),
  )
  return Promise.all([database(), ...(brokers ?? [Promise.resolve(missing('broker', '--amqp-url'))])])
}

function tablesOf(
  schema: number,
  needed: number,
  migrate: 'auto' | 'never',
): readonly [Finding['level'], string] {
  if (schema === needed) return ['ok', `its tables have version ${schema}`]
  if (schema > needed) {
    return [
      'problem',
      `its tables were made by a newer Chasqui (version ${schema}; this one knows ${needed})`,
    ]
  }
  const state = schema === 0 ? 'there are no tables yet' : `its tables have version ${schema} of ${needed}`
  return migrate === 'auto'
    ? ['ok', `${state}: the next distributor brings them up to date`]
    : ['problem', `${state}: run \`chasqui migrate\``]
}

async function finding(what: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof ChasquiError)) throw error
    return { what, level: 'problem', text: error.message }
  }
}

function missing(what: string, flag: string): Finding {
  return { what, level: 'problem', text: `the cluster engine needs ${flag}` }
}
