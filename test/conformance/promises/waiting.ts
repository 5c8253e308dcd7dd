import assert from 'node:assert/strict'
import type { TaskRecord } from '../../../src/task/task.ts'
import { returned, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

const states = (records: readonly (TaskRecord | null)[]) => records.map((record) => record?.state ?? null)

export function waiting(promised: Promised): void {
  promised('final and unknown tasks are answered at once, in the order asked', async (stage) => {
    const hands = await stage.consume({ slots: 2 })
    await stage.submit({ id: 'good' }, { id: 'bad' })
    const [good, bad] = await hands.take(2)
    await stage.engine.settle([returned(good!, '42'), threw(bad!, { retryable: false })])
    await hands.consumer.stop()
    await stage.submit({ id: 'canceled' })
    await stage.engine.cancel(['canceled'])
    const records = await stage.engine.wait(['bad', 'unknown', 'good', 'canceled', 'good'], 60_000)
    assert.deepEqual(states(records), ['failed', null, 'succeeded', 'canceled', 'succeeded'])
    assert.deepEqual(records[2], await stage.record('good'))
    assert.deepEqual(await stage.engine.wait([], 60_000), [])
  })

  promised('a wait is answered when the last of its tasks is final', async (stage) => {
    const hands = await stage.consume({ slots: 2 })
    await stage.submit({ id: 'a' }, { id: 'b' }, { id: 'c', runAtMs: stage.nowMs + 60_000 })
    const [a, b] = await hands.take(2)
    let answered = false
    const waited = stage.engine.wait(['a', 'unknown', 'b', 'c'], 600_000).then((records) => {
      answered = true
      return records
    })
    await stage.engine.settle([returned(a!)])
    await stage.engine.cancel(['c'])
    await stage.advance(1_000)
    assert.equal(answered, false)
    await stage.engine.settle([returned(b!, '"last"')])
    const records = await waited
    assert.deepEqual(states(records), ['succeeded', null, 'succeeded', 'canceled'])
    assert.equal(records[2]?.resultText, '"last"')
  })

  promised('a wait lasts through retries', async (stage) => {
    const [hands, first] = await stage.running({ options: { backoff: { kind: 'fixed', delayMs: 1_000 } } })
    const waited = stage.engine.wait(['a'], 600_000)
    await stage.engine.settle([threw(first)])
    await stage.advance(1_000)
    await stage.engine.settle([returned(await hands.next(), '2')])
    assert.equal((await waited)[0]?.resultText, '2')
  })

  promised('at its deadline a wait is answered with the states reached', async (stage) => {
    const [, delivery] = await stage.running({ id: 'a' })
    await stage.submit({ id: 'b' })
    let answered = false
    const waited = stage.engine.wait(['b', 'a', 'unknown'], 5_000).then((records) => {
      answered = true
      return records
    })
    await stage.quiet()
    await stage.advance(4_000)
    await stage.engine.settle([returned(delivery)])
    assert.equal(answered, false)
    await stage.advance(1_000)
    assert.equal(states(await waited)[1], 'succeeded')
    assert.notEqual(states(await waited)[0], 'succeeded')
    assert.equal(states(await waited)[2], null)
  })

  promised('a wait of no time is a look', async (stage) => {
    await stage.submit({ id: 'a' })
    assert.deepEqual(states(await stage.engine.wait(['a'], 0)), ['queued'])
  })

  promised('aborting answers at once with the states reached', async (stage) => {
    await stage.submit({ id: 'a' })
    const controller = new AbortController()
    const waited = stage.engine.wait(['a'], 600_000, controller.signal)
    await stage.quiet()
    controller.abort()
    assert.deepEqual(states(await waited), ['queued'])
    assert.deepEqual(states(await stage.engine.wait(['a'], 600_000, AbortSignal.abort())), ['queued'])
  })

  promised('many may wait for one task, and one for many', async (stage) => {
    await stage.engine.submit(
      tasks(300, () => ({})),
      'disk',
    )
    const ids = tasks(300, () => ({})).map((submission) => submission.id)
    const crowd = [
      stage.engine.wait(ids, 600_000),
      ...ids.map((id) => stage.engine.wait([id, 't0'], 600_000)),
    ]
    await stage.quiet()
    const hands = await stage.consume({ slots: 300 })
    for (const delivery of await hands.take(300)) await stage.engine.settle([returned(delivery)])
    for (const records of await Promise.all(crowd)) {
      assert.ok(records.every((record) => record?.state === 'succeeded'))
    }
  })

  promised('waiting again for a task that is retried by hand waits for its new end', async (stage) => {
    const [hands, first] = await stage.running({ options: { maxAttempts: 1 } })
    await stage.engine.settle([threw(first)])
    assert.deepEqual(states(await stage.engine.wait(['a'], 600_000)), ['failed'])
    await stage.engine.retry({ ids: ['a'] })
    const waited = stage.engine.wait(['a'], 600_000)
    await stage.engine.settle([returned(await hands.next())])
    assert.deepEqual(states(await waited), ['succeeded'])
  })
}
