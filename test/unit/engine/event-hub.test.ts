import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskEvent } from '../../../src/engine/engine.ts'
import { EventHub } from '../../../src/engine/event-hub.ts'

const event = (id: string, more: Partial<TaskEvent> = {}): TaskEvent => ({
  atMs: 1,
  id,
  type: 'sumar',
  queue: 'default',
  state: 'queued',
  attempt: 0,
  ...more,
})

function listen() {
  const heard: string[][] = []
  return { heard, listener: (events: readonly TaskEvent[]) => void heard.push(events.map((e) => e.id)) }
}

test('with no watch, nothing is wanted', async () => {
  const hub = new EventHub()
  assert.equal(hub.wants, false)
  assert.equal(hub.wantsId('a'), false)
  const watch = hub.watch({ ids: ['a'] }, () => {})
  assert.equal(hub.wants, true)
  await watch.close()
  assert.equal(hub.wants, false)
})

test('a watch by id wants its ids only; any other watch wants every id', async () => {
  const hub = new EventHub()
  hub.watch({ ids: ['a', 'b'] }, () => {})
  assert.deepEqual([hub.wantsId('a'), hub.wantsId('b'), hub.wantsId('c')], [true, true, false])
  const all = hub.watch({ types: ['x'] }, () => {})
  assert.equal(hub.wantsId('c'), true)
  await all.close()
  assert.equal(hub.wantsId('c'), false)
})

test('every given field of a query must match', () => {
  const hub = new EventHub()
  const byAll = listen()
  const everything = listen()
  const nothing = listen()
  hub.watch({ ids: ['a', 'b'], types: ['sumar'], queues: ['q'], states: ['failed'] }, byAll.listener)
  hub.watch({}, everything.listener)
  hub.watch({ ids: [] }, nothing.listener)
  hub.publish([
    event('a', { queue: 'q', state: 'failed' }),
    event('a', { queue: 'q', state: 'queued' }),
    event('b', { queue: 'other', state: 'failed' }),
    event('b', { queue: 'q', state: 'failed', type: 'other' }),
    event('b', { queue: 'q', state: 'failed' }),
    event('c', { queue: 'q', state: 'failed' }),
  ])
  assert.deepEqual(byAll.heard, [['a', 'b']])
  assert.deepEqual(everything.heard, [['a', 'a', 'b', 'b', 'b', 'c']])
  assert.deepEqual(nothing.heard, [])
})

test('a watch of many ids hears the events of one publication in one call and in their order', () => {
  const hub = new EventHub()
  const { heard, listener } = listen()
  hub.watch({ ids: ['a', 'b', 'c'] }, listener)
  hub.publish([event('c'), event('x'), event('a'), event('c')])
  assert.deepEqual(heard, [['c', 'a', 'c']])
})

test('a closed watch hears nothing, even when it is closed by a listener of the same publication', async () => {
  const hub = new EventHub()
  const { heard, listener } = listen()
  hub.watch({ ids: ['a'] }, () => void second.close())
  const second = hub.watch({ ids: ['a'] }, listener)
  hub.publish([event('a')])
  await second.close()
  await second.close()
  assert.deepEqual(heard, [])
})

test('a listener that throws is reported and does not keep the others from hearing', () => {
  const errors: unknown[] = []
  const hub = new EventHub({ onListenerError: (error) => void errors.push(error) })
  const { heard, listener } = listen()
  hub.watch({}, () => {
    throw new Error('broken listener')
  })
  hub.watch({}, listener)
  hub.publish([event('a')])
  assert.deepEqual(heard, [['a']])
  assert.match(String(errors[0]), /broken listener/)
})
