/**
 * PostgreSQL and RabbitMQ of our own for the benchmark: started when the first system asks, at their defaults, with an empty database and an empty
 * virtual host for each measurement, and ended with the run.
 */

import { openPostgreSql } from '../../test/support/postgresql.ts'
import { openRabbitMq } from '../../test/support/rabbitmq.ts'

const ends: (() => Promise<void>)[] = []
const scope = { after: (end: () => Promise<void>) => void ends.push(end) }
let servers: ReturnType<typeof openServers> | null = null
let count = 0

async function openServers() {
  const [postgresql, rabbitmq] = await Promise.all([
    // As a server of this size would be set: the default writes so many checkpoints that they are what is measured.
    openPostgreSql(scope, { configuration: ['max_wal_size = 4GB'] }),
    openRabbitMq(scope),
  ])
  return { postgresql, rabbitmq }
}

export async function newDatabase(): Promise<string> {
  servers ??= openServers()
  return (await servers).postgresql.createDatabase(`bench${++count}`)
}

export async function newVirtualHost(): Promise<string> {
  servers ??= openServers()
  return (await servers).rabbitmq.addVirtualHost(`bench${++count}-${process.pid}`)
}

export async function newCluster(): Promise<{ databaseUrl: string; amqpUrl: string }> {
  const [databaseUrl, amqpUrl] = await Promise.all([newDatabase(), newVirtualHost()])
  return { databaseUrl, amqpUrl }
}

export async function closeServers(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end()
}
