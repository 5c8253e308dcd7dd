import assert from 'node:assert/strict'
import { AT_ONCE, assertDelivered, crashed, LEASE_MS, released, returned, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** Only of stores that outlive their engine. */
export function reopening(promised: Promised): void {
  promised('everything that was confirmed is there again, as it was', async (stage) => {
    const hands = await stage.consume({ types: ['run'], slots: 4 })
    await stage.submit(
      { id: 'succeeded', type: 'run' },
      { id: 'failed', type: 'run' },
      { id: 'canceled', type: 'run' },
      { id: 'retrying', type: 'run', options: { backoff: { kind: 'fixed', delayMs: 60_000 } } },
    )
    const [succeeded, failed, , retried] = await hands.take(4)
    await stage.engine.settle([
      returned(succeeded!, '{"x":1}'),
      threw(failed!, { retryable: false }),
      threw(retried!),
    ])
    await stage.engine.cancel(['canceled'])
    await stage.submit(
      {
        id: 'queued',
        queue: 'q',
        priority: 7,
        dataText: '{"deep":[1]}',
        options: { key: 'k', metadata: { m: '1' } },
      },
      { id: 'scheduled', runAtMs: stage.nowMs + 60_000, options: { expiresAtMs: stage.nowMs + 90_000 } },
    )
    const ids = ['succeeded', 'failed', 'canceled', 'retrying', 'queued', 'scheduled']
    const before = await stage.engine.get(ids, { data: true })
    const { queues } = await stage.engine.inspect()
    await stage.reopen()
    assert.deepEqual(await stage.engine.get(ids, { data: true }), before)
    assert.deepEqual(await stage.list(), [...ids].reverse())
    const byName = (a: { queue: string }, b: { queue: string }) => (a.queue < b.queue ? -1 : 1)
    assert.deepEqual([...(await stage.engine.inspect()).queues].sort(byName), [...queues].sort(byName))
  })

  promised('thousands of waiting tasks come in the same order as before', async (stage) => {
    await stage.engine.submit(
      tasks(2_500, (index) => ({ priority: index % 2 === 0 ? 4 : 5, type: index % 3 === 0 ? 'x' : 'y' })),
      'disk',
    )
    await stage.reopen()
    const hands = await stage.consume({ slots: 2_500 })
    await hands.take(2_500)
    const expected = tasks(2_500, () => ({})).map(({ id }) => id)
    assertDelivered(stage, hands.ids, [
      ...expected.filter((_, index) => index % 2 === 1),
      ...expected.filter((_, index) => index % 2 === 0),
    ])
  })

  promised('a running attempt is taken up again, recorded once, and not run again', async (stage) => {
    const [, delivery] = await stage.running({})
    await stage.reopen()
    assert.deepEqual(await stage.states('a'), ['running'])
    const back = await stage.consume()
    assert.deepEqual(await stage.engine.extend([delivery], back.consumer.id), [{ id: 'a', accepted: true }])
    await stage.advance(LEASE_MS - 1)
    assert.deepEqual(await stage.engine.settle([returned(delivery, '"once"')]), [
      { id: 'a', accepted: true, state: 'succeeded' },
    ])
    await stage.advance(3 * LEASE_MS)
    assert.deepEqual(back.ids, [])
    const record = await stage.record('a')
    assert.deepEqual([record.attempt, record.crashes, record.resultText], [1, 0, '"once"'])
  })

  promised(
    'what was given back out of a batch is not running after a restart, though the rest of the batch is',
    async (stage) => {
      const hands = await stage.consume({ slots: 4 })
      await stage.engine.submit(
        tasks(4, () => ({ options: { maxAttempts: 2, backoff: AT_ONCE } })),
        'disk',
      )
      const [t0, t1, t2] = await hands.take(4)
      await hands.consumer.stop()
      await stage.engine.settle([released(t0!), crashed(t1!), threw(t2!)])
      await stage.reopen()
      assert.deepEqual(await stage.states('t0', 't1', 't2', 't3'), ['queued', 'queued', 'queued', 'running'])
      const next = await stage.consume({ slots: 4 })
      await next.take(3)
      assert.deepEqual(
        next.deliveries.map(({ id, attempt }) => [id, attempt]),
        [
          ['t0', 1],
          ['t1', 1],
          ['t2', 2],
        ],
      )
    },
  )

  promised(
    'an attempt that ended while the store was closed is recorded without being taken up first',
    async (stage) => {
      const [, delivery] = await stage.running({})
      await stage.reopen(LEASE_MS / 2)
      assert.deepEqual(await stage.engine.settle([returned(delivery)]), [
        { id: 'a', accepted: true, state: 'succeeded' },
      ])
    },
  )

  promised('a running attempt that nobody takes up runs again, and a death is counted', async (stage) => {
    const [, first] = await stage.running({})
    await stage.reopen()
    const hands = await stage.consume()
    await stage.quiet()
    assert.deepEqual(hands.ids, [])
    await stage.advance(LEASE_MS + 1_000)
    const second = await hands.next()
    assert.deepEqual([second.id, second.attempt], ['a', 1])
    assert.ok(second.epoch > first.epoch)
    assert.equal((await stage.record('a')).crashes, 1)
    assert.deepEqual(await stage.engine.settle([returned(first)]), [
      { id: 'a', accepted: false, state: 'running' },
    ])
  })

  promised('epochs are greater than all before, and old ones stay fenced off', async (stage) => {
    const hands = await stage.consume({ slots: 3 })
    await stage.submit({ id: 'crashed' }, { id: 'failed', options: { backoff: AT_ONCE } }, { id: 'canceled' })
    const old = await hands.take(3)
    await hands.consumer.stop()
    await stage.engine.settle([crashed(old[0]!), threw(old[1]!)])
    await stage.engine.cancel(['canceled'])
    await stage.reopen()
    assert.deepEqual(await stage.engine.extend(old), [
      { id: 'crashed', accepted: false },
      { id: 'failed', accepted: false },
      { id: 'canceled', accepted: false },
    ])
    assert.deepEqual(
      (await stage.engine.settle(old.map((delivery) => returned(delivery)))).map(
        (settled) => settled.accepted,
      ),
      [false, false, false],
    )
    await stage.engine.retry({ ids: ['canceled'] })
    const next = await stage.consume({ slots: 3 })
    const fresh = await next.take(3)
    const greatest = Math.max(...old.map((delivery) => delivery.epoch))
    assert.ok(fresh.every((delivery) => delivery.epoch > greatest))
    const byId = Object.fromEntries(fresh.map((delivery) => [delivery.id, delivery.attempt]))
    assert.deepEqual(byId, { crashed: 1, failed: 2, canceled: 1 })
  })

  promised('the settle that made a task final may be repeated after a restart', async (stage) => {
    const [, delivery] = await stage.running({})
    await stage.engine.settle([returned(delivery, '1')])
    await stage.reopen()
    assert.deepEqual(await stage.engine.settle([returned(delivery, '2')]), [
      { id: 'a', accepted: true, state: 'succeeded' },
    ])
    assert.equal((await stage.record('a')).resultText, '1')
  })

  promised('submitting again after a restart is idempotent, by id and by dedupe key', async (stage) => {
    const options = { dedupeKey: 'k', dedupeWindowMs: 10_000 }
    await stage.submit({ id: 'a' }, { id: 'b', options })
    await stage.reopen(5_000)
    const receipts = await stage.submit({ id: 'a' }, { id: 'c', options }, { id: 'a', dataText: '0' })
    assert.deepEqual(
      receipts.map((receipt) =>
        'refused' in receipt ? receipt.refused.code : [receipt.id, receipt.duplicate],
      ),
      [['a', true], ['b', true], 'ID_CONFLICT'],
    )
    await stage.advance(5_000)
    assert.deepEqual((await stage.submit({ id: 'c', options }))[0]?.id, 'c')
  })

  promised('what fell due or expired while the store was closed is done on opening', async (stage) => {
    const { nowMs } = stage
    await stage.submit(
      { id: 'due', runAtMs: nowMs + 1_000 },
      { id: 'expired', options: { expiresAtMs: nowMs + 1_000 } },
      { id: 'later', runAtMs: nowMs + 60_000 },
    )
    await stage.reopen(30_000)
    const hands = await stage.consume({ slots: 5 })
    const due = await hands.next()
    assert.equal(due.id, 'due')
    await stage.engine.settle([returned(due)])
    assert.deepEqual(await stage.states('expired', 'later'), ['expired', 'scheduled'])
    await stage.advance(30_000)
    assert.equal((await hands.next()).id, 'later')
    assert.deepEqual(hands.ids, ['due', 'later'])
  })

  promised('deaths and failures counted before a restart count after it', async (stage) => {
    const options = { maxAttempts: 2, maxCrashes: 1, backoff: AT_ONCE }
    const hands = await stage.consume()
    await stage.submit({ options })
    await stage.engine.settle([crashed(await hands.next())])
    const second = await hands.next()
    await hands.consumer.stop()
    await stage.engine.settle([threw(second)])
    await stage.reopen()
    const next = await stage.consume()
    const delivery = await next.next()
    assert.equal(delivery.attempt, 2)
    await stage.engine.settle([threw(delivery)])
    const record = await stage.record('a')
    assert.deepEqual([record.state, record.attempt, record.crashes], ['failed', 2, 1])
  })

  promised(
    'what a queue was told holds after a restart: a pause, and its defaults and limits',
    async (stage) => {
      await stage.engine.steer({ kind: 'pause', queue: 'default' })
      const change = { defaults: { maxAttempts: 2 }, bytesMax: 9 }
      await stage.engine.steer({ kind: 'define', queue: 'default', change })
      await stage.submit({ id: 'a', dataText: '"12345678"' })
      await stage.reopen()
      const hands = await stage.consume({ slots: 9 })
      const [refused] = await stage.submit({ id: 'b' })
      assert.ok('refused' in refused! && refused.refused.code === 'QUEUE_FULL', JSON.stringify(refused))
      await stage.quiet()
      assert.deepEqual(hands.ids, [])
      assert.equal((await stage.record('a')).maxAttempts, 2)
      await stage.engine.steer({ kind: 'resume', queue: 'default' })
      assert.equal((await hands.next()).id, 'a')
    },
  )

  promised('log lines survive', async (stage) => {
    const [, { id, epoch }] = await stage.running({})
    await stage.engine.report([{ id, epoch, lines: [{ level: 'warn', text: 'kept', atMs: 5 }] }])
    await stage.reopen()
    assert.deepEqual(await stage.engine.log('a', 0), [
      { number: 1, atMs: 5, attempt: 1, level: 'warn', text: 'kept' },
    ])
  })

  promised(
    'opening and closing ten times loses nothing, and what ran meanwhile runs again',
    async (stage) => {
      for (let time = 0; time < 10; time++) {
        await stage.submit({ id: `a${time}` }, { id: `b${time}`, runAtMs: stage.nowMs + 1_000 })
        const hands = await stage.consume({ slots: 2 })
        await stage.engine.settle([returned(await hands.next())])
        await stage.reopen(time % 2 === 0 ? 0 : 2_000)
      }
      await stage.advance(LEASE_MS + 2_000)
      const hands = await stage.consume({ slots: 100 })
      const ids = (await stage.engine.list({ limit: 100, states: ['queued', 'running'] })).tasks.length
      await hands.take(ids)
      await stage.engine.settle(hands.deliveries.map((delivery) => returned(delivery)))
      const all = await stage.engine.list({ limit: 100 })
      assert.equal(all.tasks.length, 20)
      assert.ok(all.tasks.every((record) => record.state === 'succeeded'))
    },
  )
}
