/** Whoever finds that a lane has lost its hints asks the keeper to make them anew. The keeper hears it though it was cut off when it was first told. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'amqplib'
import { type ClusterOptions, openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import { MEMBER_BEAT_MS } from '../../../src/task/limits.ts'
import { task } from '../../conformance/harness.ts'
import { openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { FaultProxy } from '../../support/fault-proxy.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const DEADLINE_MS = 60_000
const LANE = `chasqui.lane.1.default.${task({}).type}.4`

test('a request that the keeper could not hear is told again, and followed once', {
  skip,
}, async (context) => {
  const bed = await openBed(context)
  const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
  const port = Number(new URL(amqpUrl).port)
  const proxy = await FaultProxy.open({ port })
  atEnd(context, () => proxy.close())
  const troubles: string[] = []
  const open = async (url: string, over: Partial<ClusterOptions> = {}) => {
    const engine = await openClusterEngine({ databaseUrl, amqpUrls: [url], ...over })
    atEnd(context, () => engine.close())
    return engine
  }
  // Who comes first is the keeper.
  await open(amqpUrl.replace(`:${port}/`, `:${proxy.port}/`), {
    onTrouble: (event) => troubles.push(event),
  })
  await delay(2 * MEMBER_BEAT_MS)
  const other = await open(amqpUrl)
  const connection = await connect(amqpUrl)
  atEnd(context, () => connection.close())
  /** Ready in the lane; 0 also while there is none. */
  const messages = async () => {
    const channel = await connection.createChannel()
    channel.on('error', () => undefined)
    const found = await channel.checkQueue(LANE).catch(() => null)
    if (found !== null) await channel.close()
    return found?.messageCount ?? 0
  }
  const hasMessages = (count: number) =>
    eventually(`${count} messages wait`, async () => (await messages()) >= count, DEADLINE_MS)

  await other.submit([task({ id: 'a' })], 'disk')
  await hasMessages(1)
  proxy.mode = 'refuse'
  proxy.reset()
  await eventually('the keeper is cut off', () => troubles.includes('broker-lost'), DEADLINE_MS)
  await (await connection.createChannel()).deleteQueue(LANE)
  await other.submit([task({ id: 'b' })], 'disk')
  // A message waits, so nobody would think that the lane has lost one.
  await hasMessages(1)
  proxy.mode = 'up'
  await hasMessages(2)
  assert.ok(troubles.includes('lane-refilled'))
  await delay(3 * MEMBER_BEAT_MS)
  assert.equal(await messages(), 2)
})
