/** Three RabbitMQ nodes under a cluster at work; the one that leads the busiest lane is killed, and frozen. */

import { before, describe, type TestContext, test } from 'node:test'
import { ClusterLoad } from '../faults/cluster-load.ts'
import { LATE_START_MS } from '../faults/cluster-system.ts'
import { fileScope } from '../support/file-scope.ts'
import { openPostgreSql, type PostgreSql } from '../support/postgresql.ts'
import type { RabbitMq } from '../support/rabbitmq.ts'
import { openRabbitMqCluster, type RabbitMqCluster } from '../support/rabbitmq-cluster.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const scope = fileScope()
const FIRST_LANE = 'chasqui.lane.1.default.work.4'
let cluster: RabbitMqCluster
let postgresql: PostgreSql
let hosts = 0

before(async () => {
  if (skip !== false) return
  ;[cluster, postgresql] = await Promise.all([openRabbitMqCluster(scope), openPostgreSql(scope)])
})

/** Heartbeats are short: a frozen node says nothing of its end. */
async function open(context: TestContext): Promise<{ load: ClusterLoad; leader: RabbitMq }> {
  const host = `host${++hosts}`
  await cluster.nodes[0].addVirtualHost(host)
  const amqpUrls = cluster.urls(host).map((url) => `${url}?heartbeat=2`)
  const load = await ClusterLoad.open(context, { postgresql, amqpUrls })
  return { load, leader: await cluster.leaderOf(FIRST_LANE, host) }
}

describe('the node of three that leads a lane', { skip }, () => {
  const faults = { killed: (node: RabbitMq) => node.kill(), frozen: (node: RabbitMq) => node.freeze() }
  for (const [how, fault] of Object.entries(faults)) {
    test(`${how} under load: tasks are confirmed, and run without it; it comes back, and nothing is lost`, async (context) => {
      const { load, leader } = await open(context)
      await fault(leader)
      load.system.count(how)
      await load.confirms(10)
      await load.flows()
      if (how === 'frozen') leader.thaw()
      await cluster.rejoin(leader)
      await load.flows()
      await load.system.judge({ lateStartMs: LATE_START_MS })
    })
  }
})
