/** Foreign producers: whatever AMQP client publishes a task to an inbox has it run; what is no task is put aside with its reason. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import amqp from 'amqplib'
import { findPika } from '../../../scripts/programs.mjs'
import { openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import { Hands, returned } from '../../conformance/harness.ts'
import { openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { needCluster, needPika } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'

const skip = [needCluster(), needPika()].find((need) => need.skip !== false)?.skip ?? false

const PUBLISH = `
import pika, sys
channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
channel.confirm_delivery()
def publish(body, message_id=None):
    properties = pika.BasicProperties(delivery_mode=2, message_id=message_id)
    channel.basic_publish('', 'chasqui.default', body, properties, mandatory=True)
publish('{"type":"sumar","data":[5,7]}')
publish('{"type":"sumar"')
publish('{"type":"sumar","data":[1,2],"id":"mine","priority":9}')
publish(b'\\xff\\xfe')
publish('{"data":[1]}')
publish('{"type":"sumar","data":[3,4]}', 'twice')
publish('{"type":"sumar","data":[3,4]}', 'twice')
`

test('tasks that pika publishes are adopted and run, and malformed ones stop nothing', {
  skip,
}, async (context) => {
  const bed = await (await openBed(context)).cluster()
  const troubles: string[] = []
  const engine = await openClusterEngine({
    databaseUrl: bed.databaseUrl,
    amqpUrls: [bed.amqpUrl],
    onTrouble: (trouble) => troubles.push(trouble),
  })
  atEnd(context, () => engine.close())
  const connection = await amqp.connect(bed.amqpUrl)
  atEnd(context, () => connection.close())
  const channel = await connection.createChannel()
  channel.on('error', () => undefined)
  await eventually('the inbox is there', async () => {
    const probe = await connection.createChannel()
    probe.on('error', () => undefined)
    return probe.checkQueue('chasqui.default').then(
      () => true,
      () => false,
    )
  })
  const python = spawnSync(findPika()!, ['-c', PUBLISH, bed.amqpUrl], { encoding: 'utf8', timeout: 30_000 })
  assert.equal(python.status, 0, python.stderr)

  const hands = new Hands('w')
  const { worker } = hands
  hands.consumer = await engine.consume(
    { queues: ['default'], types: null, slots: 9, prefetch: 1, worker },
    hands,
  )
  const deliveries = await hands.take(3)
  assert.deepEqual(deliveries.map(({ dataText }) => dataText).sort(), ['[1,2]', '[3,4]', '[5,7]'])
  assert.deepEqual(hands.ids.filter((id) => id === 'mine' || id === 'twice').sort(), ['mine', 'twice'])
  assert.equal(deliveries.find(({ id }) => id === 'mine')?.priority, 9)
  await engine.settle(deliveries.map((delivery) => returned(delivery)))

  const dead: string[] = []
  await eventually('three messages are put aside', async () => {
    const message = await channel.get('chasqui.dead')
    if (message !== false) {
      dead.push(String(message.properties.headers?.['x-chasqui-reason']))
      channel.ack(message)
    }
    return dead.length === 3
  })
  assert.deepEqual(dead.sort(), ['it is not JSON in UTF-8', 'it is not JSON in UTF-8', 'type is missing'])
  assert.equal(hands.ids.length, 3, 'the message that came twice is one task')
  assert.deepEqual((await engine.inspect()).queues[0]?.totals.succeeded, 3)
})
