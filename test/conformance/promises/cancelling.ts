import assert from 'node:assert/strict'
import { LEASE_MS, released, returned, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function cancelling(promised: Promised): void {
  promised('a waiting task is cancelled and never delivered', async (stage) => {
    await stage.submit({ id: 'queued' }, { id: 'scheduled', runAtMs: stage.nowMs + 1_000 })
    const changes = await stage.engine.cancel(['queued', 'unknown', 'scheduled'])
    assert.deepEqual(changes, [
      { id: 'queued', state: 'canceled', changed: true },
      null,
      { id: 'scheduled', state: 'canceled', changed: true },
    ])
    const hands = await stage.consume({ slots: 5 })
    await stage.advance(10_000)
    assert.deepEqual(hands.ids, [])
    const record = await stage.record('queued')
    assert.deepEqual([record.attempt, record.finishedAtMs], [0, record.createdAtMs])
  })

  promised('cancelling again changes nothing, in one batch or later', async (stage) => {
    await stage.submit({ id: 'a' })
    assert.deepEqual(await stage.engine.cancel(['a', 'a']), [
      { id: 'a', state: 'canceled', changed: true },
      { id: 'a', state: 'canceled', changed: false },
    ])
    assert.deepEqual(await stage.engine.cancel(['a']), [{ id: 'a', state: 'canceled', changed: false }])
    assert.deepEqual(await stage.engine.cancel([]), [])
  })

  promised('a final task stays what it is', async (stage) => {
    const hands = await stage.consume({ slots: 2 })
    await stage.submit({ id: 'good' }, { id: 'bad' })
    const [good, bad] = await hands.take(2)
    await stage.engine.settle([returned(good!), threw(bad!, { retryable: false })])
    assert.deepEqual(await stage.engine.cancel(['good', 'bad']), [
      { id: 'good', state: 'succeeded', changed: false },
      { id: 'bad', state: 'failed', changed: false },
    ])
  })

  promised(
    'a running task is cancelled at once: recorded, its worker told, its settle refused',
    async (stage) => {
      const [hands, delivery] = await stage.running({})
      await stage.advance(100)
      assert.deepEqual(await stage.engine.cancel(['a']), [{ id: 'a', state: 'canceled', changed: true }])
      const record = await stage.record('a')
      assert.deepEqual([record.state, record.attempt, record.finishedAtMs], ['canceled', 1, stage.nowMs])
      await stage.quiet()
      assert.deepEqual(hands.revoked, [{ id: 'a', epoch: delivery.epoch }])
      assert.deepEqual(await stage.engine.extend([delivery]), [{ id: 'a', accepted: false }])
      assert.deepEqual(await stage.engine.settle([returned(delivery)]), [
        { id: 'a', accepted: false, state: 'canceled' },
      ])
      assert.equal((await stage.record('a')).resultText, undefined)
      await stage.advance(3 * LEASE_MS)
      assert.deepEqual(hands.ids, ['a'])
    },
  )

  for (const [how, outcome] of [
    ['settles', returned],
    ['releases', released],
  ] as const) {
    promised(`a cancelled delivery keeps its slot until its worker ${how} it`, async (stage) => {
      const [hands, delivery] = await stage.running({})
      await stage.submit({ id: 'b' })
      await stage.engine.cancel(['a'])
      await stage.advance(LEASE_MS / 2)
      assert.deepEqual(hands.ids, ['a'])
      assert.deepEqual(await stage.engine.settle([outcome(delivery)]), [
        { id: 'a', accepted: false, state: 'canceled' },
      ])
      assert.equal((await hands.next()).id, 'b')
      await stage.engine.settle([outcome(delivery)])
      await stage.submit({ id: 'c' })
      await stage.quiet()
      assert.deepEqual(hands.ids, ['a', 'b'], 'the slot came back once')
    })
  }

  promised(
    'a cancelled delivery that nobody gives back frees its slot when its lease time passes',
    async (stage) => {
      const [hands] = await stage.running({})
      await stage.submit({ id: 'b' })
      await stage.engine.cancel(['a'])
      await stage.advance(LEASE_MS + 1_000)
      assert.equal((await hands.next()).id, 'b')
    },
  )

  promised('cancelled first, settled after: cancelled', async (stage) => {
    const [, delivery] = await stage.running({})
    const [changes, settled] = await Promise.all([
      stage.engine.cancel(['a']),
      stage.engine.settle([returned(delivery)]),
    ])
    assert.deepEqual(changes, [{ id: 'a', state: 'canceled', changed: true }])
    assert.deepEqual(settled, [{ id: 'a', accepted: false, state: 'canceled' }])
    assert.deepEqual(await stage.states('a'), ['canceled'])
  })

  promised('settled first, cancelled after: succeeded', async (stage) => {
    const [, delivery] = await stage.running({})
    const [settled, changes] = await Promise.all([
      stage.engine.settle([returned(delivery)]),
      stage.engine.cancel(['a']),
    ])
    assert.deepEqual(settled, [{ id: 'a', accepted: true, state: 'succeeded' }])
    assert.deepEqual(changes, [{ id: 'a', state: 'succeeded', changed: false }])
    assert.deepEqual(await stage.states('a'), ['succeeded'])
  })

  promised('a failed attempt that is cancelled while it waits for the next is cancelled', async (stage) => {
    const [hands, delivery] = await stage.running({ options: { backoff: { kind: 'fixed', delayMs: 1_000 } } })
    await stage.engine.settle([threw(delivery)])
    assert.deepEqual(await stage.engine.cancel(['a']), [{ id: 'a', state: 'canceled', changed: true }])
    await stage.advance(5_000)
    assert.deepEqual(hands.ids, ['a'])
    assert.equal((await stage.record('a')).attempt, 1)
  })

  promised('cancelling far behind the head of a long queue works like anywhere', async (stage) => {
    await stage.engine.submit(
      tasks(2_500, () => ({})),
      'disk',
    )
    const ids = ['t1', 't1300', 't2499']
    await stage.engine.cancel(ids)
    const hands = await stage.consume({ slots: 2_500 })
    await hands.take(2_497)
    await stage.quiet()
    assert.equal(hands.ids.length, 2_497)
    assert.deepEqual(
      hands.ids.filter((id) => ids.includes(id)),
      [],
    )
  })

  promised('a consumer whose worker is stopping is told of cancels all the same', async (stage) => {
    const [hands, delivery] = await stage.running({})
    await hands.consumer.stop()
    await stage.engine.cancel(['a'])
    await stage.quiet()
    assert.deepEqual(hands.revoked, [{ id: 'a', epoch: delivery.epoch }])
  })
}
