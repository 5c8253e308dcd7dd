/**
 * Idle workers are told of new tasks directly. What goes the ordinary way is caught here before anybody else gets it, so what runs all the same was
 * told of directly.
 */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'amqplib'
import type { ClusterEngine } from '../../../src/engine/cluster/cluster-engine.ts'
import { openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import { QUICK_REST_MS } from '../../../src/task/limits.ts'
import { Hands, returned, task } from '../../conformance/harness.ts'
import { openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const DEADLINE_MS = 60_000
const LANE = `chasqui.lane.1.default.${task({}).type}.4`

/** Two engines, a worker at the second, and the tasks whose hints were caught. */
async function open(context: TestContext, slots: number) {
  const bed = await openBed(context)
  const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
  const openEngine = async () => {
    const engine = await openClusterEngine({ databaseUrl, amqpUrls: [amqpUrl] })
    atEnd(context, () => engine.close())
    return engine
  }
  const [one, two] = [await openEngine(), await openEngine()]
  const hands = new Hands('w')
  hands.consumer = await two.consume(
    { queues: ['default'], types: null, slots, prefetch: 1, worker: hands.worker },
    hands,
  )
  // The first makes the lane.
  await one.submit([task({ id: 'first' })], 'disk')
  await two.settle([returned(await hands.next())])
  await knowsHeld(one, 0)
  // On a busy machine the first was claimed late, and its lane has a rest.
  await delay(2 * QUICK_REST_MS)
  const caught: number[] = []
  const connection = await connect(amqpUrl)
  atEnd(context, () => connection.close())
  const channel = await connection.createChannel()
  await channel.consume(
    LANE,
    (message) => {
      const { tasks } = JSON.parse(message!.content.toString()) as { tasks: number[] }
      caught.push(...tasks)
    },
    { priority: 10 },
  )
  return { one, two, hands, caught, letGo: () => channel.close() }
}

/** What the worker at the other engine holds, as this one has heard. */
async function knowsHeld(engine: ClusterEngine, held: number): Promise<void> {
  await eventually(
    `it is known that the worker holds ${held}`,
    async () => (await engine.inspect()).consumers.some((one) => one.held === held),
    DEADLINE_MS,
  )
}

test('an idle worker gets tasks of its own and of other processes before RabbitMQ has hints of them', {
  skip,
}, async (context) => {
  const { one, two, hands } = await open(context, 4)
  await one.submit([task({ id: 'a' }), task({ id: 'b' })], 'disk')
  const elsewhere = await hands.take(2)
  await two.submit([task({ id: 'c' })], 'disk')
  const here = await hands.next()
  assert.deepEqual(
    [...elsewhere, here].map(({ id }) => id),
    ['a', 'b', 'c'],
  )
  await two.settle([...elsewhere, here].map((delivery) => returned(delivery)))
})

test('what a worker that seemed idle has no room for goes the ordinary way, and so does what comes while it is known to be busy', {
  skip,
}, async (context) => {
  const { one, two, hands, caught, letGo } = await open(context, 1)
  await one.submit([task({ id: 'a' })], 'disk')
  const a = await hands.next()
  await one.submit([task({ id: 'b' })], 'disk')
  await eventually('a hint was caught', () => caught.length >= 1, DEADLINE_MS)
  await knowsHeld(one, 1)
  await one.submit([task({ id: 'c' })], 'disk')
  await eventually('another one was caught', () => new Set(caught).size >= 2, DEADLINE_MS)
  await letGo()
  await two.settle([returned(a)])
  const rest = [await hands.next()]
  await two.settle([returned(rest[0]!)])
  rest.push(await hands.next())
  await two.settle([returned(rest[1]!)])
  assert.deepEqual(rest.map(({ id }) => id).sort(), ['b', 'c'])
  assert.deepEqual(
    (await one.get(['a', 'b', 'c'])).map((record) => [record?.state, record?.attempt]),
    [
      ['succeeded', 1],
      ['succeeded', 1],
      ['succeeded', 1],
    ],
  )
})
