import assert from 'node:assert/strict'
import type { QueueReport } from '../../../src/engine/engine.ts'
import { crashed, LEASE_MS, released, returned, type Stage, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

async function countOf(stage: Stage, queue = 'default'): Promise<QueueReport> {
  const report = await stage.engine.inspect()
  const found = report.queues.find((one) => one.queue === queue)
  assert.ok(found, `queue ${queue} is reported`)
  return found
}

/** `scheduled queued running | submitted succeeded failed canceled expired`, and that they add up. */
async function counts(stage: Stage, queue?: string): Promise<string> {
  const { scheduled, blocked, queued, running, totals } = await countOf(stage, queue)
  const { submitted, succeeded, failed, canceled, expired } = totals
  assert.equal(submitted, scheduled + blocked + queued + running + succeeded + failed + canceled + expired)
  return `${scheduled} ${queued} ${running} | ${submitted} ${succeeded} ${failed} ${canceled} ${expired}`
}

export function counting(promised: Promised): void {
  promised('the counts of a queue follow every move of its tasks', async (stage) => {
    const later = stage.nowMs + 60_000
    const options = { maxAttempts: 2, maxCrashes: 2, backoff: { kind: 'fixed', delayMs: 1_000 } } as const
    await stage.submit({ id: 'other', queue: 'other' })
    await stage.submit(
      { id: 'a', options },
      { id: 's', runAtMs: later },
      { id: 'e', type: 'late', options: { expiresAtMs: later } },
    )
    assert.equal(await counts(stage), '1 2 0 | 3 0 0 0 0')
    await stage.submit({ id: 'a', options })
    assert.equal(await counts(stage), '1 2 0 | 3 0 0 0 0')

    const hands = await stage.consume({ slots: 1 })
    const first = await hands.next()
    assert.equal(first.id, 'a')
    assert.equal(await counts(stage), '1 1 1 | 3 0 0 0 0')
    await hands.consumer.stop()
    await stage.engine.settle([released(first)])
    await stage.quiet()
    assert.equal(await counts(stage), '1 2 0 | 3 0 0 0 0')

    const more = await stage.consume({ slots: 1 })
    await stage.engine.settle([crashed(await more.next())])
    await stage.engine.settle([threw(await more.next())])
    await more.next()
    assert.equal(await counts(stage), '2 0 1 | 3 0 0 0 0', 'a waits for its retry, e runs')
    await more.consumer.stop()
    await stage.engine.settle([released(more.deliveries[2]!)])
    await stage.advance(1_000)
    assert.equal(await counts(stage), '1 2 0 | 3 0 0 0 0')

    const last = await stage.consume({ slots: 1, types: ['late'] })
    const e = await last.next()
    assert.equal(e.id, 'e')
    await last.consumer.stop()
    await stage.engine.settle([released(e)])
    await stage.quiet()
    const end = await stage.consume({ slots: 2 })
    const both = await end.take(2)
    const [again, a] = ['e', 'a'].map((id) => both.find((delivery) => delivery.id === id))
    await end.consumer.stop()
    await stage.engine.settle([threw(a!), returned(again!)])
    assert.equal(await counts(stage), '1 0 0 | 3 1 1 0 0')
    await stage.engine.cancel(['s'])
    assert.equal(await counts(stage), '0 0 0 | 3 1 1 1 0')
    await stage.engine.retry({ ids: ['a', 's', 'e'] })
    assert.equal(await counts(stage), '0 2 0 | 3 1 0 0 0')
    await stage.submit({ id: 'x', options: { expiresAtMs: stage.nowMs + 10 } })
    await stage.advance(10)
    assert.equal(await counts(stage), '0 2 0 | 4 1 0 0 1')
    assert.equal(await counts(stage, 'other'), '0 1 0 | 1 0 0 0 0')
  })

  promised('a lost lease and a cancelled run are counted as what became of them', async (stage) => {
    const [hands] = await stage.running({ id: 'a' })
    await hands.consumer.stop()
    await stage.advance(LEASE_MS + 1_000)
    assert.equal(await counts(stage), '0 1 0 | 1 0 0 0 0')
    const next = await stage.consume()
    await next.next()
    await stage.engine.cancel(['a'])
    assert.equal(await counts(stage), '0 0 0 | 1 0 0 1 0')
  })

  promised('thousands of tasks are counted one by one', async (stage) => {
    await stage.engine.submit(
      tasks(2_500, (index) => (index < 1_000 ? { priority: 8 } : {})),
      'disk',
    )
    const hands = await stage.consume({ slots: 700 })
    const held = await hands.take(700)
    assert.equal(await counts(stage), '0 1800 700 | 2500 0 0 0 0')
    await hands.consumer.stop()
    await stage.engine.settle(held.map((delivery) => returned(delivery)))
    await stage.engine.cancel(['t2400', 't900'])
    assert.equal(await counts(stage), '0 1798 0 | 2500 700 0 2 0')
  })

  promised('the oldest waiting task of a queue is known by its due time', async (stage) => {
    const { nowMs } = stage
    await stage.submit({ id: 'later', runAtMs: nowMs + 50 })
    assert.equal((await countOf(stage)).oldestQueuedAtMs, null)
    await stage.advance(100)
    await stage.submit({ id: 'now', priority: 9 })
    assert.equal((await countOf(stage)).oldestQueuedAtMs, nowMs + 50)
    await stage.engine.cancel(['later'])
    assert.equal((await countOf(stage)).oldestQueuedAtMs, nowMs + 100)
    await stage.engine.cancel(['now'])
    assert.equal((await countOf(stage)).oldestQueuedAtMs, null)
  })

  promised('consumers are shown with what they asked for and what they hold', async (stage) => {
    const connectedAtMs = stage.nowMs
    const hands = await stage.consume({ queues: ['default', 'q'], types: ['sumar'], slots: 2, prefetch: 3 })
    await stage.submit({ id: 'a' }, { id: 'b' }, { id: 'c' })
    const [a] = await hands.take(3)
    await stage.engine.settle([returned(a!)])
    await stage.engine.cancel(['b'])
    const { consumers } = await stage.engine.inspect()
    assert.deepEqual(consumers, [
      {
        id: hands.consumer.id,
        worker: hands.worker,
        queues: ['default', 'q'],
        types: ['sumar'],
        slots: 2,
        prefetch: 3,
        held: 2,
        connectedAtMs,
        delivered: 3,
        settled: 1,
      },
    ])
    hands.consumer.resize(5, 1)
    await stage.quiet()
    const [resized] = (await stage.engine.inspect()).consumers
    assert.deepEqual([resized?.slots, resized?.prefetch], [5, 1])
    await hands.consumer.stop()
    assert.deepEqual((await stage.engine.inspect()).consumers, [])
  })

  promised('the report says how durable the store is', async (stage) => {
    assert.equal((await stage.engine.inspect()).durability, stage.under.durability)
  })
}
