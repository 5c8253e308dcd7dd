/** RabbitMQ and PostgreSQL killed under a cluster at work. The short form of test/campaigns, which `npm run faults` plays. */

import { before, describe, test } from 'node:test'
import { fileScope } from '../support/file-scope.ts'
import { openPostgreSql, type PostgreSql } from '../support/postgresql.ts'
import { openRabbitMq, type RabbitMq } from '../support/rabbitmq.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { ClusterLoad } from './cluster-load.ts'
import { LATE_START_MS } from './cluster-system.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const scope = fileScope()
let rabbitmq: RabbitMq
let postgresql: PostgreSql

before(async () => {
  if (skip !== false) return
  ;[rabbitmq, postgresql] = await Promise.all([openRabbitMq(scope), openPostgreSql(scope)])
})

describe('the servers of a cluster at work', { skip }, () => {
  test('killed and started again, one after the other: nothing is lost, nothing recorded twice, and all work again without help', async (context) => {
    const load = await ClusterLoad.open(context, {
      postgresql,
      amqpUrls: [await rabbitmq.addVirtualHost('servers')],
    })
    await rabbitmq.flush()
    await load.told('broker-lost', () => rabbitmq.kill())
    await load.confirms(10)
    await rabbitmq.start()
    await load.flows()
    await postgresql.kill()
    await postgresql.start()
    await load.flows()
    await load.system.judge({ lateStartMs: LATE_START_MS })
  })
})
