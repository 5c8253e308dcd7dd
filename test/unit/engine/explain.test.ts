/** Reasons that no engine can be brought to give at will, and what of them is hidden from whom. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsumerReport, EngineReport } from '../../../src/engine/engine.ts'
import { explain, NOWHERE, rivalTypes, withoutTakers } from '../../../src/engine/explain.ts'
import { TASK_STATES } from '../../../src/task/lifecycle.ts'
import type { TaskRecord } from '../../../src/task/task.ts'

const NOW = 1_000_000
const RECORD: TaskRecord = {
  id: 'a',
  type: 'x',
  queue: 'mail',
  state: 'queued',
  priority: 4,
  attempt: 0,
  maxAttempts: 5,
  crashes: 0,
  createdAtMs: NOW - 10,
  runAtMs: NOW - 10,
}
const consumer = (over: Partial<ConsumerReport> = {}): ConsumerReport => ({
  id: 'c1',
  worker: { id: 'w', pid: 1, host: 'h' },
  queues: ['mail'],
  types: null,
  slots: 1,
  prefetch: 2,
  held: 0,
  connectedAtMs: NOW - 10_000,
  delivered: 0,
  settled: 0,
  ...over,
})
const report = (...consumers: ConsumerReport[]): Pick<EngineReport, 'queues' | 'consumers'> => ({
  queues: [],
  consumers,
})

test('a task with nothing in its way should start at any moment', () => {
  const { reasons } = explain(RECORD, NOWHERE, report(consumer({ held: 1 })), NOW)
  assert.deepEqual(
    reasons.map(({ kind }) => kind),
    ['imminent'],
  )
})

test('a blocked task waits for others, and then for what keeps everybody waiting', () => {
  const { reasons } = explain({ ...RECORD, state: 'blocked' }, NOWHERE, report(), NOW)
  assert.deepEqual(
    reasons.map(({ kind }) => kind),
    ['waits-for-tasks', 'no-worker'],
  )
})

test('every state has its reasons', () => {
  for (const state of TASK_STATES) {
    const { reasons } = explain({ ...RECORD, state, finishedAtMs: NOW }, NOWHERE, report(), NOW)
    assert.ok(reasons.length > 0, state)
  }
})

test('tasks of the types compete that those take who could take this one', () => {
  assert.equal(rivalTypes(RECORD, [consumer()]), null)
  const some = [consumer({ types: ['x', 'y'] }), consumer({ types: ['z'] }), consumer({ queues: ['other'] })]
  assert.deepEqual(rivalTypes(RECORD, some), new Set(['x', 'y']))
})

test('who may not observe a queue learns why, and not who works or how much waits', () => {
  const busy = explain(
    RECORD,
    { ...NOWHERE, ahead: 7 },
    report(consumer({ held: 2, settled: 5, worker: { id: 'secret', pid: 7, host: 'secret-host' } })),
    NOW,
  )
  const idle = explain(RECORD, NOWHERE, report(consumer({ queues: ['payroll'], types: ['secret'] })), NOW)
  const other = explain(RECORD, NOWHERE, report(consumer({ types: ['secret'] })), NOW)
  for (const explanation of [busy, idle, other]) {
    const hidden = withoutTakers(explanation, () => false)
    assert.deepEqual(
      hidden.reasons.map(({ kind }) => kind),
      explanation.reasons.map(({ kind }) => kind),
    )
    assert.doesNotMatch(JSON.stringify(hidden), /secret|payroll|7|"held":[1-9]|of 2/)
  }
  assert.deepEqual(
    withoutTakers(other, () => true),
    other,
  )
})
