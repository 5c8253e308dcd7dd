import assert from 'node:assert/strict'
import { PLAIN_QUEUE, type QueueChange } from '../../../src/task/queue.ts'
import type { Receipt, Refusal } from '../../../src/task/task.ts'
import { BOOM, returned, type Stage, threw, until } from '../harness.ts'
import type { Promised } from '../suite.ts'

const HOUR_MS = 3_600_000

const define = (stage: Stage, change: QueueChange) =>
  stage.engine.steer({ kind: 'define', queue: 'default', change })

export function defining(promised: Promised): void {
  promised('a queue keeps what it was told; null takes it away', async (stage) => {
    await define(stage, { defaults: { maxAttempts: 2, timeoutMs: 700 }, tasksMax: 10, retentionMs: HOUR_MS })
    await stage.engine.steer({ kind: 'pause', queue: 'default' })
    const { settings } = await define(stage, { defaults: { timeoutMs: null, priority: 7 }, tasksMax: null })
    assert.deepEqual(settings, {
      ...PLAIN_QUEUE,
      mode: 'paused',
      defaults: { maxAttempts: 2, priority: 7 },
      retentionMs: HOUR_MS,
    })
    assert.deepEqual((await stage.engine.inspect()).queues[0]!.settings, settings)
  })

  promised('tasks get the defaults of their queue where they do not say otherwise', async (stage) => {
    await define(stage, {
      defaults: {
        priority: 7,
        maxAttempts: 2,
        timeoutMs: 700,
        ttlMs: 5_000,
        backoff: { kind: 'fixed', delayMs: 1_000 },
      },
    })
    const { nowMs } = stage
    await stage.submit(
      { id: 'silent' },
      { id: 'own', priority: 2, options: { maxAttempts: 9, timeoutMs: 5, expiresAtMs: nowMs + 60_000 } },
      { id: 'later', runAtMs: nowMs + 2_000 },
      { id: 'other', queue: 'other' },
    )
    const records = await stage.engine.get(['silent', 'own', 'later', 'other'])
    assert.deepEqual(
      records.map((record) => [record!.priority, record!.maxAttempts, record!.expiresAtMs]),
      [
        [7, 2, nowMs + 5_000],
        [2, 9, nowMs + 60_000],
        [7, 2, nowMs + 7_000],
        [4, 5, undefined],
      ],
    )
    const hands = await stage.consume({ slots: 2 })
    const held = await hands.take(2)
    const of = (id: string) => held.find((delivery) => delivery.id === id)!
    assert.deepEqual(held.map(({ id, timeoutMs }) => [id, timeoutMs]).sort(), [
      ['own', 5],
      ['silent', 700],
    ])
    await stage.engine.settle([threw(of('silent'))])
    assert.equal((await stage.record('silent')).runAtMs, nowMs + 1_000)
  })

  promised('the same submission is known again, also after the defaults have changed', async (stage) => {
    await define(stage, { defaults: { priority: 7, maxAttempts: 2, ttlMs: 60_000 } })
    const given = { id: 'a', options: { metadata: { who: 'me' } } }
    await stage.submit(given)
    await define(stage, { defaults: { priority: 1, maxAttempts: 8, ttlMs: null } })
    const [again, other] = await stage.submit(given, { ...given, options: { maxAttempts: 3 } })
    assert.equal((again as Receipt).duplicate, true)
    assert.equal((other as Refusal).refused.code, 'ID_CONFLICT')
    const { priority, maxAttempts } = await stage.record('a')
    assert.deepEqual([priority, maxAttempts], [7, 2])
  })

  promised('a full queue refuses new tasks, and drops none', async (stage) => {
    await define(stage, { tasksMax: 2 })
    const first = await stage.submit({ id: 'a' }, { id: 'b', runAtMs: stage.nowMs + 60_000 })
    assert.ok(first.every((answer) => 'state' in answer))
    await refusedUntil(
      stage,
      { id: 'c' },
      'queue default holds its limit of 2 unfinished tasks',
      async () => {
        const [again] = await stage.submit({ id: 'a' })
        assert.equal((again as Receipt).duplicate, true, 'what is there is not refused')
        const hands = await stage.consume()
        await stage.engine.settle([threw(await hands.next(), { retryable: false })])
        await hands.consumer.stop()
      },
    )
    assert.deepEqual(await stage.states('a', 'b', 'c'), ['failed', 'scheduled', 'queued'])
    assert.deepEqual((await stage.record('a')).error, BOOM)
    // Put back by hand it goes in all the same.
    assert.equal((await stage.engine.retry({ ids: ['a'] })).tasks[0]?.changed, true)
    await define(stage, { tasksMax: null })
    assert.ok('state' in (await stage.submit({ id: 'd' }))[0]!)
  })

  promised('a queue can be full of bytes', async (stage) => {
    const dataText = JSON.stringify('x'.repeat(998))
    await define(stage, { bytesMax: 2_500 })
    const first = await stage.submit(...['a', 'b', 'c'].map((id) => ({ id, dataText })))
    assert.ok(first.every((answer) => 'state' in answer))
    const message = 'queue default holds its limit of 2500 bytes of unfinished tasks'
    await refusedUntil(stage, { id: 'd', dataText }, message, async () => {
      const hands = await stage.consume()
      await stage.engine.settle([returned(await hands.next())])
      await hands.consumer.stop()
    })
    assert.deepEqual(await stage.states('d'), ['queued'])
  })

  promised('a queue keeps its final tasks, and its dead letters, for its own time', async (stage) => {
    const finish = async (queue: string) => {
      const [ok, bad] = [`${queue}-ok`, `${queue}-bad`]
      const hands = await stage.consume({ queues: [queue], slots: 2 })
      await stage.submit({ id: ok, queue }, { id: bad, queue })
      const held = await hands.take(2)
      await stage.engine.settle(
        held.map((one) => (one.id === ok ? returned(one) : threw(one, { retryable: false }))),
      )
      await hands.consumer.stop()
    }
    await finish('default')
    await finish('other')
    await define(stage, { retentionMs: 2 * HOUR_MS, failedRetentionMs: 6 * HOUR_MS })
    await stage.advance(HOUR_MS)
    assert.deepEqual(await stage.states('default-ok', 'default-bad'), ['succeeded', 'failed'])
    await stage.advance(3 * HOUR_MS)
    assert.deepEqual(await stage.states('default-ok', 'default-bad'), [null, 'failed'])
    await stage.advance(4 * HOUR_MS)
    assert.deepEqual(await stage.states('default-ok', 'default-bad'), [null, null])
    assert.deepEqual(await stage.states('other-ok', 'other-bad'), ['succeeded', 'failed'])
  })
}

/** An engine says so at once, and one that asks for its caller goes on asking; when there is room, the task goes in. */
async function refusedUntil(
  stage: Stage,
  task: Parameters<Stage['submit']>[0],
  message: string,
  makeRoom: () => Promise<void>,
): Promise<void> {
  const asked = stage.submit(task!)
  if (stage.under.persistent === true) {
    await stage.quiet()
    assert.deepEqual(await stage.states(task!.id!), [null])
    await makeRoom()
    assert.ok('state' in (await asked)[0]!)
    return
  }
  const [{ refused }] = (await asked) as [Refusal]
  assert.deepEqual([refused.code, refused.message], ['QUEUE_FULL', message])
  assert.ok(refused.retryAfterMs! > 0)
  await makeRoom()
  await until('there is room', async () => 'state' in (await stage.submit(task!))[0]!)
}
