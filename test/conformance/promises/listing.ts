import assert from 'node:assert/strict'
import { returned, tasks } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function listing(promised: Promised): void {
  promised('an empty store lists nothing', async (stage) => {
    assert.deepEqual(await stage.engine.list({ limit: 10 }), { tasks: [], cursor: null })
  })

  promised('the newest come first, whatever became of them', async (stage) => {
    const [, delivery] = await stage.running({ id: 'a' })
    await stage.submit({ id: 'b', priority: 9 }, { id: 'c', runAtMs: stage.nowMs + 1_000 })
    await stage.engine.settle([returned(delivery)])
    await stage.engine.cancel(['b'])
    assert.deepEqual(await stage.list(), ['c', 'b', 'a'])
  })

  promised('a list shows records, with data only when asked for', async (stage) => {
    await stage.submit({ id: 'a' })
    const plain = await stage.engine.list({ limit: 1 })
    assert.deepEqual(plain.tasks, [await stage.record('a')])
    const [withData] = (await stage.engine.list({ limit: 1, data: true })).tasks
    assert.equal(withData?.dataText, '[5,7]')
  })

  promised('every given field of a query must match', async (stage) => {
    const hands = await stage.consume({ types: ['x'], queues: ['default'] })
    await stage.submit(
      { id: 'a', type: 'x' },
      { id: 'b', type: 'y' },
      { id: 'c', type: 'x', queue: 'q' },
      { id: 'd', type: 'y', queue: 'q' },
      { id: 'e', type: 'z', queue: 'q', runAtMs: stage.nowMs + 1_000 },
    )
    await hands.next()
    await stage.engine.cancel(['d'])
    assert.deepEqual(await stage.list({ types: ['x'] }), ['c', 'a'])
    assert.deepEqual(await stage.list({ types: ['x', 'z'] }), ['e', 'c', 'a'])
    assert.deepEqual(await stage.list({ queues: ['q'] }), ['e', 'd', 'c'])
    assert.deepEqual(await stage.list({ states: ['queued'] }), ['c', 'b'])
    assert.deepEqual(await stage.list({ states: ['running'] }), ['a'])
    assert.deepEqual(await stage.list({ states: ['canceled', 'scheduled'] }), ['e', 'd'])
    assert.deepEqual(await stage.list({ states: ['queued'], types: ['x', 'y'], queues: ['q'] }), ['c'])
    assert.deepEqual(await stage.list({ states: ['failed'] }), [])
    assert.deepEqual(await stage.list({ types: ['unknown'] }), [])
  })

  promised('pages follow each other without gap or repetition', async (stage) => {
    await stage.engine.submit(
      tasks(95, () => ({})),
      'disk',
    )
    const newestFirst = tasks(95, () => ({}))
      .map((submission) => submission.id)
      .reverse()
    for (const limit of [1, 10, 94, 95, 96, 1_000]) assert.deepEqual(await stage.list({ limit }), newestFirst)
    const first = await stage.engine.list({ limit: 10 })
    assert.equal(first.tasks.length, 10)
    assert.notEqual(first.cursor, null)
  })

  promised('what is submitted or changes while someone pages through disturbs no page', async (stage) => {
    await stage.engine.submit(
      tasks(30, () => ({})),
      'disk',
    )
    const seen: string[] = []
    let cursor: string | null = null
    for (let page = 0; page < 6; page++) {
      const answer = await stage.engine.list({ limit: 5, ...(cursor !== null && { cursor }) })
      seen.push(...answer.tasks.map((record) => record.id))
      cursor = answer.cursor
      await stage.submit({ id: `new${page}` })
      await stage.engine.cancel([`t${page}`])
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 30 }, (_, index) => `t${29 - index}`),
    )
  })

  promised('the dead-letter set is found behind thousands of other tasks', async (stage) => {
    await stage.submit({ id: 'dead', type: 'x', options: { maxAttempts: 1 } })
    const hands = await stage.consume({ types: ['x'] })
    const { id, epoch } = await hands.next()
    await stage.engine.settle([
      { id, epoch, kind: 'threw', error: { name: 'E', message: 'm' }, retryable: true },
    ])
    await stage.engine.submit(
      tasks(2_500, () => ({})),
      'disk',
    )
    assert.deepEqual(await stage.list({ states: ['failed'] }), ['dead'])
    assert.deepEqual(await stage.list({ types: ['x'] }), ['dead'])
  })

  promised('a cursor that no page gave is refused', async (stage) => {
    await stage.submit({ id: 'a' })
    await assert.rejects(stage.engine.list({ limit: 1, cursor: '¿?' }), { code: 'INVALID_PARAMS' })
  })
}
