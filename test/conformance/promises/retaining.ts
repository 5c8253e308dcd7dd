import assert from 'node:assert/strict'
import { FAILED_RETENTION_MS, RETENTION_MS, returned, tasks, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** Purging goes in steps: this much later everything that is too old is gone. */
const PURGED_MS = 2 * 3_600_000

export function retaining(promised: Promised): void {
  promised('final tasks are kept for their time and then purged; those that wait stay', async (stage) => {
    const hands = await stage.consume()
    await stage.submit({ id: 'done' })
    await stage.engine.settle([returned(await hands.next())])
    await hands.consumer.stop()
    await stage.submit(
      { id: 'canceled' },
      { id: 'expired', options: { expiresAtMs: stage.nowMs } },
      { id: 'queued' },
      { id: 'scheduled', runAtMs: stage.nowMs + 10 * RETENTION_MS },
    )
    await stage.engine.cancel(['canceled'])
    await stage.advance(RETENTION_MS - 60_000)
    assert.deepEqual(await stage.states('done', 'canceled', 'expired'), ['succeeded', 'canceled', 'expired'])
    await stage.advance(60_000 + PURGED_MS)
    assert.deepEqual(await stage.engine.get(['done', 'canceled', 'expired']), [null, null, null])
    assert.deepEqual(await stage.states('queued', 'scheduled'), ['queued', 'scheduled'])
    assert.deepEqual(await stage.list(), ['scheduled', 'queued'])
  })

  promised('failed tasks are kept longer', async (stage) => {
    const [hands, delivery] = await stage.running({})
    await stage.engine.settle([threw(delivery, { retryable: false })])
    await hands.consumer.stop()
    await stage.advance(FAILED_RETENTION_MS - 60_000)
    assert.deepEqual(await stage.states('a'), ['failed'])
    await stage.advance(60_000 + PURGED_MS)
    assert.deepEqual(await stage.states('a'), [null])
    assert.deepEqual(await stage.list({ states: ['failed'] }), [])
  })

  promised('a task that is retried by hand is not purged for what it was', async (stage) => {
    await stage.submit({ id: 'a' })
    await stage.engine.cancel(['a'])
    await stage.advance(RETENTION_MS - 60_000)
    await stage.engine.retry({ ids: ['a'] })
    await stage.advance(60_000 + PURGED_MS)
    assert.deepEqual(await stage.states('a'), ['queued'])
  })

  promised('a purged task leaves nothing: log lines, key and id are free', async (stage) => {
    const options = { dedupeKey: 'k', dedupeWindowMs: 10 * RETENTION_MS }
    const [hands, { id, epoch }] = await stage.running({ options })
    await stage.engine.report([{ id, epoch, lines: [{ level: 'info', text: 'x', atMs: stage.nowMs }] }])
    await stage.engine.settle([returned({ id, epoch })])
    await hands.consumer.stop()
    await stage.advance(RETENTION_MS + PURGED_MS)
    assert.deepEqual(await stage.engine.log('a', 0), [])
    const receipts = await stage.submit({ id: 'b', options }, { id: 'a', dataText: '"other content"' })
    assert.deepEqual(
      receipts.map((receipt) => 'duplicate' in receipt && [receipt.id, receipt.duplicate]),
      [
        ['b', false],
        ['a', false],
      ],
    )
    assert.deepEqual(await stage.engine.settle([returned({ id, epoch })]), [
      { id: 'a', accepted: false, state: 'queued' },
    ])
  })

  promised('thousands of old tasks go, and the young among them stay', async (stage) => {
    await stage.engine.submit(
      tasks(1_200, () => ({})),
      'disk',
    )
    await stage.engine.cancel(
      tasks(1_200, () => ({}))
        .map(({ id }) => id)
        .filter((id) => id !== 't300'),
    )
    await stage.advance(RETENTION_MS / 2)
    await stage.engine.cancel(['t300'])
    await stage.advance(RETENTION_MS / 2 + PURGED_MS)
    assert.deepEqual(await stage.list(), ['t300'])
    await stage.advance(RETENTION_MS / 2)
    assert.deepEqual(await stage.list(), [])
  })
}
