import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Patience } from '../../../../src/engine/cluster/broker/patience.ts'

test('each time it breaks soon after, the wait doubles, up to ten seconds', () => {
  const patience = new Patience(
    () => 1,
    () => 0,
  )
  const waits = Array.from({ length: 9 }, () => patience.nextMs())
  assert.deepEqual(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
})

test('the wait is spread, and never nothing', () => {
  const patience = new Patience(
    () => 0,
    () => 0,
  )
  assert.deepEqual([patience.nextMs(), patience.nextMs(), patience.nextMs()], [50, 100, 200])
})

test('what held for a while begins anew', () => {
  let nowMs = 0
  const patience = new Patience(
    () => 1,
    () => nowMs,
  )
  for (let failure = 0; failure < 8; failure++) patience.nextMs()
  nowMs = 29_000
  assert.equal(patience.nextMs(), 10_000)
  nowMs += 31_000
  assert.equal(patience.nextMs(), 100)
})
