/** How many deliveries a slot keeps at hand, by the mean run time. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdaptivePrefetch, prefetchFor } from '../../../src/worker/prefetch.ts'

test('about 50 ms of work a slot, one task at least, 256 over all slots at most', () => {
  assert.equal(prefetchFor(1_000, 4), 1)
  assert.equal(prefetchFor(50, 4), 1)
  assert.equal(prefetchFor(10, 4), 5)
  assert.equal(prefetchFor(1, 4), 50)
  assert.equal(prefetchFor(0.01, 4), 64)
  assert.equal(prefetchFor(0, 1), 256)
  assert.equal(prefetchFor(0.01, 1_000), 1)
})

function observe(prefetch: AdaptivePrefetch, runs: number, runMs: number): void {
  for (let run = 0; run < runs; run++) prefetch.observe(runMs)
}

test('it starts at one and grows by steps, each proven by as many runs as were at hand', () => {
  const prefetch = new AdaptivePrefetch(2)
  assert.equal(prefetch.current, 1)
  assert.equal(prefetch.adapt(), false)
  prefetch.observe(0.01)
  assert.equal(prefetch.adapt(), false, 'one run of two slots is not enough')
  const steps: number[] = []
  for (let step = 0; step < 5; step++) {
    observe(prefetch, prefetch.current * 2, 0.01)
    if (prefetch.adapt()) steps.push(prefetch.current)
  }
  assert.deepEqual(steps, [4, 16, 64, 128])
})

test('it shrinks at once when tasks become long, and small changes are not told', () => {
  const prefetch = new AdaptivePrefetch(1)
  for (let step = 0; step < 6; step++) {
    observe(prefetch, prefetch.current, 0.01)
    prefetch.adapt()
  }
  assert.equal(prefetch.current, 256)
  prefetch.observe(10)
  assert.equal(prefetch.adapt(), false, 'one run of 10 ms makes a mean of 0.3')
  observe(prefetch, 100, 10)
  assert.equal(prefetch.adapt(), true)
  assert.equal(prefetch.current, 5)
  observe(prefetch, 100, 8)
  assert.equal(prefetch.adapt(), false)
})

test('a standstill counts as a long run', () => {
  const prefetch = new AdaptivePrefetch(1)
  observe(prefetch, 1, 0.01)
  prefetch.adapt()
  assert.equal(prefetch.current, 4)
  prefetch.observeStandstill(200)
  assert.equal(prefetch.adapt(), true)
  assert.equal(prefetch.current, 1)
})
