import assert from 'node:assert/strict'
import { PLAIN_QUEUE, type QueueSettings } from '../../../src/task/queue.ts'
import { AT_ONCE, idsOf, released, returned, type Stage, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function pausing(promised: Promised): void {
  promised('a paused queue takes tasks and delivers none, until it is resumed', async (stage) => {
    const hands = await stage.consume({ slots: 9 })
    const answer = await stage.engine.steer({ kind: 'pause', queue: 'default' })
    assert.deepEqual(answer, {
      queue: 'default',
      settings: { ...PLAIN_QUEUE, mode: 'paused' },
      purged: 0,
      cursor: null,
    })
    const receipts = await stage.submit({ id: 'a' }, { id: 'b', priority: 9, type: 'new' })
    assert.deepEqual(
      receipts.map((receipt) => 'state' in receipt && receipt.state),
      ['queued', 'queued'],
    )
    await stage.quiet()
    assert.deepEqual(hands.ids, [])
    const later = await stage.consume({ slots: 9 })
    await stage.advance(1_000)
    assert.deepEqual([...hands.ids, ...later.ids], [])
    await later.consumer.stop()

    await stage.engine.steer({ kind: 'resume', queue: 'default' })
    await hands.take(2)
    assert.deepEqual([...hands.ids].sort(), ['a', 'b'])
  })

  promised('a pause concerns its queue only', async (stage) => {
    await stage.engine.steer({ kind: 'pause', queue: 'default' })
    const hands = await stage.consume({ queues: ['default', 'other'], slots: 9 })
    await stage.submit({ id: 'a' }, { id: 'o', queue: 'other' })
    await hands.next()
    await stage.quiet()
    assert.deepEqual(hands.ids, ['o'])
  })

  promised('what runs goes on; what comes back waits', async (stage) => {
    const options = { backoff: AT_ONCE, maxAttempts: 3 }
    const hands = await stage.consume({ slots: 3 })
    await stage.submit({ id: 'done', options }, { id: 'again', options }, { id: 'back', options })
    const held = await hands.take(3)
    const of = (id: string) => held.find((delivery) => delivery.id === id)!
    await stage.engine.steer({ kind: 'pause', queue: 'default' })
    await stage.engine.extend(held)
    const settled = await stage.engine.settle([
      returned(of('done')),
      threw(of('again'), { retryAfterMs: 0 }),
      released(of('back')),
    ])
    assert.deepEqual(
      settled.map(({ accepted, state }) => [accepted, state]),
      [
        [true, 'succeeded'],
        [true, 'queued'],
        [true, 'queued'],
      ],
    )
    await stage.submit({ id: 'due', runAtMs: stage.nowMs + 500 })
    await stage.advance(1_000)
    assert.deepEqual(await stage.states('again', 'back', 'due'), ['queued', 'queued', 'queued'])
    assert.equal(hands.ids.length, 3)
    await stage.engine.steer({ kind: 'resume', queue: 'default' })
    await hands.take(3)
    assert.deepEqual(hands.ids.slice(3).sort(), ['again', 'back', 'due'])
  })

  promised('tasks of a paused queue can be cancelled, and expire', async (stage) => {
    await stage.engine.steer({ kind: 'pause', queue: 'default' })
    await stage.submit({ id: 'a' }, { id: 'b', options: { expiresAtMs: stage.nowMs + 100 } }, { id: 'c' })
    assert.deepEqual(await stage.engine.cancel(['a']), [{ id: 'a', state: 'canceled', changed: true }])
    await stage.advance(200)
    assert.deepEqual(await stage.states('a', 'b', 'c'), ['canceled', 'expired', 'queued'])
    await stage.engine.steer({ kind: 'resume', queue: 'default' })
    const hands = await stage.consume({ slots: 9 })
    assert.equal((await hands.next()).id, 'c')
  })

  promised('thousands wait out a pause, and each is delivered once', async (stage) => {
    const hands = await stage.consume({ slots: 100 })
    await stage.engine.submit(
      tasks(1_500, () => ({})),
      'disk',
    )
    const before = await hands.take(100)
    await stage.engine.steer({ kind: 'pause', queue: 'default' })
    await stage.engine.settle(before.map((delivery) => returned(delivery)))
    await stage.quiet()
    assert.equal(hands.ids.length, 100)
    await stage.engine.steer({ kind: 'resume', queue: 'default' })
    for (let left = 1_400; left > 0; left -= 100) {
      const some = await hands.take(100)
      await stage.engine.settle(some.map((delivery) => returned(delivery)))
    }
    assert.equal(new Set(hands.ids).size, 1_500)
    assert.equal(await countOf(stage, 'succeeded'), 1_500)
  })

  promised('a draining queue refuses new tasks, knows old ones, and delivers what it has', async (stage) => {
    await stage.submit({ id: 'a' })
    const { settings } = await stage.engine.steer({ kind: 'drain', queue: 'default' })
    assert.equal(settings.mode, 'draining')
    const answers = await stage.submit({ id: 'b' }, { id: 'a' }, { id: 'o', queue: 'other' })
    assert.deepEqual(answers[0], {
      id: 'b',
      refused: {
        code: 'QUEUE_DRAINING',
        message: 'queue default takes no new tasks: it is draining',
      },
    })
    assert.deepEqual(idsOf(answers.slice(1)), ['a', 'o'])
    assert.deepEqual(
      answers.slice(1).map((receipt) => 'duplicate' in receipt && receipt.duplicate),
      [true, false],
    )
    assert.deepEqual(await stage.states('b'), [null])
    const hands = await stage.consume()
    await stage.engine.settle([threw(await hands.next(), { retryable: false })])
    assert.equal((await stage.engine.retry({ ids: ['a'] })).tasks[0]?.changed, true)
    await stage.engine.settle([returned(await hands.next())])
    await stage.engine.steer({ kind: 'resume', queue: 'default' })
    assert.deepEqual(idsOf(await stage.submit({ id: 'b' })), ['b'])
    assert.equal((await hands.next()).id, 'b')
  })

  promised('queues are shown with what they were told, also before their first task', async (stage) => {
    await stage.engine.steer({ kind: 'pause', queue: 'empty' })
    await stage.submit({ id: 'a' })
    const { queues } = await stage.engine.inspect()
    const told = new Map(queues.map(({ queue, settings }) => [queue, settings]))
    assert.deepEqual(
      told,
      new Map<string, QueueSettings>([
        ['default', PLAIN_QUEUE],
        ['empty', { ...PLAIN_QUEUE, mode: 'paused' }],
      ]),
    )
    const empty = queues.find(({ queue }) => queue === 'empty')
    assert.deepEqual([empty?.queued, empty?.oldestQueuedAtMs, empty?.totals.submitted], [0, null, 0])
  })

  promised('a purge cancels what waits, in batches, and nothing that runs', async (stage) => {
    const [hands, running] = await stage.running({ id: 'running', type: 'other' }, { types: ['other'] })
    await stage.engine.submit(
      tasks(700, (index) => (index < 50 ? { runAtMs: stage.nowMs + 60_000 } : {})),
      'disk',
    )
    await stage.submit({ id: 'elsewhere', queue: 'other' })
    let purged = 0
    let calls = 0
    for (let cursor: string | null | undefined; cursor !== null; calls++) {
      const order = { kind: 'purge', queue: 'default', ...(cursor !== undefined && { cursor }) } as const
      const answer = await stage.engine.steer(order)
      assert.ok(answer.purged <= 500)
      purged += answer.purged
      cursor = answer.cursor
    }
    assert.equal(purged, 700)
    assert.ok(calls > 1)
    assert.equal(await countOf(stage, 'canceled'), 700)
    assert.deepEqual(await stage.states('t0', 't699', 'running', 'elsewhere'), [
      'canceled',
      'canceled',
      'running',
      'queued',
    ])
    assert.deepEqual(hands.revoked, [])
    const [settled] = await stage.engine.settle([returned(running)])
    assert.equal(settled!.state, 'succeeded')
    const all = await stage.consume({ slots: 9 })
    await stage.quiet()
    assert.deepEqual(all.ids, [])
  })
}

async function countOf(stage: Stage, state: 'succeeded' | 'canceled'): Promise<number> {
  const { queues } = await stage.engine.inspect()
  return queues.find(({ queue }) => queue === 'default')!.totals[state]
}
