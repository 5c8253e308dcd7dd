import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Outcome, TaskError } from '../../../src/task/outcome.ts'
import { type Budget, decide } from '../../../src/task/verdict.ts'

const lease = { id: 'a', epoch: 1 }
const error: TaskError = { name: 'Error', message: 'boom', stack: 'at x' }
const fresh: Budget = {
  failures: 0,
  maxAttempts: 3,
  crashes: 0,
  maxCrashes: 2,
  backoff: { kind: 'list', delaysMs: [100, 200] },
}
const middle = () => 0.5

const threw = (over: object = {}): Outcome => ({ ...lease, kind: 'threw', error, retryable: true, ...over })
const returned: Outcome = { ...lease, kind: 'returned', valueText: '12' }
const timedOut: Outcome = { ...lease, kind: 'timedOut', error }
const crashed: Outcome = { ...lease, kind: 'crashed', error }
const released: Outcome = { ...lease, kind: 'released' }
const last: Budget = { ...fresh, failures: 2 }
const dying: Budget = { ...fresh, crashes: 2 }
const poison: TaskError = {
  name: 'PoisonTask',
  message: 'its worker died 3 times while running it; last: Error: boom',
  stack: 'at x',
}

const table: [string, Budget, Outcome, object][] = [
  ['returned: done', fresh, returned, { kind: 'complete', valueText: '12' }],
  ['returned in the last attempt: done', last, returned, { kind: 'complete', valueText: '12' }],
  ['threw: again after its delay', fresh, threw(), { kind: 'retry', delayMs: 100, failures: 1, error }],
  [
    'threw again: the next delay',
    { ...fresh, failures: 1 },
    threw(),
    { kind: 'retry', delayMs: 200, failures: 2, error },
  ],
  ['threw in the last attempt: failed', last, threw(), { kind: 'fail', error }],
  ['threw, not retryable: failed', fresh, threw({ retryable: false }), { kind: 'fail', error }],
  [
    'threw and said when: then',
    fresh,
    threw({ retryAfterMs: 7 }),
    { kind: 'retry', delayMs: 7, failures: 1, error },
  ],
  [
    'threw and said at once: at once',
    fresh,
    threw({ retryAfterMs: 0 }),
    { kind: 'retry', delayMs: 0, failures: 1, error },
  ],
  [
    'threw in the last attempt and said when: failed',
    last,
    threw({ retryAfterMs: 7 }),
    { kind: 'fail', error },
  ],
  ['timed out: counts as failed', fresh, timedOut, { kind: 'retry', delayMs: 100, failures: 1, error }],
  ['timed out in the last attempt: failed', last, timedOut, { kind: 'fail', error }],
  ['crashed: back in its place', fresh, crashed, { kind: 'requeue', crashes: 1 }],
  ['crashed in the last attempt: back in its place', last, crashed, { kind: 'requeue', crashes: 1 }],
  ['crashed once too often: failed as poison', dying, crashed, { kind: 'fail', error: poison }],
  [
    'crashed with no budget: failed as poison',
    { ...fresh, crashes: 2, maxCrashes: 0 },
    crashed,
    { kind: 'fail', error: poison },
  ],
  ['released: back in its place, nothing used up', dying, released, { kind: 'requeue', crashes: 2 }],
]

for (const [sentence, budget, outcome, verdict] of table) {
  test(sentence, () => assert.deepEqual(decide(budget, outcome, middle), verdict))
}

test('without a back-off of its own a task gets the default one', () => {
  assert.deepEqual(decide({ ...fresh, backoff: null }, threw(), middle), {
    kind: 'retry',
    delayMs: 750,
    failures: 1,
    error,
  })
})

test('an error without a stack makes a poison error without one', () => {
  const bare = { name: 'E', message: 'm' }
  assert.deepEqual(decide(dying, { ...lease, kind: 'crashed', error: bare }, middle), {
    kind: 'fail',
    error: { name: 'PoisonTask', message: 'its worker died 3 times while running it; last: E: m' },
  })
})

test('whatever happens, a task ends after maxAttempts failures and maxCrashes + 1 deaths at the latest', () => {
  const outcomes = fc.array(fc.constantFrom(threw(), timedOut, crashed, released), { maxLength: 60 })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 5 }),
      outcomes,
      (maxAttempts, maxCrashes, all) => {
        let budget: Budget = { failures: 0, maxAttempts, crashes: 0, maxCrashes, backoff: null }
        let failures = 0
        let crashes = 0
        for (const outcome of all) {
          if (outcome.kind === 'crashed') crashes++
          else if (outcome.kind !== 'released') failures++
          const verdict = decide(budget, outcome, middle)
          assert.equal(verdict.kind === 'fail', failures === maxAttempts || crashes > maxCrashes)
          if (verdict.kind === 'fail') return
          if (verdict.kind === 'retry') budget = { ...budget, failures: verdict.failures }
          if (verdict.kind === 'requeue') budget = { ...budget, crashes: verdict.crashes }
          assert.deepEqual([budget.failures, budget.crashes], [failures, crashes])
        }
      },
    ),
  )
})
