/** What people type, and addresses they send each other: into the page and out again. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withQuery } from '../../../dashboard/src/api/door.ts'
import { readAddress, writeAddress } from '../../../dashboard/src/route/address.ts'
import { checkDraft, EMPTY } from '../../../dashboard/src/submit/draft.ts'
import { newTaskId } from '../../../dashboard/src/submit/new-id.ts'
import {
  askedOf,
  EVERYTHING,
  fits,
  readFilter,
  writeFilter,
} from '../../../dashboard/src/task-list/filter.ts'

test('an address says a screen, a task and filters, whatever characters they have', () => {
  for (const id of ['order-1', 'a/b', 'ñandú 100 %', '?x=1#y']) {
    assert.deepEqual(readAddress(writeAddress('task', { id })), { screen: 'task', id, filters: {} })
  }
  const filters = { state: 'failed', text: 'a & b' }
  assert.deepEqual(readAddress(writeAddress('tasks', { filters })), { screen: 'tasks', id: '', filters })
  assert.equal(readAddress('').screen, 'overview')
  assert.equal(readAddress('#/nowhere').screen, 'overview')
  assert.equal(readAddress('#/tasks/100%').id, '100%')
})

test('filters stand in the address and come back', () => {
  const filter = {
    ...EVERYTHING,
    states: ['failed', 'queued'] as const,
    types: ['a,b', 'c'],
    queues: ['q/1'],
    text: 'x y',
    fromMs: 1_000,
  }
  assert.deepEqual(
    readFilter(readAddress(writeAddress('tasks', { filters: writeFilter(filter) })).filters),
    filter,
  )
  assert.deepEqual(readFilter({ state: 'nonsense,failed', within: 'ever', from: 'now' }), {
    ...EVERYTHING,
    states: ['failed'],
  })
})

test('times are asked of the server, text is looked at in what it lists', () => {
  const task = {
    id: 'Order-7',
    type: 'mail',
    queue: 'default',
    state: 'failed' as const,
    priority: 4,
    attempt: 1,
    maxAttempts: 1,
    crashes: 0,
    createdAt: new Date(100_000).toISOString(),
    runAt: new Date(100_000).toISOString(),
    error: { name: 'RangeError', message: 'the bridge is down' },
  }
  const finds = (part: Partial<typeof EVERYTHING>) => fits(task, { ...EVERYTHING, ...part })
  assert.ok(finds({}))
  assert.ok(finds({ text: 'order-7' }) && finds({ text: 'BRIDGE' }) && !finds({ text: 'tower' }))
  const times = (part: Partial<typeof EVERYTHING>) => {
    const { createdAfter, createdBefore } = askedOf({ ...EVERYTHING, ...part }, 200_000)
    return [createdAfter, createdBefore]
  }
  assert.deepEqual(times({}), [null, null])
  assert.deepEqual(times({ withinMs: 100_000, fromMs: 1 }), ['1970-01-01T00:01:40.000Z', null])
  assert.deepEqual(times({ fromMs: 0, untilMs: 1_000 }), [
    '1970-01-01T00:00:00.000Z',
    '1970-01-01T00:00:01.001Z',
  ])
})

test('a form becomes a task, or a sentence about the field that is wrong', () => {
  const draft = { ...EMPTY, type: ' sumar ', data: '[5, 7]', count: '3', priority: '9', delayMs: '250' }
  assert.deepEqual(checkDraft(draft), {
    task: { type: 'sumar', data: [5, 7], priority: 9, delayMs: 250 },
    count: 3,
  })
  assert.deepEqual(checkDraft({ ...draft, data: ' ' }), {
    task: { type: 'sumar', data: null, priority: 9, delayMs: 250 },
    count: 3,
  })
  assert.deepEqual(checkDraft({ ...draft, type: '' }), { fault: { field: 'type', key: 'submit.noType' } })
  for (const count of ['0', '10001', '1.5', '', 'many']) {
    assert.deepEqual(checkDraft({ ...draft, count }), { fault: { field: 'count', key: 'submit.badCount' } })
  }
  const checked = checkDraft({ ...draft, data: '{\n  "a": 1,\n  b\n}' })
  assert.ok('fault' in checked && checked.fault.field === 'data')
  assert.equal(checked.fault.line, 3)
})

test('an id that the page makes is a UUIDv7 of its moment', () => {
  const id = newTaskId(Date.parse('2026-01-31T12:00:00.000Z'), new Uint8Array(10).fill(0xff))
  assert.equal(id, '019c13fa-1c00-7fff-bfff-ffffffffffff'.replace(/^.{13}/, id.slice(0, 13)))
  assert.equal(Number.parseInt(id.slice(0, 13).replace('-', ''), 16), Date.parse('2026-01-31T12:00:00.000Z'))
})

test('a query leaves out what was not said and repeats what is several', () => {
  assert.equal(
    withQuery('v1/tasks', { state: ['a', 'b'], type: [], limit: 5, cursor: null, x: '' }),
    'v1/tasks?state=a&state=b&limit=5',
  )
  assert.equal(withQuery('v1/stats'), 'v1/stats')
})
