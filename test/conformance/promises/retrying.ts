import assert from 'node:assert/strict'
import { AT_ONCE, BOOM, crashed, RANDOM, released, returned, threw, timedOut } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function retrying(promised: Promised): void {
  promised(
    'a failed attempt is followed by another after its delay, until the attempts are used up',
    async (stage) => {
      const options = { maxAttempts: 3, backoff: { kind: 'fixed', delayMs: 1_000 } } as const
      const hands = await stage.consume()
      await stage.submit({ options })
      for (const attempt of [1, 2]) {
        const delivery = await hands.next()
        assert.equal(delivery.attempt, attempt)
        assert.deepEqual(await stage.engine.settle([threw(delivery)]), [
          { id: 'a', accepted: true, state: 'scheduled' },
        ])
        const record = await stage.record('a')
        assert.deepEqual(
          [record.state, record.attempt, record.runAtMs, record.error],
          ['scheduled', attempt, stage.nowMs + 1_000, BOOM],
        )
        await stage.advance(999)
        assert.equal(hands.ids.length, attempt)
        await stage.advance(1)
      }
      const third = await hands.next()
      assert.deepEqual(await stage.engine.settle([threw(third)]), [
        { id: 'a', accepted: true, state: 'failed' },
      ])
      const record = await stage.record('a')
      assert.deepEqual(
        [record.state, record.attempt, record.error, record.finishedAtMs, record.resultText],
        ['failed', 3, BOOM, stage.nowMs, undefined],
      )
      await stage.advance(100_000)
      assert.equal(hands.ids.length, 3)
    },
  )

  promised('an error that is not retryable fails the task at once', async (stage) => {
    const [, delivery] = await stage.running({})
    assert.deepEqual(await stage.engine.settle([threw(delivery, { retryable: false })]), [
      { id: 'a', accepted: true, state: 'failed' },
    ])
    assert.deepEqual((await stage.record('a')).error, BOOM)
  })

  promised('an error may say itself when to try again', async (stage) => {
    const [hands, delivery] = await stage.running({ options: { backoff: { kind: 'fixed', delayMs: 5 } } })
    await stage.engine.settle([threw(delivery, { retryAfterMs: 7_000 })])
    assert.equal((await stage.record('a')).runAtMs, stage.nowMs + 7_000)
    await stage.advance(7_000)
    assert.equal((await hands.next()).attempt, 2)
  })

  promised('an attempt that ran out of time counts as failed', async (stage) => {
    const [hands, delivery] = await stage.running({ options: { maxAttempts: 2, backoff: AT_ONCE } })
    assert.deepEqual(await stage.engine.settle([timedOut(delivery)]), [
      { id: 'a', accepted: true, state: 'queued' },
    ])
    const second = await hands.next()
    assert.equal(second.attempt, 2)
    await stage.engine.settle([timedOut(second)])
    const record = await stage.record('a')
    assert.deepEqual([record.state, record.error?.name], ['failed', 'TimeoutError'])
  })

  promised('a list of delays is gone through, and its last one repeats', async (stage) => {
    const options = { backoff: { kind: 'list', delaysMs: [100, 700] }, maxAttempts: 4 } as const
    const hands = await stage.consume()
    await stage.submit({ options })
    for (const delayMs of [100, 700, 700]) {
      await stage.engine.settle([threw(await hands.next())])
      assert.equal((await stage.record('a')).runAtMs, stage.nowMs + delayMs)
      await stage.advance(delayMs)
    }
    assert.equal((await hands.next()).attempt, 4)
  })

  promised('without a policy delays grow exponentially, with jitter', async (stage) => {
    assert.equal(RANDOM, 0.5)
    const hands = await stage.consume()
    await stage.submit({ options: { maxAttempts: 4 } })
    // Ceilings of 1, 2 and 4 s: half of it fixed, half of it times the random number.
    for (const delayMs of [750, 1_500, 3_000]) {
      await stage.engine.settle([threw(await hands.next())])
      assert.equal((await stage.record('a')).runAtMs, stage.nowMs + delayMs)
      await stage.advance(delayMs)
    }
  })

  promised('a retry without delay goes behind what was due before', async (stage) => {
    const [hands, delivery] = await stage.running({ options: { backoff: AT_ONCE } })
    await stage.submit({ id: 'b' })
    await stage.advance(1)
    await stage.engine.settle([threw(delivery)])
    assert.equal((await hands.next()).id, 'b')
    await stage.engine.settle([returned(hands.deliveries[1]!)])
    assert.equal((await hands.next()).id, 'a')
  })

  promised('a retried task takes its place by its new due time', async (stage) => {
    const [hands, delivery] = await stage.running({
      id: 'failed',
      options: { backoff: { kind: 'fixed', delayMs: 500 } },
    })
    await hands.consumer.stop()
    await stage.engine.settle([threw(delivery)])
    await stage.advance(200)
    await stage.submit({ id: 'before' })
    await stage.advance(400)
    await stage.submit({ id: 'after' })
    const next = await stage.consume({ slots: 3 })
    await next.take(3)
    assert.deepEqual(next.ids, ['before', 'failed', 'after'])
  })

  promised('a worker’s death uses up no attempt and keeps the task’s place', async (stage) => {
    const [hands, delivery] = await stage.running({ id: 'a' })
    await stage.advance(1)
    await stage.submit({ id: 'b' })
    assert.deepEqual(await stage.engine.settle([crashed(delivery)]), [
      { id: 'a', accepted: true, state: 'queued' },
    ])
    const second = await hands.next()
    assert.deepEqual([second.id, second.attempt], ['a', 1])
    const record = await stage.record('a')
    assert.deepEqual([record.crashes, record.attempt], [1, 1])
  })

  promised('a task whose workers die too often fails as poison, with the evidence', async (stage) => {
    const hands = await stage.consume()
    await stage.submit({ options: { maxCrashes: 2 } })
    await stage.engine.settle([crashed(await hands.next())])
    await stage.engine.settle([crashed(await hands.next())])
    const third = await hands.next()
    assert.equal(third.attempt, 1)
    assert.deepEqual(await stage.engine.settle([crashed(third)]), [
      { id: 'a', accepted: true, state: 'failed' },
    ])
    const record = await stage.record('a')
    assert.deepEqual([record.state, record.crashes, record.attempt], ['failed', 3, 1])
    assert.equal(record.error?.name, 'PoisonTask')
    assert.match(record.error.message, /died 3 times.*out of memory/)
  })

  promised('failures and deaths are counted apart', async (stage) => {
    const options = { maxAttempts: 2, maxCrashes: 1, backoff: AT_ONCE }
    const hands = await stage.consume()
    await stage.submit({ options })
    await stage.engine.settle([crashed(await hands.next())])
    await stage.engine.settle([threw(await hands.next())])
    const last = await hands.next()
    assert.equal(last.attempt, 2)
    await stage.engine.settle([returned(last)])
    const record = await stage.record('a')
    assert.deepEqual([record.state, record.attempt, record.crashes], ['succeeded', 2, 1])
  })

  promised('a released delivery uses up nothing and keeps the task’s place', async (stage) => {
    const [hands, delivery] = await stage.running({ id: 'a', options: { maxAttempts: 1, maxCrashes: 0 } })
    await stage.advance(1)
    await stage.submit({ id: 'b' })
    let current = delivery
    for (let time = 0; time < 5; time++) {
      assert.deepEqual(await stage.engine.settle([released(current)]), [
        { id: 'a', accepted: true, state: 'queued' },
      ])
      current = await hands.next()
      assert.deepEqual([current.id, current.attempt], ['a', 1])
    }
    await hands.consumer.stop()
    await stage.engine.settle([released(current)])
    const record = await stage.record('a')
    assert.deepEqual(
      [record.state, record.attempt, record.crashes, record.error],
      ['queued', 0, 0, undefined],
    )
  })

  promised('a released second attempt is the second attempt again', async (stage) => {
    const [hands, first] = await stage.running({ options: { backoff: AT_ONCE } })
    await stage.engine.settle([threw(first)])
    await stage.engine.settle([released(await hands.next())])
    assert.equal((await hands.next()).attempt, 2)
  })
}
