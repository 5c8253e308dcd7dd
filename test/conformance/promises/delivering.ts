import assert from 'node:assert/strict'
import { WINDOW_TASKS_MAX } from '../../../src/task/limits.ts'
import { assertDelivered, released, returned, tasks } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function delivering(promised: Promised): void {
  promised('a delivery carries what a handler needs', async (stage) => {
    const options = {
      maxAttempts: 3,
      timeoutMs: 5_000,
      key: 'tenant-1',
      metadata: { traceparent: '00-ab-cd-01' },
    }
    const [, delivery] = await stage.running({ priority: 7, options })
    // The last three are for measures: measuring.ts.
    const { epoch, createdAtMs: _created, dueAtMs: _due, again: _again, ...rest } = delivery
    assert.ok(Number.isSafeInteger(epoch) && epoch > 0)
    assert.deepEqual(rest, {
      id: 'a',
      type: 'sumar',
      queue: 'default',
      priority: 7,
      dataText: '[5,7]',
      metadata: { traceparent: '00-ab-cd-01' },
      key: 'tenant-1',
      attempt: 1,
      maxAttempts: 3,
      timeoutMs: 5_000,
      leaseMs: 10_000,
    })
  })

  promised('a delivery says null for what its task does not say', async (stage) => {
    const [, delivery] = await stage.running({})
    const { metadata, key, timeoutMs, maxAttempts } = delivery
    assert.deepEqual(
      { metadata, key, timeoutMs, maxAttempts },
      { metadata: null, key: null, timeoutMs: null, maxAttempts: 5 },
    )
  })

  promised('a delivered task is running, on this worker, in its first attempt', async (stage) => {
    const [hands] = await stage.running({})
    const record = await stage.record('a')
    assert.equal(record.state, 'running')
    assert.equal(record.attempt, 1)
    assert.equal(record.startedAtMs, stage.nowMs)
    assert.deepEqual(record.worker, hands.worker)
    assert.equal(record.finishedAtMs, undefined)
  })

  promised('higher priority first, then the longest due, then the first accepted', async (stage) => {
    const { nowMs } = stage
    await stage.submit({ id: 'delayed', runAtMs: nowMs + 1_000 }, { id: 'low', priority: 0 })
    await stage.advance(500)
    await stage.submit({ id: 'first' }, { id: 'second' }, { id: 'high', priority: 9 })
    await stage.advance(1_000)
    await stage.submit({ id: 'last' }, { id: 'second high', priority: 9 })
    const hands = await stage.consume({ slots: 10 })
    await hands.take(7)
    assert.deepEqual(hands.ids, ['high', 'second high', 'first', 'second', 'delayed', 'last', 'low'])
  })

  promised('the order holds over all queues and types of a consumer', async (stage) => {
    await stage.submit({ id: 'a1', queue: 'a', type: 'x' }, { id: 'b9', queue: 'b', type: 'y', priority: 9 })
    await stage.advance(1)
    await stage.submit({ id: 'b1', queue: 'b', type: 'x' }, { id: 'a2', queue: 'a', type: 'y' })
    const hands = await stage.consume({ queues: ['b', 'a'], slots: 4 })
    await hands.take(4)
    assert.deepEqual(hands.ids, ['b9', 'a1', 'b1', 'a2'])
  })

  promised('a scheduled task is delivered when it is due and not before', async (stage) => {
    const hands = await stage.consume()
    await stage.submit({ id: 'a', runAtMs: stage.nowMs + 60_000 })
    await stage.advance(59_999)
    assert.deepEqual(await stage.states('a'), ['scheduled'])
    assert.deepEqual(hands.ids, [])
    await stage.advance(1)
    assert.equal((await hands.next()).id, 'a')
  })

  promised('a task due in a week is not forgotten', async (stage) => {
    const hands = await stage.consume()
    const weekMs = 7 * 86_400_000
    await stage.submit({ id: 'a', runAtMs: stage.nowMs + weekMs })
    await stage.advance(weekMs)
    assert.equal((await hands.next()).id, 'a')
  })

  promised('nothing is delivered inside the call that submits', async (stage) => {
    const hands = await stage.consume({ slots: 10 })
    const submitted = stage.submit({ id: 'a' }, { id: 'b' })
    assert.deepEqual(hands.ids, [])
    await submitted
    await hands.take(2)
  })

  promised('deliveries come in batches', async (stage) => {
    const hands = await stage.consume({ slots: 100, prefetch: 5 })
    await stage.engine.submit(
      tasks(500, () => ({})),
      'disk',
    )
    await hands.take(500)
    assert.ok(hands.calls.length <= 20, `${hands.calls.length} calls for 500 deliveries`)
  })

  promised('three thousand tasks reach a consumer of credit two, each once and in order', async (stage) => {
    const batch = tasks(3_000, (index) => ({ dataText: String(index) }))
    await stage.engine.submit(batch, 'disk')
    const hands = await stage.consume({ slots: 2 })
    for (let done = 0; done < 3_000; ) {
      const held = await hands.take(done === 2_999 ? 1 : 2)
      await stage.engine.settle(held.map((delivery) => returned(delivery, delivery.dataText)))
      done += held.length
    }
    assertDelivered(
      stage,
      hands.ids,
      batch.map((submission) => submission.id),
    )
    const last = await stage.record('t2999')
    assert.deepEqual([last.state, last.resultText], ['succeeded', '2999'])
  })

  promised(
    'types that nobody knows stand in nobody’s way, however many there are at the head',
    async (stage) => {
      await stage.engine.submit(
        tasks(2_500, (index) => ({ type: `unknown${index % 3}`, priority: 9 })),
        'disk',
      )
      await stage.submit({ id: 'known', priority: 0 })
      const hands = await stage.consume({ types: ['sumar'], slots: 10 })
      assert.equal((await hands.next()).id, 'known')
      await stage.quiet()
      assert.deepEqual(hands.ids, ['known'])
      assert.deepEqual(await stage.states('t0', 't2499'), ['queued', 'queued'])
      const expert = await stage.consume({ types: ['unknown2', 'unknown1'], slots: 3 })
      await expert.take(3)
      assert.deepEqual(expert.ids, ['t1', 't2', 't4'])
    },
  )

  promised('thousands that are given back are found in their old places', async (stage) => {
    const batch = tasks(4_500, () => ({}))
    await stage.engine.submit(batch, 'disk')
    const hands = await stage.consume({ slots: 3_500 })
    const held = await hands.take(3_500)
    await hands.consumer.stop()
    // From the middle outwards: neither the order of acceptance nor its reverse.
    const mixed = held.map((_, index) => held[(index * 1_301) % held.length]!)
    await stage.engine.settle(mixed.map((delivery) => released(delivery)))
    const next = await stage.consume({ slots: 4_000 })
    const first = await next.take(4_000)
    await stage.engine.settle(first.map((delivery) => returned(delivery)))
    await next.take(500)
    assertDelivered(
      stage,
      next.ids,
      batch.map((submission) => submission.id),
    )
  })

  promised('so are thousands that were taken as they came', async (stage) => {
    // One more than twice what an engine is likely to hold in memory of a queue.
    const count = 2 * WINDOW_TASKS_MAX + 1
    const batch = tasks(count, () => ({}))
    const hands = await stage.consume({ slots: count })
    for (let from = 0; from < count; from += 683) {
      await stage.engine.submit(batch.slice(from, from + 683), 'disk')
      await hands.take(683)
    }
    await hands.consumer.stop()
    await stage.engine.settle(hands.deliveries.map((delivery) => released(delivery)))
    const next = await stage.consume({ slots: count })
    await next.take(count)
    assertDelivered(stage, next.ids, hands.ids)
  })

  promised('a task that comes later with a higher priority overtakes thousands that wait', async (stage) => {
    await stage.engine.submit(
      tasks(2_500, () => ({})),
      'disk',
    )
    const hands = await stage.consume()
    const first = await hands.next()
    await stage.submit({ id: 'urgent', priority: 5 })
    await stage.quiet()
    await stage.engine.settle([returned(first)])
    assert.equal((await hands.next()).id, 'urgent')
  })

  promised('work is spread in turn over the consumers with free credit', async (stage) => {
    const all = [
      await stage.consume({ slots: 4 }),
      await stage.consume({ slots: 4 }),
      await stage.consume({ slots: 4 }),
    ]
    await stage.engine.submit(
      tasks(6, () => ({})),
      'disk',
    )
    await stage.quiet()
    assert.deepEqual(
      all.map((hands) => hands.ids.length),
      [2, 2, 2],
    )
  })

  promised(
    'the turn goes on where it stopped: single tasks do not all go to the first consumer',
    async (stage) => {
      const all = [
        await stage.consume({ slots: 9 }),
        await stage.consume({ slots: 9 }),
        await stage.consume({ slots: 9 }),
      ]
      for (let index = 0; index < 9; index++) {
        await stage.submit({ id: `s${index}` })
        await stage.quiet()
      }
      assert.deepEqual(
        all.map((hands) => hands.ids.length),
        [3, 3, 3],
      )
    },
  )

  promised('a busy consumer is passed over, and nobody waits for it', async (stage) => {
    const busy = await stage.consume({ slots: 1 })
    const free = await stage.consume({ slots: 5 })
    await stage.engine.submit(
      tasks(6, () => ({})),
      'disk',
    )
    await stage.quiet()
    assert.deepEqual([busy.ids.length, free.ids.length], [1, 5])
  })
}
