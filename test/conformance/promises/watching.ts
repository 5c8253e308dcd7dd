import assert from 'node:assert/strict'
import type { TaskEvent, WatchQuery } from '../../../src/engine/engine.ts'
import { crashed, released, returned, type Stage, threw, until } from '../harness.ts'
import type { Promised } from '../suite.ts'

async function watch(stage: Stage, query: WatchQuery = {}) {
  const events: TaskEvent[] = []
  const handle = await stage.engine.watch(query, (batch) => void events.push(...batch))
  const moves = () =>
    events.filter((e) => !e.progress && !e.lines).map((e) => `${e.id} ${e.state} ${e.attempt}`)
  return {
    events,
    handle,
    /** The changes of state, once there are that many. */
    async moves(count: number) {
      await until(`${count} events`, () => moves().length >= count)
      await stage.quiet()
      return moves()
    },
  }
}

export function watching(promised: Promised): void {
  promised('a watch hears each move of a task, in order', async (stage) => {
    const watched = await watch(stage)
    const hands = await stage.consume()
    await stage.submit({
      id: 'a',
      runAtMs: stage.nowMs + 10,
      options: { backoff: { kind: 'fixed', delayMs: 20 } },
    })
    await stage.advance(10)
    await stage.engine.settle([threw(await hands.next())])
    await stage.advance(20)
    await stage.engine.settle([returned(await hands.next())])
    assert.deepEqual(await watched.moves(7), [
      'a scheduled 0',
      'a queued 0',
      'a running 1',
      'a scheduled 1',
      'a queued 1',
      'a running 2',
      'a succeeded 2',
    ])
    assert.deepEqual(watched.events[0], {
      atMs: stage.nowMs - 30,
      id: 'a',
      type: 'sumar',
      queue: 'default',
      state: 'scheduled',
      attempt: 0,
    })
    assert.equal(watched.events[6]?.atMs, stage.nowMs)
  })

  promised('deaths, releases, cancels, expiries and retries by hand are heard', async (stage) => {
    const watched = await watch(stage)
    const [hands, first] = await stage.running({ id: 'a' })
    await stage.engine.settle([crashed(first)])
    await stage.engine.settle([released(await hands.next())])
    await hands.next()
    await stage.engine.cancel(['a'])
    await hands.consumer.stop()
    await stage.engine.retry({ ids: ['a'] })
    assert.deepEqual(await watched.moves(8), [
      'a queued 0',
      'a running 1',
      'a queued 0',
      'a running 1',
      'a queued 0',
      'a running 1',
      'a canceled 1',
      'a queued 0',
    ])
    await stage.submit({ id: 'e', options: { expiresAtMs: stage.nowMs + 10 } })
    await stage.advance(10)
    assert.deepEqual((await watched.moves(10)).slice(8), ['e queued 0', 'e expired 0'])
  })

  promised('a watch hears only what its query names', async (stage) => {
    const byId = await watch(stage, { ids: ['a', 'c', 'not yet'] })
    const byType = await watch(stage, { types: ['x'] })
    const byQueue = await watch(stage, { queues: ['q'] })
    const byState = await watch(stage, { states: ['canceled', 'failed'] })
    const byAll = await watch(stage, {
      ids: ['a', 'b', 'c'],
      types: ['x'],
      queues: ['q'],
      states: ['canceled'],
    })
    const byNothing = await watch(stage, { ids: [] })
    await stage.submit({ id: 'a', type: 'x' }, { id: 'b', type: 'x', queue: 'q' }, { id: 'c', queue: 'q' })
    await stage.engine.cancel(['a', 'b', 'c'])
    assert.deepEqual(await byId.moves(4), ['a queued 0', 'c queued 0', 'a canceled 0', 'c canceled 0'])
    assert.deepEqual(await byType.moves(4), ['a queued 0', 'b queued 0', 'a canceled 0', 'b canceled 0'])
    assert.deepEqual(await byQueue.moves(4), ['b queued 0', 'c queued 0', 'b canceled 0', 'c canceled 0'])
    assert.deepEqual(await byState.moves(3), ['a canceled 0', 'b canceled 0', 'c canceled 0'])
    assert.deepEqual(await byAll.moves(1), ['b canceled 0'])
    assert.deepEqual(await byNothing.moves(0), [])
  })

  promised('a closed watch hears nothing more, and closing again is harmless', async (stage) => {
    const closed = await watch(stage)
    const open = await watch(stage)
    await stage.submit({ id: 'a' })
    await closed.moves(1)
    await closed.handle.close()
    await stage.submit({ id: 'b' })
    await open.moves(2)
    assert.deepEqual(await closed.moves(1), ['a queued 0'])
    await closed.handle.close()
  })

  promised('duplicates and refused submissions are no events', async (stage) => {
    await stage.submit({ id: 'a' })
    const watched = await watch(stage)
    await stage.submit({ id: 'a' }, { id: 'a', dataText: '0' }, { id: 'b' })
    assert.deepEqual(await watched.moves(1), ['b queued 0'])
  })

  promised('progress and log lines of a running attempt are heard as news of it', async (stage) => {
    const watched = await watch(stage, { ids: ['a'] })
    const [, { epoch }] = await stage.running({})
    const atMs = stage.nowMs
    await stage.engine.report([{ id: 'a', epoch, progress: { done: 1, total: 4, note: 'first' } }])
    await stage.engine.report([{ id: 'a', epoch, lines: [{ level: 'info', text: 'hello', atMs }] }])
    await until('two news', () => watched.events.filter((e) => e.progress || e.lines).length === 2)
    const news = watched.events.filter((e) => e.progress || e.lines)
    const common = { atMs, id: 'a', type: 'sumar', queue: 'default', state: 'running', attempt: 1 }
    assert.deepEqual(news, [
      { ...common, progress: { done: 1, total: 4, note: 'first' } },
      { ...common, lines: [{ number: 1, atMs, attempt: 1, level: 'info', text: 'hello' }] },
    ])
  })
}
