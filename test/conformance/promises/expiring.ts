import assert from 'node:assert/strict'
import { AT_ONCE, crashed, idsOf, released, returned, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function expiring(promised: Promised): void {
  promised('a task not started before its deadline expires at it, and is never delivered', async (stage) => {
    await stage.submit({ id: 'a', options: { expiresAtMs: stage.nowMs + 5_000 } })
    const waiting = stage.engine.wait(['a'], 60_000)
    await stage.advance(4_999)
    assert.deepEqual(await stage.states('a'), ['queued'])
    await stage.advance(1)
    const record = await stage.record('a')
    assert.deepEqual([record.state, record.attempt, record.finishedAtMs], ['expired', 0, stage.nowMs])
    assert.equal((await waiting)[0]?.state, 'expired')
    const hands = await stage.consume()
    await stage.quiet()
    assert.deepEqual(hands.ids, [])
  })

  promised('a task expires while it is scheduled', async (stage) => {
    const { nowMs } = stage
    await stage.submit(
      { id: 'before', runAtMs: nowMs + 10_000, options: { expiresAtMs: nowMs + 5_000 } },
      { id: 'at', runAtMs: nowMs + 5_000, options: { expiresAtMs: nowMs + 5_000 } },
      { id: 'after', runAtMs: nowMs + 5_000, options: { expiresAtMs: nowMs + 5_001 } },
    )
    const hands = await stage.consume({ slots: 3 })
    await stage.advance(5_000)
    assert.deepEqual(hands.ids, ['after'])
    assert.deepEqual(await stage.states('before', 'at'), ['expired', 'expired'])
    await stage.advance(100_000)
    assert.deepEqual(
      hands.ids.filter((id) => id !== 'after'),
      [],
    )
  })

  promised(
    'a deadline in the past is accepted, and the task expires without being delivered',
    async (stage) => {
      const hands = await stage.consume()
      const [receipt] = await stage.submit({ id: 'a', options: { expiresAtMs: stage.nowMs - 1 } })
      assert.ok('state' in receipt! && !receipt.duplicate)
      await stage.quiet()
      assert.deepEqual(await stage.states('a'), ['expired'])
      assert.deepEqual(hands.ids, [])
    },
  )

  promised(
    'what was started in time runs on, and may fail and be retried, after the deadline',
    async (stage) => {
      const expiresAtMs = stage.nowMs + 1_000
      const [hands, first] = await stage.running({
        options: { expiresAtMs, backoff: { kind: 'fixed', delayMs: 5_000 } },
      })
      await stage.advance(2_000)
      assert.deepEqual(await stage.states('a'), ['running'])
      await stage.engine.settle([threw(first)])
      await stage.advance(5_000)
      const second = await hands.next()
      assert.equal(second.attempt, 2)
      await stage.engine.settle([returned(second)])
      assert.deepEqual(await stage.states('a'), ['succeeded'])
    },
  )

  promised('a first attempt that is released after the deadline expires', async (stage) => {
    const [hands, delivery] = await stage.running({ options: { expiresAtMs: stage.nowMs + 1_000 } })
    await stage.advance(2_000)
    await stage.engine.settle([released(delivery)])
    await stage.quiet()
    assert.deepEqual(await stage.states('a'), ['expired'])
    assert.deepEqual(hands.ids, ['a'])
  })

  promised(
    'a first attempt that is released after the deadline expires even when nobody asks for work',
    async (stage) => {
      const [hands, delivery] = await stage.running({ options: { expiresAtMs: stage.nowMs + 1_000 } })
      await hands.consumer.stop()
      await stage.advance(2_000)
      await stage.engine.settle([released(delivery)])
      await stage.advance(1)
      assert.deepEqual(await stage.states('a'), ['expired'])
    },
  )

  promised('a first attempt that is released before the deadline may still expire', async (stage) => {
    const [hands, delivery] = await stage.running({ options: { expiresAtMs: stage.nowMs + 1_000 } })
    await hands.consumer.stop()
    await stage.engine.settle([released(delivery)])
    assert.deepEqual(await stage.states('a'), ['queued'])
    await stage.advance(1_000)
    assert.deepEqual(await stage.states('a'), ['expired'])
  })

  promised(
    'a first attempt whose worker died was a start: the task does not expire any more',
    async (stage) => {
      const [hands, delivery] = await stage.running({ options: { expiresAtMs: stage.nowMs + 1_000 } })
      await hands.consumer.stop()
      await stage.engine.settle([crashed(delivery)])
      await stage.advance(5_000)
      assert.deepEqual(await stage.states('a'), ['queued'])
      const next = await stage.consume()
      assert.equal((await next.next()).id, 'a')
    },
  )

  promised('a second attempt that is released after the deadline runs again', async (stage) => {
    const [hands, first] = await stage.running({
      options: { expiresAtMs: stage.nowMs + 1_000, backoff: AT_ONCE },
    })
    await stage.engine.settle([threw(first)])
    const second = await hands.next()
    await stage.advance(2_000)
    await stage.engine.settle([released(second)])
    assert.equal((await hands.next()).attempt, 2)
  })

  promised('thousands of tasks expire together, wherever they wait', async (stage) => {
    const expiresAtMs = stage.nowMs + 1_000
    await stage.engine.submit(
      tasks(2_500, (index) => ({
        options: { expiresAtMs },
        runAtMs: index % 2 === 0 ? 0 : stage.nowMs + 60_000,
      })),
      'disk',
    )
    await stage.submit({ id: 'stays' })
    await stage.advance(1_000)
    const hands = await stage.consume({ slots: 100 })
    assert.equal((await hands.next()).id, 'stays')
    const all = await stage.engine.wait(
      tasks(2_500, () => ({})).map((submission) => submission.id),
      60_000,
    )
    assert.ok(all.every((record) => record?.state === 'expired'))
    assert.equal(idsOf(all).length, 2_500)
    assert.deepEqual(hands.ids, ['stays'])
  })

  promised('an expired task that is submitted again is a duplicate, and stays expired', async (stage) => {
    const options = { expiresAtMs: stage.nowMs + 1_000 }
    await stage.submit({ id: 'a', options })
    await stage.advance(1_000)
    const [receipt] = await stage.submit({ id: 'a', options: { expiresAtMs: stage.nowMs + 1_000 } })
    assert.ok('state' in receipt!)
    assert.deepEqual([receipt.state, receipt.duplicate], ['expired', true])
  })
}
