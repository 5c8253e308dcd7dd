/** The log of ended attempts: lines while there are few, a summary a second when there are many. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '../../../src/engine/engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { Held } from '../../../src/worker/held.ts'
import { TaskLines, type TaskLinesMode } from '../../../src/worker/task-lines.ts'

function bench(mode: TaskLinesMode) {
  const clock = new VirtualClock()
  const events: [string, Record<string, unknown>][] = []
  const lines = new TaskLines({ event: (name, fields) => events.push([name, { ...fields }]) }, mode, clock)
  const end = (count: number) => {
    for (let n = 0; n < count; n++) {
      const facts = { type: 'sumar', queue: null, isolation: 'thread', timeoutMs: null } as const
      const held = new Held({ id: `${n}`, type: 'sumar', attempt: 1, timeoutMs: null } as Delivery, facts, n)
      held.thread = 2
      held.runMs = 3.14
      lines.ended(held, { id: `${n}`, epoch: 1, kind: 'returned', valueText: '12' })
    }
  }
  return { clock, events, lines, end }
}

test('few attempts get a line each', async () => {
  const { clock, events, end } = bench('auto')
  end(2)
  await clock.advance(2_000)
  assert.deepEqual(events, [
    ['worker.succeeded', { id: '0', type: 'sumar', attempt: 1, runMs: 3.1, thread: 2 }],
    ['worker.succeeded', { id: '1', type: 'sumar', attempt: 1, runMs: 3.1, thread: 2 }],
  ])
})

test('many get a summary a second, and lines again when it is quiet', async () => {
  const { clock, events, end } = bench('auto')
  end(1_000)
  assert.equal(events.length, 200)
  await clock.advance(1_000)
  assert.deepEqual(events.at(-1), ['worker.summary', { ended: 1_000, succeeded: 1_000, meanRunMs: 3.1 }])
  end(500)
  await clock.advance(1_000)
  assert.equal(events.length, 202, 'after a busy second the next one starts without lines')
  end(10)
  await clock.advance(1_000)
  assert.equal(events.length, 203)
  end(10)
  assert.equal(events.length, 213)
})

test('on writes all, off writes nothing', async () => {
  const on = bench('on')
  on.end(500)
  assert.equal(on.events.length, 500)
  const off = bench('off')
  off.end(500)
  await off.clock.advance(2_000)
  assert.equal(off.events.length, 0)
})

test('an error is told in one short line', () => {
  const { events, lines } = bench('on')
  const facts = { type: 't', queue: null, isolation: 'thread', timeoutMs: null } as const
  const held = new Held({ id: 'x', type: 't', attempt: 2, timeoutMs: null } as Delivery, facts, 0)
  const error = { name: 'Error', message: 'm'.repeat(1_000) }
  lines.ended(held, { id: 'x', epoch: 1, kind: 'threw', error, retryable: true })
  assert.equal(events[0]![0], 'worker.threw')
  assert.equal((events[0]![1].reason as string).length, 300)
})
