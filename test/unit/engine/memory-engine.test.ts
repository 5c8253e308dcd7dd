/** What only the memory engine has: a limit of its own, and the system's clock when none is given. The rest is in test/conformance. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import type { Submission } from '../../../src/task/task.ts'

const submission = (id: string): Submission => ({
  id,
  type: 'sumar',
  queue: 'default',
  dataText: '[5,7]',
  priority: 4,
  runAtMs: 0,
  options: null,
})

const worker = { id: 'w1', pid: 1, host: 'test' }

test('at its limit of tasks new ones are told to come back later, known ones are answered', async () => {
  const clock = new VirtualClock()
  const engine = openMemoryEngine({ clock, tasksMax: 2, retentionMs: 1_000 })
  const answers = await engine.submit(['a', 'b', 'c', 'a'].map(submission), 'disk')
  assert.deepEqual(
    answers.map((answer) => ('refused' in answer ? answer.refused.code : answer.duplicate)),
    [false, false, 'RETRY_AFTER', true],
  )
  const [, , refusal] = answers
  assert.ok(refusal !== undefined && 'refused' in refusal)
  assert.equal(refusal.refused.retryAfterMs, 250)
  await engine.cancel(['a'])
  await clock.advance(1_000)
  const [accepted] = await engine.submit([submission('c')], 'disk')
  assert.equal(accepted?.id, 'c')
  assert.ok('duplicate' in accepted && !accepted.duplicate, 'purged tasks make room')
  await engine.close()
})

test('without a clock it lives in real time', { timeout: 20_000 }, async (context) => {
  const engine = openMemoryEngine()
  // The engine's own timers do not keep a process alive.
  const alive = setInterval(() => undefined, 1_000)
  context.after(() => clearInterval(alive))
  const { promise, resolve } = Promise.withResolvers<Delivery>()
  const request = { queues: ['default'], types: null, slots: 1, prefetch: 1, worker }
  await engine.consume(request, { deliver: ([delivery]) => resolve(delivery!), revoke() {} })
  await engine.submit([{ ...submission('a'), runAtMs: Date.now() + 20 }], 'memory')
  const waited = engine.wait(['a'], 10_000)
  const { id, epoch } = await promise
  await engine.settle([{ id, epoch, kind: 'returned', valueText: '12' }])
  const [record] = await waited
  assert.deepEqual([record?.state, record?.resultText], ['succeeded', '12'])
  await engine.close()
})

test('a consumer whose sink throws when it is told of a cancel has failed', async () => {
  const clock = new VirtualClock()
  const engine = openMemoryEngine({ clock })
  const request = { queues: ['default'], types: null, slots: 2, prefetch: 1, worker }
  const consumer = await engine.consume(request, {
    deliver() {},
    revoke() {
      throw new Error('deaf')
    },
  })
  await engine.submit([submission('a')], 'memory')
  await clock.advance(0)
  await engine.cancel(['a'])
  const end = await consumer.ended
  assert.equal(end.reason, 'failed')
  assert.match(String(end.error), /deaf/)
  await engine.close()
})
