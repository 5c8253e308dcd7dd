import assert from 'node:assert/strict'
import { AT_ONCE, crashed, type Hands, returned, type Stage, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** Submits and fails them, in this order. */
async function failAll(stage: Stage, hands: Hands, submissions: ReturnType<typeof tasks>): Promise<void> {
  await stage.engine.submit(submissions, 'disk')
  const held = await hands.take(submissions.length)
  const byId = new Map(held.map((delivery) => [delivery.id, delivery]))
  await stage.engine.settle(submissions.map(({ id }) => threw(byId.get(id)!, { retryable: false })))
}

export function reviving(promised: Promised): void {
  promised('a failed task that is retried by hand has all its attempts and deaths again', async (stage) => {
    const options = { maxAttempts: 2, maxCrashes: 1, backoff: AT_ONCE }
    const hands = await stage.consume()
    await stage.submit({ options })
    await stage.engine.settle([crashed(await hands.next())])
    await stage.engine.settle([threw(await hands.next())])
    await stage.engine.settle([threw(await hands.next())])
    assert.deepEqual(await stage.states('a'), ['failed'])
    await hands.consumer.stop()

    await stage.advance(1_000)
    assert.deepEqual(await stage.engine.retry({ ids: ['a'] }), {
      tasks: [{ id: 'a', state: 'queued', changed: true }],
      more: false,
    })
    const record = await stage.record('a')
    assert.deepEqual(
      [record.state, record.attempt, record.crashes, record.runAtMs, record.finishedAtMs],
      ['queued', 0, 0, stage.nowMs, undefined],
    )
    const again = await stage.consume()
    await stage.engine.settle([crashed(await again.next())])
    await stage.engine.settle([threw(await again.next())])
    const last = await again.next()
    assert.equal(last.attempt, 2)
    await stage.engine.settle([returned(last)])
    assert.deepEqual(await stage.states('a'), ['succeeded'])
  })

  promised(
    'cancelled and expired tasks can be retried, without expiry; the others are left as they are',
    async (stage) => {
      const { nowMs } = stage
      const hands = await stage.consume({ slots: 2, types: ['run'] })
      await stage.submit(
        { id: 'running', type: 'run' },
        { id: 'succeeded', type: 'run' },
        { id: 'queued' },
        { id: 'scheduled', runAtMs: nowMs + 60_000 },
        { id: 'canceled' },
        { id: 'expired', options: { expiresAtMs: nowMs + 1_000 } },
      )
      const [, done] = await hands.take(2)
      await stage.engine.settle([returned(done!)])
      await stage.engine.cancel(['canceled'])
      await stage.advance(1_000)
      assert.deepEqual(await stage.states('expired'), ['expired'])

      const ids = ['running', 'succeeded', 'queued', 'scheduled', 'canceled', 'expired', 'unknown', 'expired']
      const { tasks: changes, more } = await stage.engine.retry({ ids })
      assert.equal(more, false)
      assert.deepEqual(changes, [
        { id: 'running', state: 'running', changed: false },
        { id: 'succeeded', state: 'succeeded', changed: false },
        { id: 'queued', state: 'queued', changed: false },
        { id: 'scheduled', state: 'scheduled', changed: false },
        { id: 'canceled', state: 'queued', changed: true },
        { id: 'expired', state: 'queued', changed: true },
        null,
        { id: 'expired', state: 'queued', changed: false },
      ])
      await stage.advance(100_000)
      const record = await stage.record('expired')
      assert.deepEqual([record.state, record.expiresAtMs], ['queued', undefined])
    },
  )

  promised('the settle that once made a revived task final is old', async (stage) => {
    const [hands, first] = await stage.running({ options: { maxAttempts: 1 } })
    await stage.engine.settle([threw(first)])
    await stage.engine.retry({ ids: ['a'] })
    const second = await hands.next()
    assert.deepEqual([second.attempt, second.epoch > first.epoch], [1, true])
    assert.deepEqual(await stage.engine.settle([threw(first)]), [
      { id: 'a', accepted: false, state: 'running' },
    ])
    await stage.engine.settle([returned(second)])
    assert.deepEqual(await stage.engine.settle([threw(first)]), [
      { id: 'a', accepted: false, state: 'succeeded' },
    ])
  })

  promised(
    'a running task that is cancelled, retried and cancelled again stops twice and frees both slots',
    async (stage) => {
      const hands = await stage.consume({ slots: 2 })
      await stage.submit({ id: 'a' })
      const first = await hands.next()
      await stage.engine.cancel(['a'])
      await stage.engine.retry({ ids: ['a'] })
      const second = await hands.next()
      assert.deepEqual([second.id, second.epoch > first.epoch], ['a', true])
      await stage.engine.cancel(['a'])
      await stage.submit({ id: 'b' }, { id: 'c' }, { id: 'd' })
      await stage.quiet()
      assert.deepEqual(hands.revoked, [
        { id: 'a', epoch: first.epoch },
        { id: 'a', epoch: second.epoch },
      ])
      assert.deepEqual(hands.ids, ['a', 'a'])
      assert.deepEqual(await stage.engine.settle([returned(second), returned(first)]), [
        { id: 'a', accepted: false, state: 'canceled' },
        { id: 'a', accepted: false, state: 'canceled' },
      ])
      await stage.quiet()
      assert.deepEqual(hands.ids, ['a', 'a', 'b', 'c'])
    },
  )

  promised('a filter takes up failed tasks only, by type and by queue', async (stage) => {
    const hands = await stage.consume({ queues: ['x', 'y'], slots: 10 })
    await failAll(stage, hands, [
      ...tasks(1, () => ({ id: 'x-sumar', queue: 'x' })),
      ...tasks(1, () => ({ id: 'x-other', queue: 'x', type: 'other' })),
      ...tasks(1, () => ({ id: 'y-sumar', queue: 'y' })),
    ])
    await stage.submit({ id: 'canceled', queue: 'z' })
    await stage.engine.cancel(['canceled'])
    await hands.consumer.stop()

    const taken = async (filter: { types?: string[]; queues?: string[] }) => {
      const { tasks: changes, more } = await stage.engine.retry({ filter })
      assert.equal(more, false)
      assert.ok(changes.every((change) => change?.state === 'queued' && change.changed))
      return changes.map((change) => change!.id)
    }
    assert.deepEqual(await taken({ types: ['nothing'] }), [])
    assert.deepEqual(await taken({ types: ['sumar'], queues: ['y'] }), ['y-sumar'])
    assert.deepEqual(await taken({ queues: ['x'], types: ['other'] }), ['x-other'])
    assert.deepEqual(await taken({}), ['x-sumar'])
    assert.deepEqual(await stage.states('canceled'), ['canceled'])
  })

  promised('by filter the oldest failure comes first', async (stage) => {
    const hands = await stage.consume({ slots: 3 })
    await stage.submit({ id: 'a' }, { id: 'b' }, { id: 'c' })
    const [a, b, c] = await hands.take(3)
    await hands.consumer.stop()
    for (const delivery of [c!, a!, b!]) {
      await stage.engine.settle([threw(delivery, { retryable: false })])
      await stage.advance(10)
    }
    const answer = await stage.engine.retry({ filter: {} })
    assert.deepEqual(
      answer.tasks.map((change) => change!.id),
      ['c', 'a', 'b'],
    )
  })

  promised('more failures than one call takes up are taken up by the next calls', async (stage) => {
    const hands = await stage.consume({ slots: 1_200 })
    await failAll(
      stage,
      hands,
      tasks(1_200, () => ({})),
    )
    await hands.consumer.stop()
    const first = await stage.engine.retry({ filter: {} })
    assert.deepEqual([first.tasks.length, first.more], [1_000, true])
    const second = await stage.engine.retry({ filter: {} })
    assert.deepEqual([second.tasks.length, second.more], [200, false])
    const third = await stage.engine.retry({ filter: {} })
    assert.deepEqual([third.tasks.length, third.more], [0, false])
    const ids = new Set([...first.tasks, ...second.tasks].map((change) => change!.id))
    assert.equal(ids.size, 1_200)
  })

  promised('a retried task goes to the end of its priority', async (stage) => {
    const [hands, delivery] = await stage.running({ id: 'a' })
    await stage.engine.settle([threw(delivery, { retryable: false })])
    await hands.consumer.stop()
    await stage.submit({ id: 'b' })
    await stage.advance(1)
    await stage.engine.retry({ ids: ['a'] })
    const next = await stage.consume({ slots: 2 })
    await next.take(2)
    assert.deepEqual(next.ids, ['b', 'a'])
  })
}
