import assert from 'node:assert/strict'
import type { DeliverySink } from '../../../src/engine/engine.ts'
import { GRACE_MS, LEASE_MS, released, returned, tasks, until } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function consuming(promised: Promised): void {
  promised(
    'a consumer holds slots times prefetch deliveries and gets another for each that it settles',
    async (stage) => {
      const hands = await stage.consume({ slots: 2, prefetch: 3 })
      await stage.engine.submit(
        tasks(20, () => ({})),
        'disk',
      )
      const held = await hands.take(6)
      await stage.quiet()
      assert.equal(hands.ids.length, 6)
      await stage.engine.settle(held.slice(0, 2).map((delivery) => returned(delivery)))
      await stage.quiet()
      assert.equal(hands.ids.length, 8)
      await stage.engine.settle([released(held[2]!)])
      await stage.quiet()
      assert.equal(hands.ids.length, 9)
    },
  )

  promised('a consumer takes only from its queues', async (stage) => {
    await stage.submit({ id: 'a', queue: 'a' }, { id: 'b', queue: 'b' }, { id: 'c', queue: 'c' })
    const hands = await stage.consume({ queues: ['a', 'c', 'empty'], slots: 9 })
    await hands.take(2)
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a', 'c'])
  })

  promised(
    'a worker that is told to leave hears of it, gets nothing more, and keeps what it has',
    async (stage) => {
      const [leaving, other] = [await stage.consume({ slots: 2 }), await stage.consume({ queues: ['other'] })]
      let drains = 0
      Object.assign(leaving, { drain: () => drains++ })
      await stage.submit({ id: 'a' })
      const held = await leaving.next()
      assert.equal(await stage.engine.drainWorker('nobody'), 0)
      assert.equal(await stage.engine.drainWorker(leaving.worker.id), 1)
      await until('it hears', () => drains === 1)
      await stage.submit({ id: 'b' })
      leaving.consumer.resize(9, 1)
      await stage.quiet()
      assert.deepEqual(leaving.ids, ['a'])
      assert.equal((await stage.engine.settle([returned(held)]))[0]?.accepted, true)
      await stage.submit({ id: 'o', queue: 'other' })
      assert.equal((await other.next()).id, 'o')
      assert.equal((await (await stage.consume()).next()).id, 'b')
    },
  )

  promised('queues and types that appear later are found', async (stage) => {
    const any = await stage.consume({ queues: ['new'], slots: 9 })
    const one = await stage.consume({ queues: ['new'], types: ['later'], slots: 9 })
    await stage.submit({ id: 'a', queue: 'new', type: 'fresh' })
    assert.equal((await any.next()).id, 'a')
    await any.consumer.stop()
    await stage.submit({ id: 'b', queue: 'new', type: 'later' })
    assert.equal((await one.next()).id, 'b')
  })

  promised('a consumer of no types takes nothing', async (stage) => {
    const hands = await stage.consume({ types: [], slots: 9 })
    await stage.submit({ id: 'a' })
    await stage.quiet()
    assert.deepEqual(hands.ids, [])
  })

  promised('more credit brings more at once, less credit takes nothing back', async (stage) => {
    const hands = await stage.consume()
    await stage.engine.submit(
      tasks(10, () => ({})),
      'disk',
    )
    await hands.take(1)
    hands.consumer.resize(2, 2)
    await hands.take(3)
    hands.consumer.resize(1, 2)
    await stage.quiet()
    assert.equal(hands.ids.length, 4)
    for (const delivery of hands.deliveries.slice(0, 2)) await stage.engine.settle([returned(delivery)])
    await stage.quiet()
    assert.equal(hands.ids.length, 4)
    await stage.engine.settle([returned(hands.deliveries[2]!)])
    await stage.quiet()
    assert.equal(hands.ids.length, 5)
  })

  promised('without credit nothing is delivered until some is given', async (stage) => {
    const hands = await stage.consume({ slots: 2, prefetch: 0 })
    await stage.submit({ id: 'a' }, { id: 'b' }, { id: 'c' })
    await stage.quiet()
    assert.deepEqual(hands.ids, [])
    hands.consumer.resize(2, 1)
    await hands.take(2)
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a', 'b'])
  })

  promised('a stopped consumer gets nothing more, and what it holds stays its own', async (stage) => {
    const hands = await stage.consume({ slots: 2 })
    await stage.submit({ id: 'a' })
    const delivery = await hands.next()
    await hands.consumer.stop()
    assert.deepEqual(await hands.consumer.ended, { reason: 'stopped' })
    await stage.submit({ id: 'b' })
    await stage.advance(LEASE_MS - 1)
    assert.deepEqual(hands.ids, ['a'])
    assert.deepEqual(await stage.engine.extend([delivery]), [{ id: 'a', accepted: true }])
    await stage.advance(LEASE_MS - 1)
    assert.deepEqual(await stage.engine.settle([returned(delivery)]), [
      { id: 'a', accepted: true, state: 'succeeded' },
    ])
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a'])
    await hands.consumer.stop()
    hands.consumer.resize(5, 5)
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a'])
  })

  promised('a task that is released by a stopping consumer goes to another at once', async (stage) => {
    const [leaving, delivery] = await stage.running({})
    const staying = await stage.consume()
    await leaving.consumer.stop()
    await stage.engine.settle([released(delivery)])
    const second = await staying.next()
    assert.deepEqual([second.id, second.attempt], ['a', 1])
  })

  promised('a sink that throws ends its consumer, and its tasks run elsewhere', async (stage) => {
    const broken: DeliverySink = {
      deliver() {
        throw new Error('no hands')
      },
      revoke() {},
    }
    const worker = { id: 'broken', pid: 1, host: 'test' }
    const request = { queues: ['default'], types: null, slots: 2, prefetch: 1, worker }
    const consumer = await stage.engine.consume(request, broken)
    await stage.submit({ id: 'a' })
    const end = await consumer.ended
    assert.equal(end.reason, 'failed')
    assert.match(String(end.error), /no hands/)
    const hands = await stage.consume()
    await stage.submit({ id: 'b' })
    const b = await hands.next()
    assert.equal(b.id, 'b')
    await stage.engine.settle([returned(b)])
    await stage.advance(GRACE_MS + 1_000)
    const a = await hands.next()
    assert.deepEqual([a.id, a.attempt], ['a', 1])
    assert.equal((await stage.record('a')).crashes, 1)
  })
}
