/** The test bed's RabbitMQ: what it promises to the tests that rely on it. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { before, test } from 'node:test'
import { connect } from 'amqplib'
import { eventually } from '../../support/eventually.ts'
import { fileScope } from '../../support/file-scope.ts'
import { processesOf } from '../../support/leftovers.ts'
import { openRabbitMq, type RabbitMq } from '../../support/rabbitmq.ts'
import { needRabbitMq } from '../../support/real-parts.ts'

const { skip } = needRabbitMq()
const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } }
const scope = fileScope()
let server: RabbitMq

before(async () => {
  if (skip === false) server = await openRabbitMq(scope, { configuration: ['consumer_timeout = 8000'] })
})

test('a quorum queue keeps what was confirmed when the node is killed', { skip }, async () => {
  const url = await server.addVirtualHost('kept')
  const before = await connect(url)
  // That it is cut off is the point.
  before.on('error', () => undefined)
  const channel = await before.createConfirmChannel()
  channel.on('error', () => undefined)
  await channel.assertQueue('letters', QUORUM)
  channel.sendToQueue('letters', Buffer.from('kept'), { persistent: true })
  await channel.waitForConfirms()
  await server.flush()
  await server.kill()
  await assert.rejects(connect(url))
  await server.start()
  const after = await connect(url)
  const message = await (await after.createChannel()).get('letters', { noAck: true })
  await after.close()
  assert.ok(message, 'there is a message')
  assert.equal(message.content.toString(), 'kept')
  assert.equal(
    await server.ctl(['eval', '{ok, T} = application:get_env(rabbit, consumer_timeout), T.']),
    '8000',
  )
})

test('virtual hosts do not see each other', { skip }, async () => {
  const [one, other] = [await connect(await server.addVirtualHost('one')), await connect(server.url())]
  await (await one.createChannel()).assertQueue('letters', QUORUM)
  const channel = await other.createChannel()
  channel.on('error', () => undefined)
  await assert.rejects(channel.checkQueue('letters'), /NOT_FOUND/)
  await other.close()
  await one.close()
  await server.deleteVirtualHost('one')
  await assert.rejects(connect(server.url('one')))
})

test('frozen it says nothing, thawed it answers again', { skip }, async () => {
  server.freeze()
  const silent = connect(server.url())
  assert.equal(
    await Promise.race([silent, new Promise((resolve) => setTimeout(resolve, 500, 'silence'))]),
    'silence',
  )
  server.thaw()
  await (await silent).close()
})

test('nothing is left of it: no process, no folder', { skip }, async () => {
  const undos: (() => Promise<void>)[] = []
  const other = await openRabbitMq({ after: (undo) => undos.push(undo) })
  const folder = dirname(other.folder)
  assert.ok(processesOf(basename(folder)).length >= 3, 'the node, its helpers and epmd are seen')
  for (const undo of undos) await undo()
  await eventually('its processes are gone', () => processesOf(basename(folder)).length === 0)
  assert.equal(existsSync(folder), false)
})
