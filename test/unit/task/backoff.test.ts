import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Backoff, backoffDelayMs, DEFAULT_BACKOFF } from '../../../src/task/backoff.ts'

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('by default delays double from one second to five minutes, half of each at random', () => {
  const delays = (random: number) =>
    [1, 2, 3, 8, 9, 10, 1_000].map((failures) => backoffDelayMs(DEFAULT_BACKOFF, failures, () => random))
  assert.deepEqual(delays(0), [500, 1_000, 2_000, 64_000, 128_000, 150_000, 150_000])
  assert.deepEqual(delays(0.5), [750, 1_500, 3_000, 96_000, 192_000, 225_000, 225_000])
})

test('without jitter the delay is the ceiling itself', () => {
  const backoff: Backoff = { kind: 'exponential', baseMs: 100, maxMs: 1_000, jitter: false }
  const delays = [1, 2, 3, 4, 5, 6].map((failures) =>
    backoffDelayMs(backoff, failures, () => assert.fail('asked for a random number')),
  )
  assert.deepEqual(delays, [100, 200, 400, 800, 1_000, 1_000])
})

test('a fixed delay is always the same, a list is gone through and its last entry repeats', () => {
  const of = (backoff: Backoff) =>
    [1, 2, 3, 4, 500].map((failures) => backoffDelayMs(backoff, failures, () => 0.9))
  assert.deepEqual(of({ kind: 'fixed', delayMs: 0 }), [0, 0, 0, 0, 0])
  assert.deepEqual(of({ kind: 'list', delaysMs: [5, 0, 70] }), [5, 0, 70, 70, 70])
  assert.deepEqual(of({ kind: 'list', delaysMs: [5] }), [5, 5, 5, 5, 5])
})

test('an exponential delay is whole, never negative, never above its maximum, and at least half its ceiling', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10_000_000 }),
      fc.integer({ min: 0, max: 1_000_000_000 }),
      fc.integer({ min: 1, max: 1_000 }),
      unit,
      (baseMs, maxMs, failures, random) => {
        const delayMs = backoffDelayMs(
          { kind: 'exponential', baseMs, maxMs, jitter: true },
          failures,
          () => random,
        )
        const ceilingMs = Math.min(maxMs, baseMs * 2 ** (failures - 1))
        assert.ok(Number.isSafeInteger(delayMs))
        assert.ok(delayMs <= Math.ceil(ceilingMs))
        assert.ok(delayMs >= Math.floor(ceilingMs / 2))
      },
    ),
  )
})

test('delays never get shorter as failures add up, with the same luck', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), unit, (failures, random) => {
      const of = (count: number) => backoffDelayMs(DEFAULT_BACKOFF, count, () => random)
      assert.ok(of(failures + 1) >= of(failures))
    }),
  )
})
