import assert from 'node:assert/strict'
import { AT_ONCE, BOOM, crashed, LEASE_MS, released, returned, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function settling(promised: Promised): void {
  promised('a returned value is recorded, and the task is done', async (stage) => {
    const [hands, delivery] = await stage.running({})
    const startedAtMs = stage.nowMs
    await stage.advance(250)
    const settled = await stage.engine.settle([returned(delivery, '{"sum":12}')])
    assert.deepEqual(settled, [{ id: 'a', accepted: true, state: 'succeeded' }])
    assert.deepEqual(await stage.record('a'), {
      id: 'a',
      type: 'sumar',
      queue: 'default',
      state: 'succeeded',
      priority: 4,
      attempt: 1,
      maxAttempts: 5,
      crashes: 0,
      createdAtMs: startedAtMs,
      runAtMs: startedAtMs,
      startedAtMs,
      finishedAtMs: startedAtMs + 250,
      resultText: '{"sum":12}',
      worker: hands.worker,
    })
    await stage.advance(3 * LEASE_MS)
    assert.deepEqual(hands.ids, ['a'])
  })

  promised('a handler that returns nothing leaves null', async (stage) => {
    const [, delivery] = await stage.running({})
    await stage.engine.settle([returned(delivery, 'null')])
    assert.equal((await stage.record('a')).resultText, 'null')
  })

  promised('an empty batch of outcomes is answered with an empty batch', async (stage) => {
    assert.deepEqual(await stage.engine.settle([]), [])
  })

  promised('outcomes are answered in their order, each for itself', async (stage) => {
    const hands = await stage.consume({ slots: 3 })
    await stage.engine.submit(
      tasks(3, () => ({ options: { backoff: AT_ONCE } })),
      'disk',
    )
    const [t0, t1, t2] = await hands.take(3)
    await stage.engine.cancel(['t1'])
    const settled = await stage.engine.settle([
      threw(t2!, { retryable: false }),
      returned({ id: 'unknown', epoch: 1 }),
      returned(t1!),
      returned({ id: 't0', epoch: t0!.epoch + 1_000 }),
      returned(t0!),
    ])
    assert.deepEqual(settled, [
      { id: 't2', accepted: true, state: 'failed' },
      { id: 'unknown', accepted: false, state: null },
      { id: 't1', accepted: false, state: 'canceled' },
      { id: 't0', accepted: false, state: 'running' },
      { id: 't0', accepted: true, state: 'succeeded' },
    ])
  })

  promised('the settle that made a task final may be repeated, and changes nothing more', async (stage) => {
    const [, delivery] = await stage.running({})
    await stage.engine.settle([returned(delivery, '1')])
    const before = await stage.record('a')
    await stage.advance(1_000)
    for (const again of [
      returned(delivery, '1'),
      returned(delivery, '2'),
      threw(delivery),
      released(delivery),
    ]) {
      assert.deepEqual(await stage.engine.settle([again]), [{ id: 'a', accepted: true, state: 'succeeded' }])
    }
    assert.deepEqual(await stage.record('a'), before)
  })

  promised('the same outcome twice in one batch is recorded once', async (stage) => {
    const [hands, delivery] = await stage.running({})
    const settled = await stage.engine.settle([returned(delivery, '1'), returned(delivery, '2')])
    assert.deepEqual(settled, [
      { id: 'a', accepted: true, state: 'succeeded' },
      { id: 'a', accepted: true, state: 'succeeded' },
    ])
    assert.equal((await stage.record('a')).resultText, '1')
    await stage.submit({ id: 'b' }, { id: 'c' })
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a', 'b'], 'the credit came back once')
  })

  promised('repeating the failure that made a task final is accepted again', async (stage) => {
    const [, delivery] = await stage.running({ options: { maxAttempts: 1 } })
    await stage.engine.settle([threw(delivery)])
    assert.deepEqual(await stage.engine.settle([threw(delivery)]), [
      { id: 'a', accepted: true, state: 'failed' },
    ])
  })

  promised(
    'repeating a failure that led to another attempt is not accepted and uses up nothing',
    async (stage) => {
      const [hands, delivery] = await stage.running({
        options: { backoff: { kind: 'fixed', delayMs: 1_000 } },
      })
      assert.deepEqual(await stage.engine.settle([threw(delivery), threw(delivery)]), [
        { id: 'a', accepted: true, state: 'scheduled' },
        { id: 'a', accepted: false, state: 'scheduled' },
      ])
      await stage.advance(1_000)
      assert.equal((await hands.next()).attempt, 2)
      assert.deepEqual(await stage.engine.settle([threw(delivery)]), [
        { id: 'a', accepted: false, state: 'running' },
      ])
    },
  )

  promised(
    'an old epoch changes nothing after the task was delivered again, whatever it says',
    async (stage) => {
      const [hands, old] = await stage.running({})
      await stage.advance(LEASE_MS + 1_000)
      const current = await hands.next()
      assert.equal(current.id, 'a')
      assert.ok(current.epoch > old.epoch, 'a later delivery has a greater epoch')
      for (const late of [returned(old, '"late"'), threw(old), released(old), crashed(old)]) {
        assert.deepEqual(await stage.engine.settle([late]), [{ id: 'a', accepted: false, state: 'running' }])
      }
      await stage.engine.settle([returned(current, '"current"')])
      assert.deepEqual(await stage.engine.settle([returned(old, '"late"')]), [
        { id: 'a', accepted: false, state: 'succeeded' },
      ])
      assert.equal((await stage.record('a')).resultText, '"current"')
    },
  )

  promised('an epoch that was never given is never current', async (stage) => {
    const [, delivery] = await stage.running({ id: 'done', type: 'run' }, { types: ['run'] })
    await stage.engine.settle([returned(delivery)])
    await stage.submit(
      { id: 'queued' },
      { id: 'canceled' },
      { id: 'expired', options: { expiresAtMs: stage.nowMs } },
    )
    await stage.engine.cancel(['canceled'])
    await stage.advance(1)
    for (const epoch of [0, -1, delivery.epoch + 1_000]) {
      const ids = ['done', 'queued', 'canceled', 'expired']
      const settled = await stage.engine.settle(ids.map((id) => returned({ id, epoch })))
      assert.deepEqual(
        settled.map((one) => [one.accepted, one.state]),
        [
          [false, 'succeeded'],
          [false, 'queued'],
          [false, 'canceled'],
          [false, 'expired'],
        ],
      )
    }
  })

  promised('a result that succeeds after failures shows no error', async (stage) => {
    const [hands, first] = await stage.running({ options: { backoff: AT_ONCE } })
    await stage.engine.settle([threw(first)])
    const waiting = await stage.engine.get(['a'])
    assert.deepEqual(waiting[0]?.error, BOOM)
    await stage.engine.settle([returned(await hands.next())])
    const record = await stage.record('a')
    assert.deepEqual([record.state, record.attempt, record.error], ['succeeded', 2, undefined])
  })

  promised('settles of many tasks in one batch are all recorded', async (stage) => {
    await stage.engine.submit(
      tasks(2_000, () => ({})),
      'disk',
    )
    const hands = await stage.consume({ slots: 2_000 })
    const held = await hands.take(2_000)
    const settled = await stage.engine.settle(held.map((delivery) => returned(delivery, `"${delivery.id}"`)))
    assert.ok(
      settled.every(
        ({ id, accepted, state }, index) => id === held[index]!.id && accepted && state === 'succeeded',
      ),
    )
    const records = await stage.engine.get(hands.ids)
    assert.ok(records.every((record) => record?.resultText === `"${record?.id}"`))
  })
}
