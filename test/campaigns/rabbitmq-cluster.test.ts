/** The test bed's RabbitMQ cluster: what is confirmed survives its leader, dead or frozen, and the dead one comes back. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'amqplib'
import { eventually } from '../support/eventually.ts'
import { fileScope } from '../support/file-scope.ts'
import { processesOf } from '../support/leftovers.ts'
import type { RabbitMq } from '../support/rabbitmq.ts'
import { openRabbitMqCluster, type RabbitMqCluster } from '../support/rabbitmq-cluster.ts'
import { needRabbitMq } from '../support/real-parts.ts'

const { skip } = needRabbitMq()
const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } }
const undos: (() => Promise<void>)[] = []
const scope = fileScope()
let cluster: RabbitMqCluster

before(async () => {
  if (skip !== false) return
  scope.after(end)
  cluster = await openRabbitMqCluster({ after: (undo) => undos.push(undo) })
})

async function end(): Promise<void> {
  for (const undo of undos.splice(0)) await undo()
}

for (const fault of ['kill', 'freeze'] as const) {
  test(`a quorum queue outlives its leader: ${fault}`, { skip }, async () => {
    const queue = `letters-${fault}`
    await publish(cluster.nodes[0], queue, 'first')
    const leader = await cluster.leaderOf(queue)
    await leader[fault]()
    const other = cluster.nodes.find((node) => node !== leader)!
    await publish(other, queue, 'second')
    assert.notEqual(await cluster.leaderOf(queue), leader)
    if (fault === 'freeze') leader.thaw()
    await cluster.rejoin(leader)
    assert.deepEqual([await take(leader, queue), await take(other, queue)], ['first', 'second'])
  })
}

test('nothing is left of it: no process, no folder', { skip }, async () => {
  const folder = dirname(cluster.nodes[0].folder)
  assert.ok(processesOf(basename(folder)).length >= 7, 'three nodes, their helpers and epmd are seen')
  await end()
  await eventually('its processes are gone', () => processesOf(basename(folder)).length === 0)
  assert.equal(existsSync(folder), false)
})

/** Until it is confirmed: while there is no leader the broker refuses or does not answer. */
async function publish(node: RabbitMq, queue: string, text: string): Promise<void> {
  for (;;) {
    const connection = await connect(node.url())
    connection.on('error', () => undefined)
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => undefined)
    try {
      await channel.assertQueue(queue, QUORUM)
      channel.sendToQueue(queue, Buffer.from(text), { persistent: true })
      await channel.waitForConfirms()
      return
    } catch {
      await delay(100)
    } finally {
      await connection.close().catch(() => undefined)
    }
  }
}

async function take(node: RabbitMq, queue: string): Promise<string | null> {
  const connection = await connect(node.url())
  const message = await (await connection.createChannel()).get(queue, { noAck: true })
  await connection.close()
  return message === false ? null : message.content.toString()
}
