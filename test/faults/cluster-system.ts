/**
 * The system of system.ts on a private cluster: PostgreSQL and RabbitMQ of the test's own, to be killed and starved, several distributors, workers
 * behind them or directly on the cluster. `judge` of the system reads the ledger itself at the end.
 */

import type { TestContext } from 'node:test'
import type { Bucket } from '../support/bed.ts'
import { FaultProxy } from '../support/fault-proxy.ts'
import { openPostgreSql, type PostgreSql, type PostgreSqlSetting } from '../support/postgresql.ts'
import { openRabbitMq, type RabbitMq, type RabbitMqSetting } from '../support/rabbitmq.ts'
import { atEnd } from '../support/temporary.ts'
import { lookAtLedger } from './ledger-look.ts'
import { System } from './system.ts'

/** No superuser: those have connections kept for them, and rights that users lack. */
const USER = 'chasqui'
const PASSWORD = 'not-to-be-told'
const DATABASE = 'chasqui'

/** Short, so that what is lost with a process comes back within a test; healthy workers of a busy machine keep their leases. */
const TIMES = { leaseMs: 3_000, reconnectGraceMs: 1_000 }

/** How long what was in a killed or cut-off worker's hands may start late: silence (5 beats), then a lease, then the rest of it. */
export const LATE_START_MS = 15_000

export interface ClusterSetting {
  readonly distributors?: number
  readonly postgresql?: PostgreSqlSetting
  readonly rabbitmq?: RabbitMqSetting
  /** The primary with a synchronous standby: the URL names both. */
  readonly standby?: boolean
  /** `s3://…` or `file:…`, with what is needed in the environment. */
  readonly objects?: Bucket & { readonly read: (key: string) => Promise<string> }
  /** More flags for every process with an engine. */
  readonly flags?: readonly string[]
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
}

export interface ClusterSystem {
  readonly system: System
  readonly postgresql: PostgreSql
  readonly rabbitmq: RabbitMq
  /** Where it was asked for. */
  readonly standby: PostgreSql | null
  /** As the engines have it: user, password, all hosts. */
  readonly databaseUrl: string
  readonly amqpUrl: string
  /** Which server holds the ledger; after a failover the standby. */
  ledgerIsAt(server: PostgreSql): void
}

export async function openClusterSystem(
  context: TestContext,
  setting: ClusterSetting = {},
): Promise<ClusterSystem> {
  const [postgresql, rabbitmq] = await Promise.all([
    openPostgreSql(context, setting.postgresql),
    openRabbitMq(context, setting.rabbitmq),
  ])
  await createLedgerDatabase(postgresql)
  const standby = setting.standby === true ? await postgresql.openStandby({ synchronous: true }) : null
  const databaseUrl = standby === null ? ledgerUrl(postgresql) : ledgerUrl(postgresql, standby)
  const amqpUrl = rabbitmq.url()
  const { objects } = setting
  let ledger = postgresql
  const system = await System.open(
    context,
    {
      ...TIMES,
      ...setting,
      engine: [
        ...['--engine', 'cluster', '--database-url', databaseUrl, '--amqp-url', amqpUrl],
        ...(objects === undefined ? [] : ['--objects', objects.objects]),
        ...(setting.flags ?? []),
      ],
      ...(objects !== undefined && { env: objects.env }),
      lookAtStore: () => lookAtLedger(ledger.url(DATABASE), objects?.read),
    },
    setting.distributors ?? 1,
  )
  return {
    system,
    postgresql,
    rabbitmq,
    standby,
    databaseUrl,
    amqpUrl,
    ledgerIsAt(server) {
      ledger = server
    },
  }
}

/** A user that owns its database and is nothing else. */
export async function createLedgerDatabase(server: PostgreSql): Promise<void> {
  await server.psql(`create role ${USER} login password '${PASSWORD}'`)
  await server.psql(`create database ${DATABASE} owner ${USER}`)
}

/** Of that database, for that user, on one server or several. */
export function ledgerUrl(...servers: readonly PostgreSql[]): string {
  return `postgres://${USER}:${PASSWORD}@${servers.map(({ port }) => `127.0.0.1:${port}`).join()}/${DATABASE}`
}

/** One address in front of the distributors, which leads where the test says: `retarget(system.portOf(1))`, then `reset()`. */
export async function openFront(context: TestContext, system: System, no = 0): Promise<FaultProxy> {
  const front = await FaultProxy.open({ port: system.portOf(no) })
  atEnd(context, () => front.close())
  return front
}
