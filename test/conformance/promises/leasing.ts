import assert from 'node:assert/strict'
import type { Delivery } from '../../../src/engine/engine.ts'
import { crashed, GRACE_MS, type Hands, LEASE_MS, returned, type Stage, tasks } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** A lost lease may be noticed this much later. */
const NOTICE_MS = 1_000

/** One more death of a worker and it fails. */
const ONE_DEATH = { options: { maxCrashes: 1 } }

/** Two consumers hold a task each and have room for two more, when the worker of `suspect` has died. */
async function busyPair(
  stage: Stage,
): Promise<{ hands: readonly [Hands, Hands]; long: readonly [Delivery, Delivery] }> {
  const hands = [await stage.consume({ slots: 3 }), await stage.consume({ slots: 3 })] as const
  await stage.submit({ id: 'long0' }, { id: 'long1' })
  const long = [await hands[0].next(), await hands[1].next()] as const
  await stage.submit({ id: 'suspect', ...ONE_DEATH })
  await stage.quiet()
  const delivery = hands.flatMap(({ deliveries }) => deliveries).find(({ id }) => id === 'suspect')
  await stage.engine.settle([crashed(delivery!)])
  await stage.submit({ id: 'b' }, { id: 'c' }, { id: 'd' })
  await stage.quiet()
  return { hands, long }
}

