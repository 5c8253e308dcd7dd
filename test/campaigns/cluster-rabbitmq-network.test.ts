/** One distributor of a cluster at work loses its way to RabbitMQ, or to both servers; the rest does not notice. */

import { before, describe, type TestContext, test } from 'node:test'
import { ClusterLoad } from '../faults/cluster-load.ts'
import { LATE_START_MS } from '../faults/cluster-system.ts'
import { type FaultMode, FaultProxy } from '../support/fault-proxy.ts'
import { fileScope } from '../support/file-scope.ts'
import { openPostgreSql, type PostgreSql } from '../support/postgresql.ts'
import { openRabbitMq, type RabbitMq } from '../support/rabbitmq.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { atEnd } from '../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const scope = fileScope()
let rabbitmq: RabbitMq
let postgresql: PostgreSql
let hosts = 0

before(async () => {
  if (skip !== false) return
  ;[rabbitmq, postgresql] = await Promise.all([openRabbitMq(scope), openPostgreSql(scope)])
})

const CLIENTS = ['first', 'second'] as const

/** One distributor is behind a network of its own. The first one to start is the keeper. */
async function open(context: TestContext, no: 0 | 1) {
  const url = await rabbitmq.addVirtualHost(`host${++hosts}`)
  const [toRabbitMq, toPostgreSql] = await Promise.all([
    FaultProxy.open({ port: rabbitmq.port }),
    FaultProxy.open({ port: postgresql.port }),
  ])
  for (const proxy of [toRabbitMq, toPostgreSql]) atEnd(context, () => proxy.close())
  const far = `${url.replace(`:${rabbitmq.port}/`, `:${toRabbitMq.port}/`)}?heartbeat=2`
  const load = await ClusterLoad.open(context, {
    postgresql,
    amqpUrls: [url],
    far: { no, port: toPostgreSql.port, amqpUrls: [far] },
    leaseMs: 3_000,
    reconnectGraceMs: 1_000,
  })
  return { load, toRabbitMq, toPostgreSql }
}

describe('a distributor of a cluster at work', { skip }, () => {
  const faults: readonly (readonly [FaultMode, 0 | 1])[] = [
    ['refuse', 0],
    ['half-open', 1],
    ['blackhole-down', 1],
  ]
  for (const [mode, no] of faults) {
    test(`cut off from RabbitMQ (${mode}): it goes on confirming, others run its tasks, and it comes back by itself`, async (context) => {
      const { load, toRabbitMq } = await open(context, no)
      await load.told('broker-lost', () => {
        toRabbitMq.mode = mode
        if (mode === 'refuse') toRabbitMq.reset()
      })
      await load.runs(CLIENTS[no], 10)
      await load.flows([load.direct])
      // Connections that hang are ended by the attempts to make new ones, or by the broker.
      toRabbitMq.mode = 'up'
      if (mode !== 'refuse') toRabbitMq.reset()
      await load.flows()
      await load.system.judge({ lateStartMs: LATE_START_MS })
    })
  }

  test('cut off from both servers until others take its work over: nothing is lost, and it comes back by itself', async (context) => {
    const { load, toRabbitMq, toPostgreSql } = await open(context, 1)
    const { system } = load
    await load.told('broker-lost', () => {
      for (const proxy of [toRabbitMq, toPostgreSql]) proxy.mode = 'blackhole'
    })
    const before = load.confirmations('first')
    await system.until('the other distributor goes on', () => load.confirmations('first') > before + 20)
    await system.until('the member is taken for dead', async () => {
      const { consumers } = await (await system.engine()).inspect()
      return consumers.every(({ worker }) => worker.pid !== load.behind.child.pid)
    })
    for (const proxy of [toRabbitMq, toPostgreSql]) {
      proxy.mode = 'up'
      proxy.reset()
    }
    await load.flows()
    await system.judge({ lateStartMs: LATE_START_MS })
  })
})
