import assert from 'node:assert/strict'
import { crashed, GRACE_MS, LEASE_MS, returned, tasks } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** A lost lease may be noticed this much later. */
const NOTICE_MS = 1_000

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
}
