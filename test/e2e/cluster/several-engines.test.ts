/** Several engines on one cluster, in one process: what one has accepted, any other can wait for, run, cancel and explain. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openObjects } from '../../../src/app/objects.ts'
import type { ClusterEngine } from '../../../src/engine/cluster/cluster-engine.ts'
import { type ClusterOptions, openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import type { Delivery, TaskEvent } from '../../../src/engine/engine.ts'
import { Hands, returned, task, tasks } from '../../conformance/harness.ts'
import { type BedCluster, openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { needCluster } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'

const { skip } = needCluster()
const LEASE_MS = 3_000

interface Cluster {
  readonly bed: BedCluster
  open(over?: Partial<ClusterOptions>): Promise<ClusterEngine>
}

async function openCluster(context: TestContext): Promise<Cluster> {
  const bed = await (await openBed(context)).cluster()
  return {
    bed,
    async open(over = {}) {
      const engine = await openClusterEngine({
        databaseUrl: bed.databaseUrl,
        amqpUrls: [bed.amqpUrl],
        leaseMs: LEASE_MS,
        reconnectGraceMs: 1_000,
        ...over,
      })
      atEnd(context, () => engine.close())
      return engine
    },
  }
}

let workers = 0
async function consume(
  engine: ClusterEngine,
  slots = 1,
  types: readonly string[] | null = null,
): Promise<Hands> {
  const hands = new Hands(`w${++workers}`)
  hands.consumer = await engine.consume(
    { queues: ['default'], types, slots, prefetch: 1, worker: hands.worker },
    hands,
  )
  return hands
}

test('a task submitted at one is run, waited for, watched, listed and read at the others', {
  skip,
}, async (context) => {
  const { open } = await openCluster(context)
  const [one, two, three] = [await open(), await open(), await open()]
  const events: TaskEvent[] = []
  await three.watch({ ids: ['a'] }, (batch) => events.push(...batch))
  const hands = await consume(two)
  await one.submit([task({ id: 'a' })], 'disk')
  const waiting = three.wait(['a'], 20_000)
  const delivery = await hands.next()
  assert.deepEqual(await two.settle([returned(delivery)]), [{ id: 'a', accepted: true, state: 'succeeded' }])
  const [record] = await waiting
  assert.deepEqual([record?.state, record?.resultText, record?.worker], ['succeeded', '12', hands.worker])
  await eventually('the event arrives', () => events.at(-1)?.state === 'succeeded')
  assert.deepEqual(
    (await three.list({ limit: 10 })).tasks.map(({ id }) => id),
    ['a'],
  )
  const [queue] = (await one.inspect()).queues
  assert.deepEqual([queue?.totals.submitted, queue?.totals.succeeded, queue?.running], [1, 1, 0])
})

test('resubmitted elsewhere it is a duplicate, with the state that it is in', { skip }, async (context) => {
  const { open } = await openCluster(context)
  const [one, two] = [await open(), await open()]
  await one.submit([task({ id: 'a' })], 'disk')
  assert.deepEqual(await two.submit([task({ id: 'a' })], 'disk'), [
    { id: 'a', state: 'queued', duplicate: true, durability: 'disk' },
  ])
})

test('submitted at all of them at once, an id or a dedupe key is one task', { skip }, async (context) => {
  const { open } = await openCluster(context)
  const engines = [await open(), await open(), await open()]
  const batch = tasks(50, (index) => ({ id: `t${index}` }))
  const receipts = await Promise.all(engines.map((engine) => engine.submit(batch, 'disk')))
  const fresh = receipts.flat().filter((receipt) => 'duplicate' in receipt && !receipt.duplicate)
  assert.equal(fresh.length, 50)
  const options = { dedupeKey: 'k', dedupeWindowMs: 60_000 }
  const held = await Promise.all(
    engines.map((engine, index) => engine.submit([task({ id: `d${index}`, options })], 'disk')),
  )
  assert.equal(new Set(held.flat().map(({ id }) => id)).size, 1)
})

test('cancelled at one, the worker at another is told to stop, and its result is refused', {
  skip,
}, async (context) => {
  const { open } = await openCluster(context)
  const [one, two] = [await open(), await open()]
  const hands = await consume(two)
  await one.submit([task({ id: 'a' })], 'disk')
  const delivery = await hands.next()
  assert.deepEqual(await one.cancel(['a']), [{ id: 'a', state: 'canceled', changed: true }])
  await eventually('the worker is told', () => hands.revoked.length > 0)
  assert.deepEqual(hands.revoked, [{ id: 'a', epoch: delivery.epoch }])
  assert.deepEqual(await two.settle([returned(delivery)]), [{ id: 'a', accepted: false, state: 'canceled' }])
})

test('a worker that comes back at another distributor goes on with what it runs', {
  skip,
}, async (context) => {
  const { open } = await openCluster(context)
  const [one, two] = [await open(), await open()]
  const hands = await consume(one, 2)
  await one.submit([task({ id: 'a' }), task({ id: 'b' })], 'disk')
  const [a, b] = (await hands.take(2)) as [Delivery, Delivery]
  await hands.consumer.stop({ lost: true })
  const back = await consume(two, 2)
  assert.deepEqual(await two.extend([a, b], back.consumer.id), [
    { id: 'a', accepted: true },
    { id: 'b', accepted: true },
  ])
  // Long after the time of grace at the first, and after the lease that it gave: renewed here, it goes on.
  for (let time = 0; time < 4; time++) {
    await delay(LEASE_MS / 3)
    await two.extend([a, b], back.consumer.id)
  }
  const settled = await two.settle([returned(a), returned(b)])
  assert.deepEqual(
    settled.map(({ accepted }) => accepted),
    [true, true],
  )
  assert.deepEqual(back.ids, [])
  const records = await one.get(['a', 'b'])
  assert.deepEqual(
    records.map((record) => [record?.state, record?.crashes]),
    [
      ['succeeded', 0],
      ['succeeded', 0],
    ],
  )
})

test('what an engine held that died is run by another, and the death is counted', {
  skip,
}, async (context) => {
  const { open } = await openCluster(context)
  const [one, two] = [await open(), await open()]
  const hands = await consume(one)
  await one.submit([task({ id: 'a' })], 'disk')
  const lost = await hands.next()
  await one.abandon()
  const other = await consume(two)
  const delivery = await other.next()
  assert.deepEqual([delivery.id, delivery.attempt], ['a', 1])
  assert.ok(delivery.epoch > lost.epoch)
  assert.deepEqual(await two.settle([returned(lost)]), [{ id: 'a', accepted: false, state: 'running' }])
  assert.deepEqual(await two.settle([returned(delivery)]), [{ id: 'a', accepted: true, state: 'succeeded' }])
  assert.equal((await two.get(['a']))[0]?.crashes, 1)
})

test('work is spread over engines, and a busy one keeps nothing from an idle one', {
  skip,
}, async (context) => {
  const { open } = await openCluster(context)
  const [one, two] = [await open(), await open()]
  const busy = await consume(one)
  const idle = await consume(two)
  await one.submit(
    tasks(6, () => ({})),
    'disk',
  )
  const [first] = await busy.take(1)
  for (let count = 0; count < 5; count++) await two.settle([returned(await idle.next())])
  assert.deepEqual(busy.ids, [first!.id])
  await one.settle([returned(first!)])
  assert.deepEqual((await one.inspect()).queues[0]?.totals.succeeded, 6)
})

test('delays and retries are kept by whoever is there, also after the keeper died', {
  skip,
}, async (context) => {
  const { open } = await openCluster(context)
  const keeper = await open()
  const other = await open()
  await keeper.submit([task({ id: 'a', runAtMs: Date.now() + 1_500 })], 'disk')
  await keeper.abandon()
  const hands = await consume(other)
  const delivery = await hands.next()
  assert.equal(delivery.id, 'a')
  await other.settle([returned(delivery)])
})

test('large data and results go to the object store, and every final task leaves its document', {
  skip,
}, async (context) => {
  const { open, bed } = await openCluster(context)
  Object.assign(process.env, bed.env)
  const objects = await openObjects(bed.objects)
  atEnd(context, () => objects.close())
  const engine = await open({ objects, objectsAboveLength: 1_000 })
  const hands = await consume(engine, 2)
  const large = JSON.stringify('x'.repeat(100_000))
  await engine.submit([task({ id: 'large', dataText: large }), task({ id: 'small' })], 'disk')
  const deliveries = await hands.take(2)
  assert.equal(deliveries.find(({ id }) => id === 'large')?.dataText, large)
  await engine.settle(deliveries.map((delivery) => returned(delivery, delivery.id === 'large' ? large : '1')))
  const [record] = await engine.get(['large'], { data: true })
  assert.equal(record?.resultText, large)
  assert.equal(record?.dataText, large)
  await eventually('both documents are written', async () => {
    const documents = await Promise.all([objects.get('task_small.json'), objects.get('task_large.json')])
    return documents.every((document) => document !== null)
  })
  assert.equal(JSON.parse((await objects.get('task_small.json'))!.toString()).result, 1)
  const keys: string[] = []
  for await (const { key } of objects.list()) keys.push(key)
  assert.equal(keys.length, 4, 'data, result and two documents')
})

test('a pause holds on every process, also on one that opens later, and so does its end', {
  skip,
}, async (context) => {
  const { open } = await openCluster(context)
  const [one, two] = [await open(), await open()]
  const hands = [await consume(one, 50), await consume(two, 50)]
  const load = Array.from({ length: 40 }, async (_, index) => {
    await one.submit(
      tasks(10, (at) => ({ id: `t${index}-${at}` })),
      'disk',
    )
  })
  await hands[1]!.next()
  await two.steer({ kind: 'pause', queue: 'default' })
  const taken = hands.map(({ ids }) => ids.length)
  await Promise.all(load)
  const three = await open()
  hands.push(await consume(three, 50))
  const settling = [one, two].map((engine, at) =>
    engine.settle(hands[at]!.deliveries.map((each) => returned(each))),
  )
  await Promise.all(settling)
  // As long as any hint needs that would still be on its way.
  await delay(1_000)
  assert.deepEqual(
    hands.map(({ ids }) => ids.length),
    [...taken, 0],
  )

  await three.steer({ kind: 'resume', queue: 'default' })
  const settled = hands.map(({ ids }) => ids.length)
  await eventually('all are delivered', async () => {
    await Promise.all(
      [one, two, three].map((engine, at) => {
        const fresh = hands[at]!.deliveries.slice(settled[at])
        settled[at] = hands[at]!.deliveries.length
        return engine.settle(fresh.map((each) => returned(each)))
      }),
    )
    return hands.reduce((sum, { ids }) => sum + ids.length, 0) === 400
  })
  assert.equal(new Set(hands.flatMap(({ ids }) => ids)).size, 400)
})