export function leasing(promised: Promised): void {
  promised(
    'a lease that is not renewed is lost: the task runs elsewhere, and a death is counted',
    async (stage) => {
      const [silent, lost] = await stage.running({})
      const other = await stage.consume()
      await stage.advance(LEASE_MS - 1)
      assert.deepEqual(other.ids, [])
      await silent.consumer.stop()
      await stage.advance(1 + NOTICE_MS)
      const delivery = await other.next()
      assert.deepEqual([delivery.id, delivery.attempt], ['a', 1])
      assert.ok(delivery.epoch > lost.epoch)
      const record = await stage.record('a')
      assert.deepEqual([record.crashes, record.worker], [1, other.worker])
      assert.deepEqual(await stage.engine.extend([lost]), [{ id: 'a', accepted: false }])
      assert.deepEqual(await stage.engine.settle([returned(lost)]), [
        { id: 'a', accepted: false, state: 'running' },
      ])
    },
  )

  promised('who lost a lease is told to stop', async (stage) => {
    const [silent, lost] = await stage.running({})
    await stage.advance(LEASE_MS + NOTICE_MS)
    assert.deepEqual(silent.revoked, [{ id: 'a', epoch: lost.epoch }])
  })

  promised('a consumer that lost a lease has its credit back', async (stage) => {
    const [silent] = await stage.running({ options: { maxCrashes: 0 } })
    await stage.submit({ id: 'b' })
    await stage.advance(LEASE_MS + NOTICE_MS)
    assert.equal((await silent.next()).id, 'b')
    assert.deepEqual(await stage.states('a'), ['failed'])
  })

  promised('a renewed lease holds on', async (stage) => {
    const [, delivery] = await stage.running({})
    const other = await stage.consume()
    for (let time = 0; time < 5; time++) {
      await stage.advance(LEASE_MS - 1)
      assert.deepEqual(await stage.engine.extend([delivery]), [{ id: 'a', accepted: true }])
    }
    assert.deepEqual(await stage.engine.settle([returned(delivery)]), [
      { id: 'a', accepted: true, state: 'succeeded' },
    ])
    await stage.advance(3 * LEASE_MS)
    assert.deepEqual(other.ids, [])
    assert.equal((await stage.record('a')).crashes, 0)
  })

  promised('leases are renewed one by one, and answered in the order asked', async (stage) => {
    const hands = await stage.consume({ slots: 3 })
    await stage.engine.submit(
      tasks(3, () => ({})),
      'disk',
    )
    const [t0, t1, t2] = await hands.take(3)
    await stage.engine.settle([returned(t1!)])
    await stage.advance(LEASE_MS - 1)
    const answers = await stage.engine.extend([
      t1!,
      t0!,
      { id: 'x', epoch: 1 },
      { id: 't2', epoch: t2!.epoch + 1_000 },
    ])
    assert.deepEqual(answers, [
      { id: 't1', accepted: false },
      { id: 't0', accepted: true },
      { id: 'x', accepted: false },
      { id: 't2', accepted: false },
    ])
    await hands.consumer.stop()
    await stage.advance(1 + NOTICE_MS)
    assert.deepEqual(await stage.states('t0', 't2'), ['running', 'queued'])
    assert.deepEqual(await stage.engine.extend([]), [])
  })

  promised('a lost worker’s tasks run elsewhere after the time of grace', async (stage) => {
    const [gone] = await stage.running({})
    const other = await stage.consume()
    await gone.consumer.stop({ lost: true })
    assert.deepEqual(await gone.consumer.ended, { reason: 'stopped' })
    await stage.advance(GRACE_MS - 1)
    assert.deepEqual(await stage.states('a'), ['running'])
    assert.deepEqual(other.ids, [])
    await stage.advance(1 + NOTICE_MS)
    assert.equal((await other.next()).id, 'a')
    assert.equal((await stage.record('a')).crashes, 1)
  })

  promised('a consumer that stopped and is lost afterwards is lost', async (stage) => {
    const [gone] = await stage.running({})
    await gone.consumer.stop()
    await gone.consumer.stop({ lost: true })
    await stage.advance(GRACE_MS + NOTICE_MS)
    assert.deepEqual(await stage.states('a'), ['queued'])
  })

  promised('the time of grace never makes a lease longer', async (stage) => {
    const [gone] = await stage.running({})
    await stage.advance(LEASE_MS - 1_000)
    await gone.consumer.stop({ lost: true })
    await stage.advance(1_000 + NOTICE_MS)
    assert.deepEqual(await stage.states('a'), ['queued'])
  })

  promised(
    'a worker that comes back in time takes up its leases, and its settle is recorded',
    async (stage) => {
      const [gone, delivery] = await stage.running({})
      await gone.consumer.stop({ lost: true })
      await stage.advance(GRACE_MS - 1)
      const back = await stage.consume()
      assert.deepEqual(await stage.engine.extend([delivery], back.consumer.id), [{ id: 'a', accepted: true }])
      await stage.advance(LEASE_MS - 1)
      assert.deepEqual((await stage.record('a')).worker, back.worker)
      assert.deepEqual(await stage.engine.settle([returned(delivery)]), [
        { id: 'a', accepted: true, state: 'succeeded' },
      ])
      const record = await stage.record('a')
      assert.deepEqual([record.crashes, record.attempt], [0, 1])
      await stage.advance(3 * LEASE_MS)
      assert.deepEqual(back.ids, [])
    },
  )

  promised('adopted leases use the credit of who adopted them', async (stage) => {
    const [gone, delivery] = await stage.running({})
    await gone.consumer.stop({ lost: true })
    const back = await stage.consume({ types: ['other'] })
    await stage.engine.extend([delivery], back.consumer.id)
    await stage.submit({ id: 'b', type: 'other' })
    await stage.quiet()
    assert.deepEqual(back.ids, [])
    await stage.engine.settle([returned(delivery)])
    assert.equal((await back.next()).id, 'b')
  })

  promised('a cancel reaches who adopted the lease', async (stage) => {
    const [gone, delivery] = await stage.running({})
    await gone.consumer.stop({ lost: true })
    const back = await stage.consume()
    await stage.engine.extend([delivery], back.consumer.id)
    await stage.engine.cancel(['a'])
    await stage.quiet()
    assert.deepEqual(back.revoked, [{ id: 'a', epoch: delivery.epoch }])
  })

  promised(
    'too many lost leases make a task poison, and its last worker is told so when it settles',
    async (stage) => {
      const [, first] = await stage.running({ options: { maxCrashes: 0 } })
      await stage.advance(LEASE_MS + NOTICE_MS)
      const record = await stage.record('a')
      assert.deepEqual(
        [record.state, record.crashes, record.attempt, record.error?.name],
        ['failed', 1, 1, 'PoisonTask'],
      )
      assert.deepEqual(await stage.engine.settle([returned(first)]), [
        { id: 'a', accepted: false, state: 'failed' },
      ])
    },
  )

  promised('a settle and a death reported for the same attempt count once', async (stage) => {
    const [hands, first] = await stage.running({})
    await stage.engine.settle([crashed(first)])
    const second = await hands.next()
    await stage.engine.settle([crashed(first)])
    assert.equal((await stage.record('a')).crashes, 1)
    await stage.engine.settle([returned(second)])
    assert.deepEqual(await stage.states('a'), ['succeeded'])
  })

  promised(
    'a task that one more death would make fail runs alone: who has it gets nothing else',
    async (stage) => {
      const [hands, first] = await stage.running(ONE_DEATH, { slots: 3 })
      await stage.engine.settle([crashed(first)])
      const second = await hands.next()
      assert.equal(second.id, 'a')
      await stage.submit({ id: 'b' })
      await stage.quiet()
      assert.deepEqual(hands.ids, ['a', 'a'])
      await stage.engine.settle([returned(second)])
      assert.equal((await hands.next()).id, 'b')
    },
  )

  promised(
    'such a task waits until a consumer holds nothing: one is kept free for it, others go on',
    async (stage) => {
      const { hands, long } = await busyPair(stage)
      const kept = hands[0].ids.includes('b') ? 1 : 0
      assert.deepEqual(
        hands[1 - kept]!.ids.filter((id) => id.length === 1),
        ['b', 'c'],
      )
      assert.ok(!hands[kept]!.ids.some((id) => id.length === 1))
      assert.deepEqual(await stage.states('suspect', 'd'), ['queued', 'queued'])
      await stage.engine.settle([returned(long[kept]!)])
      await stage.quiet()
      assert.equal(hands[kept]!.ids.at(-1), 'suspect')
      assert.deepEqual(await stage.states('suspect', 'd'), ['running', 'queued'])
    },
  )

  promised('a consumer is not kept free for what was cancelled', async (stage) => {
    const { hands } = await busyPair(stage)
    await stage.engine.cancel(['suspect'])
    await stage.quiet()
    const ids = [...hands[0].ids, ...hands[1].ids]
    assert.deepEqual(ids.filter((id) => id.length === 1).sort(), ['b', 'c', 'd'])
  })

  promised('nor does a consumer that is gone keep others from it', async (stage) => {
    const { hands, long } = await busyPair(stage)
    const kept = hands[0].ids.includes('b') ? 1 : 0
    await hands[kept]!.consumer.stop()
    const other = hands[1 - kept]!
    const rest = other.deliveries.filter(({ id }) => id === 'b' || id === 'c')
    await stage.engine.settle([...rest, long[1 - kept]!].map((delivery) => returned(delivery)))
    await stage.quiet()
    assert.equal(other.ids.at(-1), 'suspect')
  })

  promised('it runs alone also where its worker came back', async (stage) => {
    const [gone, first] = await stage.running(ONE_DEATH, { slots: 3 })
    await stage.engine.settle([crashed(first)])
    const second = await gone.next()
    await gone.consumer.stop({ lost: true })
    const back = await stage.consume({ slots: 3 })
    await stage.engine.extend([second], back.consumer.id)
    await stage.submit({ id: 'b' })
    await stage.quiet()
    assert.deepEqual(back.ids, [])
    await stage.engine.settle([returned(second)])
    assert.equal((await back.next()).id, 'b')
  })
}
