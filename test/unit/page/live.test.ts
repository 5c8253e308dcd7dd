/** What the page makes of totals, records and events: rates, latency, samples, timelines, rows. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueueLook, TaskEvent, TaskRecord } from '../../../dashboard/src/api/shapes.ts'
import { latencyOf, spreadOf } from '../../../dashboard/src/live/latency.ts'
import { POINTS_MAX, pointBetween, sumOf, withPoint } from '../../../dashboard/src/live/rates.ts'
import { createSampler } from '../../../dashboard/src/live/sample.ts'
import { timelineOf } from '../../../dashboard/src/live/timeline.ts'
import { whyBlanks } from '../../../dashboard/src/task/why-blanks.ts'
import { withEvents, withNewest } from '../../../dashboard/src/task-list/patch.ts'

const time = (second: number) => new Date(Date.UTC(2026, 0, 31, 12, 0, second)).toISOString()

function queue(part: Partial<QueueLook>, totals: Partial<QueueLook['totals']> = {}): QueueLook {
  const none = { submitted: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0, ...totals }
  return {
    queue: 'default',
    scheduled: 0,
    blocked: 0,
    queued: 0,
    running: 0,
    oldestQueuedAt: null,
    ...part,
    totals: none,
  } as QueueLook
}

function record(part: Partial<TaskRecord>): TaskRecord {
  return {
    id: 'a',
    type: 'sumar',
    queue: 'default',
    state: 'queued',
    priority: 4,
    attempt: 0,
    maxAttempts: 5,
    crashes: 0,
    createdAt: time(0),
    runAt: time(0),
    ...part,
  }
}

function event(part: Partial<TaskEvent>): TaskEvent {
  return { at: time(1), id: 'a', type: 'sumar', queue: 'default', state: 'running', attempt: 1, ...part }
}

test('two looks at the totals are a rate; a server that counts anew is none', () => {
  const before = { atMs: 1_000, totals: sumOf([queue({}, { submitted: 10, succeeded: 5, failed: 3 })]) }
  const after = {
    atMs: 3_000,
    totals: sumOf([
      queue({ queued: 4, oldestQueuedAt: time(9) }, { submitted: 20, succeeded: 9, failed: 1 }),
      queue({ queue: 'other', queued: 3, running: 2, oldestQueuedAt: time(3) }, { submitted: 30 }),
    ]),
  }
  assert.deepEqual(pointBetween(before, after), {
    atMs: 3_000,
    submittedRate: 20,
    succeededRate: 2,
    // Two were retried by hand: they left their total, and that is no rate.
    lostRate: 0,
    waiting: 7,
    running: 2,
  })
  assert.equal(after.totals.oldestQueuedAt, time(3))
  assert.equal(pointBetween(after, before), null)
  assert.equal(pointBetween(after, { ...before, atMs: 9_000 }), null)
})

test('points are kept for a while, not for ever', () => {
  const point = pointBetween({ atMs: 0, totals: sumOf([]) }, { atMs: 1, totals: sumOf([]) })!
  let points = withPoint([], point)
  for (let index = 0; index < POINTS_MAX + 10; index++) points = withPoint(points, { ...point, atMs: index })
  assert.equal(points.length, POINTS_MAX)
  assert.equal(points.at(-1)!.atMs, POINTS_MAX + 9)
})

test('latency counts from when a task was due, and knows nothing of what never started', () => {
  const ended = record({ state: 'succeeded', runAt: time(10), startedAt: time(12), finishedAt: time(15) })
  assert.deepEqual(latencyOf([ended, record({ state: 'canceled', finishedAt: time(2) })], 7), {
    atMs: 7,
    tasks: 1,
    waitMs: { p50: 2_000, p95: 2_000 },
    runMs: { p50: 3_000, p95: 3_000 },
  })
  assert.equal(latencyOf([record({})], 7), null)
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual(spreadOf(hundred), { p50: 50, p95: 95 })
})

test('a sample has the last news of each state, all log lines, and counts what it leaves out', () => {
  const sampler = createSampler(2)
  assert.equal(sampler.take(), null)
  const line = (number: number) => ({
    number,
    at: time(1),
    attempt: 1,
    level: 'info' as const,
    text: `line ${number}`,
  })
  sampler.add(event({ lines: [line(1)] }))
  sampler.add(event({ lines: [line(2)], progress: { done: 1 } }))
  sampler.add(event({ state: 'succeeded' }))
  sampler.add(event({ id: 'b', dropped: 5 }))
  sampler.addSkipped(100)
  const sample = sampler.take()!
  assert.deepEqual(
    sample.events.map(({ id, state, lines, progress }) => [id, state, lines?.length, progress?.done]),
    [
      ['a', 'running', 2, 1],
      ['a', 'succeeded', undefined, undefined],
    ],
  )
  assert.deepEqual([sample.total, sample.skipped], [109, 106])
  assert.equal(sampler.take(), null)
})

test('a timeline knows the last attempt from the record and earlier ones from the log and from what was seen', () => {
  const failed = record({
    state: 'failed',
    attempt: 3,
    startedAt: time(30),
    finishedAt: time(31),
    runAt: time(29),
  })
  const lines = [{ number: 1, at: time(2), attempt: 1, level: 'info' as const, text: 'here' }]
  const seen = [
    event({ attempt: 2, at: time(10) }),
    event({ attempt: 2, state: 'scheduled', at: time(11) }),
    event({ attempt: 2, state: 'scheduled', at: time(11) }),
  ]
  assert.deepEqual(timelineOf(failed, lines, seen), [
    { kind: 'accepted', at: time(0) },
    { kind: 'attempt', at: time(2), attempt: 1, lines: 1 },
    { kind: 'attempt', at: time(10), attempt: 2, lines: 0 },
    { kind: 'state', at: time(11), state: 'scheduled' },
    { kind: 'attempt', at: time(30), attempt: 3, lines: 0 },
    { kind: 'state', at: time(31), state: 'failed' },
  ])
  assert.deepEqual(timelineOf(record({ state: 'scheduled', runAt: time(60) }), [], []), [
    { kind: 'accepted', at: time(0) },
    { kind: 'due', at: time(60) },
  ])
})

test('rows follow events; what is final stays, unless it was retried by hand', () => {
  const rows = [record({ id: 'a' }), record({ id: 'b', state: 'succeeded', attempt: 1, finishedAt: time(5) })]
  const { rows: next, strangers } = withEvents(rows, [
    event({ id: 'a', at: time(7) }),
    event({ id: 'a', progress: { done: 1, total: 2 } }),
    event({ id: 'b' }),
    event({ id: 'c', state: 'queued' }),
  ])
  assert.equal(strangers, 1)
  assert.deepEqual(
    next[0],
    record({ state: 'running', attempt: 1, startedAt: time(7), progress: { done: 1, total: 2 } }),
  )
  assert.equal(next[1]!.state, 'succeeded')
  const revived = withEvents(next, [event({ id: 'b', state: 'queued', attempt: 0 })]).rows[1]!
  assert.deepEqual([revived.state, revived.finishedAt], ['queued', undefined])
  assert.equal(withEvents(rows, [event({ id: 'x' })]).rows, rows)
})

test('the newest page goes in front; a gap between the two is told', () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => record({ id })) as [
    TaskRecord,
    TaskRecord,
    TaskRecord,
    TaskRecord,
  ]
  const fresh = { ...b, state: 'running' as const }
  assert.deepEqual(withNewest([b, c], [a, fresh]), [a, fresh, c])
  assert.deepEqual(withNewest([], [a]), [a])
  assert.equal(withNewest([c, d], [a, b]), null)
})

test('a reason fills the blanks of its sentence; what is not known is a dash', () => {
  const worker = { id: 'w', pid: 4711, host: 'here' }
  const message = 'as the server says it'
  const nowMs = Date.parse(time(0))
  assert.equal(whyBlanks({ kind: 'not-due', message, until: time(5) }, nowMs).wait, '5 s')
  assert.equal(
    whyBlanks({ kind: 'behind-others', message, ahead: 7, isMore: true, waitMs: null }, 0).ahead,
    '> 7',
  )
  assert.equal(whyBlanks({ kind: 'behind-others', message, ahead: 7, waitMs: null }, 0).wait, '–')
  const takers = [
    { worker, queues: ['a'], types: ['sumar', 'eco'] },
    { worker, queues: ['b'], types: ['eco'] },
  ]
  assert.equal(whyBlanks({ kind: 'type-unknown', message, takers }, 0).types, 'sumar, eco')
  assert.equal(whyBlanks({ kind: 'no-worker', message, others: takers }, 0).queues, 'a, b')
  assert.equal(whyBlanks({ kind: 'no-worker', message, others: [] }, 0).queues, '–')
  assert.equal(whyBlanks({ kind: 'running', message, worker }, 0).worker, 'here, PID 4711')
})
