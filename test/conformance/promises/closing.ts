import assert from 'node:assert/strict'
import { returned } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function closing(promised: Promised): void {
  promised('closing answers pending waits with the states reached', async (stage) => {
    const [, delivery] = await stage.running({ id: 'a' })
    await stage.submit({ id: 'b' })
    const waited = stage.engine.wait(['a', 'b', 'unknown'], 600_000)
    await stage.quiet()
    await stage.engine.settle([returned(delivery)])
    await stage.engine.close()
    const records = await waited
    assert.equal(records[0]?.state, 'succeeded')
    assert.ok(records[1]?.state === 'queued' || records[1]?.state === 'running')
    assert.equal(records[2], null)
  })

  promised('closing ends consumers, which get nothing more', async (stage) => {
    const hands = await stage.consume()
    const stopped = await stage.consume()
    await stopped.consumer.stop()
    await stage.engine.close()
    assert.deepEqual(await hands.consumer.ended, { reason: 'closed' })
    assert.deepEqual(await stopped.consumer.ended, { reason: 'stopped' })
    hands.consumer.resize(2, 2)
    await hands.consumer.stop({ lost: true })
    assert.deepEqual(hands.ids, [])
  })

  promised('what was asked before closing is answered', async (stage) => {
    const [, delivery] = await stage.running({ id: 'a' })
    const submitted = stage.submit({ id: 'b' })
    const settled = stage.engine.settle([returned(delivery)])
    await stage.engine.close()
    const [receipt] = await submitted
    assert.equal(receipt?.id, 'b')
    assert.deepEqual(await settled, [{ id: 'a', accepted: true, state: 'succeeded' }])
  })

  promised('after closing every call is refused, and closing again is harmless', async (stage) => {
    const { engine } = stage
    await Promise.all([engine.close(), engine.close()])
    await engine.close()
    const worker = { id: 'w', pid: 1, host: 'test' }
    const sink = { deliver() {}, revoke() {} }
    const calls: [string, () => Promise<unknown>][] = [
      ['submit', () => stage.submit({ id: 'a' })],
      ['get', () => engine.get(['a'])],
      ['list', () => engine.list({ limit: 1 })],
      ['wait', () => engine.wait(['a'], 1)],
      ['watch', () => engine.watch({}, () => {})],
      ['cancel', () => engine.cancel(['a'])],
      ['retry', () => engine.retry({ ids: ['a'] })],
      ['retry by filter', () => engine.retry({ filter: {} })],
      ['consume', () => engine.consume({ queues: ['q'], types: null, slots: 1, prefetch: 1, worker }, sink)],
      ['settle', () => engine.settle([returned({ id: 'a', epoch: 1 })])],
      ['extend', () => engine.extend([{ id: 'a', epoch: 1 }])],
      ['report', () => engine.report([{ id: 'a', epoch: 1, progress: { done: 0, total: 1 } }])],
      ['log', () => engine.log('a', 0)],
      ['inspect', () => engine.inspect()],
    ]
    for (const [name, call] of calls) await assert.rejects(call, { code: 'CLOSED' }, name)
  })
}
