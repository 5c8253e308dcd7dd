/** Tasks as they are submitted: the hand-written check says what the schema says, and what is written reads back. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { ChasquiError } from '../../../src/task/errors.ts'
import { DEDUPE_WINDOW_MS_DEFAULT, DELAY_MS_MAX, METADATA_LENGTH_MAX } from '../../../src/task/limits.ts'
import type { Submission } from '../../../src/task/task.ts'
import { SubmitTask } from '../../../src/wire/protocol/task.ts'
import { readSubmission, writeSubmission, writeSubmit } from '../../../src/wire/submission-codec.ts'

const NOW_MS = Date.UTC(2026, 5, 1)
const rpc = { nowMs: NOW_MS, bare: false }
const bare = { nowMs: NOW_MS, bare: true }

const schema = Compile(SubmitTask)

function accepts(task: unknown): boolean {
  try {
    readSubmission(task, rpc)
    return true
  } catch (error) {
    if (!(error instanceof ChasquiError)) throw error
    assert.ok(['INVALID_PARAMS', 'NOT_SUPPORTED'].includes(error.code), error.code)
    return false
  }
}

// ---- values around every border ---------------------------------------------------------------------------

const name = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'x'.repeat(64),
    'x'.repeat(65),
    'x'.repeat(128),
    'x'.repeat(129),
    '😀'.repeat(128),
  ),
  fc.constantFrom('a\nb', 'a\u0000', '\ud800', 'ñandú', 'x'.repeat(256), 'x'.repeat(257), '😀'.repeat(129)),
  fc.string({ unit: 'binary', maxLength: 10 }),
)
const number = fc.oneof(
  fc.constantFrom(
    -1,
    0,
    1,
    9,
    10,
    100,
    101,
    1000,
    1001,
    86_400_000,
    86_400_001,
    DELAY_MS_MAX,
    DELAY_MS_MAX + 1,
  ),
  fc.constantFrom(0.5, -0, 1e300),
)
const time = fc.constantFrom(
  '2026-06-01T00:00:00Z',
  '2026-06-01T00:00:00.123+02:00',
  '2026-06-01',
  '2026-06-01T00:00:00',
  '',
)
const wrong = fc.constantFrom(null, true, [], {}, 'x', 7)
const backoff = fc.oneof(
  number,
  fc.array(number, { maxLength: 3 }),
  fc.constant(Array.from({ length: 101 }, () => 1)),
  fc.record(
    {
      kind: fc.constantFrom('exponential', 'fixed', 'list', 'other'),
      baseMs: number,
      maxMs: number,
      delayMs: number,
      jitter: fc.constantFrom(true, false, 1),
      delaysMs: fc.array(number, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
)
const metadata = fc.oneof(
  fc.dictionary(fc.string({ maxLength: 5 }), fc.oneof(fc.string({ maxLength: 5 }), fc.constant(1)), {
    maxKeys: 4,
  }),
  fc.constantFrom(
    Object.fromEntries(Array.from({ length: 32 }, (_, n) => [n, ''])),
    Object.fromEntries(Array.from({ length: 33 }, (_, n) => [n, ''])),
  ),
)

const fields = {
  id: name,
  type: name,
  data: fc.jsonValue({ maxDepth: 2 }),
  queue: name,
  priority: number,
  runAt: time,
  delayMs: number,
  expiresAt: time,
  ttlMs: number,
  maxAttempts: number,
  maxCrashes: number,
  backoff,
  timeoutMs: number,
  key: name,
  dedupeKey: name,
  dedupeWindowMs: number,
  metadata,
  dependsOn: fc.constant(['a']),
  unknown: fc.constant(1),
}

/** A good task of which one or two fields were changed. */
const nearlyGood = fc
  .record({
    first: fc.constantFrom(...Object.keys(fields)),
    second: fc.constantFrom('', ...Object.keys(fields)),
    values: fc.record(fields),
    wrongs: fc.record({ first: wrong, second: wrong }),
    isWrong: fc.record({ first: fc.nat(4), second: fc.nat(4) }),
  })
  .map(({ first, second, values, wrongs, isWrong }) => {
    const task: Record<string, unknown> = { type: 'sumar' }
    const pick = (field: string, place: 'first' | 'second') =>
      isWrong[place] === 0 ? wrongs[place] : values[field as keyof typeof values]
    task[first] = pick(first, 'first')
    if (second !== '') task[second] = pick(second, 'second')
    // Rules that a schema cannot say have tests of their own.
    if (task.delayMs !== undefined) delete task.runAt
    if (task.ttlMs !== undefined) delete task.expiresAt
    if (task.dedupeWindowMs !== undefined) task.dedupeKey ??= 'k'
    return task
  })

test('the check of a task accepts exactly what the schema accepts', () => {
  let accepted = 0
  const runs = 20_000
  fc.assert(
    fc.property(nearlyGood, (task) => {
      const ok = schema.Check(task)
      assert.equal(accepts(task), ok)
      if (ok) accepted++
    }),
    { numRuns: runs },
  )
  // Otherwise the property would say nothing.
  assert.ok(accepted > runs / 10 && accepted < (runs * 9) / 10, `${accepted} of ${runs} were good`)
})

test('what is no object is no task', () => {
  for (const task of [null, 1, 'x', [], [{ type: 'a' }]]) {
    assert.equal(schema.Check(task), false)
    assert.equal(accepts(task), false)
  }
})

describe('rules that no schema says', () => {
  const refused = (task: object, field: string, code = 'INVALID_PARAMS') => {
    assert.throws(
      () => readSubmission({ type: 'a', ...task }, rpc),
      (error) => error instanceof ChasquiError && error.code === code && error.details?.field === field,
      JSON.stringify(task),
    )
  }
  test('a due time is given in one way', () => {
    refused({ runAt: '2026-06-02T00:00:00Z', delayMs: 5 }, 'delayMs')
    refused({ delayMs: 5, runAt: '2026-06-02T00:00:00Z' }, 'delayMs')
    refused({ expiresAt: '2026-06-02T00:00:00Z', ttlMs: 5 }, 'ttlMs')
  })
  test('days exist, and are not in another age', () => {
    refused({ runAt: '2026-13-01T00:00:00Z' }, 'runAt')
    refused({ expiresAt: '2046-01-01T00:00:00Z' }, 'expiresAt')
  })
  test('a window needs its key', () => refused({ dedupeWindowMs: 5 }, 'dedupeWindowMs'))
  test('metadata is small', () => refused({ metadata: { a: 'x'.repeat(METADATA_LENGTH_MAX) } }, 'metadata'))
  test('dependencies come later', () => refused({ dependsOn: ['a'] }, 'dependsOn', 'NOT_SUPPORTED'))
  test('data is no deeper than the limit, and a million levels do not end the process', () => {
    const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
    readSubmission({ type: 'a', data: deep(128) }, rpc)
    for (const levels of [129, 1_000_000]) {
      assert.throws(() => readSubmission({ type: 'a', data: deep(levels) }, rpc), { code: 'TOO_DEEP' })
    }
  })
  test('a field called __proto__ is a field like any other', () => {
    assert.equal(accepts(JSON.parse('{"type":"a","__proto__":{"id":"x"}}')), false)
  })
})

test('what is left out has its default', () => {
  const { id, ...rest } = readSubmission({ type: 'sumar' }, rpc)
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  assert.deepEqual(rest, {
    type: 'sumar',
    queue: 'default',
    dataText: 'null',
    priority: 4,
    runAtMs: 0,
    options: null,
  })
})

test('every field ends up where it belongs', () => {
  const task = {
    id: 'a',
    type: 'sumar',
    data: { b: [1, 'ñ'] },
    queue: 'q',
    priority: 9,
    delayMs: 1_000,
    ttlMs: 2_000,
    maxAttempts: 3,
    maxCrashes: 0,
    backoff: [1, 2],
    timeoutMs: 4,
    key: 'k',
    dedupeKey: 'd',
    metadata: { m: 'n' },
  }
  assert.deepEqual(readSubmission(task, rpc), {
    id: 'a',
    type: 'sumar',
    queue: 'q',
    dataText: '{"b":[1,"ñ"]}',
    priority: 9,
    runAtMs: NOW_MS + 1_000,
    options: {
      expiresAtMs: NOW_MS + 2_000,
      maxAttempts: 3,
      maxCrashes: 0,
      backoff: { kind: 'list', delaysMs: [1, 2] },
      timeoutMs: 4,
      key: 'k',
      dedupeKey: 'd',
      dedupeWindowMs: DEDUPE_WINDOW_MS_DEFAULT,
      metadata: { m: 'n' },
    },
  })
})

test('the window of a dedupe key counts in whatever order the fields come', () => {
  for (const task of [
    { type: 'a', dedupeKey: 'k', dedupeWindowMs: 5 },
    { type: 'a', dedupeWindowMs: 5, dedupeKey: 'k' },
  ]) {
    assert.equal(readSubmission(task, rpc).options?.dedupeWindowMs, 5)
  }
})

test('short forms of back-off', () => {
  const backoffOf = (backoff: unknown) => readSubmission({ type: 'a', backoff }, rpc).options?.backoff
  assert.deepEqual(backoffOf(7), { kind: 'fixed', delayMs: 7 })
  assert.deepEqual(backoffOf({ kind: 'exponential' }), {
    kind: 'exponential',
    baseMs: 1_000,
    maxMs: 300_000,
    jitter: true,
  })
})

describe('bare tasks', () => {
  test('numeric ids become strings', () => {
    assert.equal(readSubmission({ id: 7, type: 'a' }, bare).id, '7')
    assert.equal(readSubmission({ id: -0.5, type: 'a' }, bare).id, '-0.5')
    assert.equal(accepts({ id: 7, type: 'a' }), false)
  })
  test('a number that cannot be told from its neighbour is no id', () => {
    assert.throws(() => readSubmission(JSON.parse('{"id":9007199254740993,"type":"a"}'), bare), {
      code: 'INVALID_PARAMS',
    })
  })
  test('unknown fields are ignored, known ones are checked', () => {
    assert.equal(readSubmission({ type: 'a', cliente: 'web' }, bare).type, 'a')
    assert.throws(() => readSubmission({ type: 'a', priority: 'high' }, bare), { code: 'INVALID_PARAMS' })
  })
})

// ---- round trip -------------------------------------------------------------------------------------------

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((name) => /^[^\p{Cc}\p{Cs}]+$/u.test(name))
const goodOptions = fc
  .record(
    {
      expiresAtMs: fc.integer({ min: 1, max: NOW_MS + DELAY_MS_MAX }),
      maxAttempts: fc.integer({ min: 1, max: 1000 }),
      maxCrashes: fc.integer({ min: 0, max: 100 }),
      backoff: fc.oneof(
        fc.record({ kind: fc.constant('fixed' as const), delayMs: fc.nat(1000) }),
        fc.record({ kind: fc.constant('list' as const), delaysMs: fc.array(fc.nat(9), { minLength: 1 }) }),
        fc.record({
          kind: fc.constant('exponential' as const),
          baseMs: fc.nat(9),
          maxMs: fc.nat(9),
          jitter: fc.boolean(),
        }),
      ),
      timeoutMs: fc.integer({ min: 1, max: 1000 }),
      key: text,
      dedupe: fc.record({ dedupeKey: text, dedupeWindowMs: fc.integer({ min: 1, max: 1000 }) }),
      metadata: fc.dictionary(text, text, { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
    },
    { requiredKeys: [] },
  )
  .map(({ dedupe, ...rest }) => ({ ...rest, ...dedupe }))

const submission: fc.Arbitrary<Submission> = fc.record({
  id: text,
  type: text,
  queue: text,
  dataText: fc.json({ stringUnit: 'binary' }),
  priority: fc.integer({ min: 0, max: 9 }),
  runAtMs: fc.integer({ min: 0, max: NOW_MS + DELAY_MS_MAX }),
  options: fc.oneof(
    fc.constant(null),
    goodOptions.filter((options) => Object.keys(options).length > 0),
  ),
})

test('a submission that was written is read as it was', () => {
  fc.assert(
    fc.property(submission, (submission) => {
      const read = readSubmission(JSON.parse(writeSubmission(submission)), rpc)
      assert.deepEqual(
        { ...read, dataText: JSON.parse(read.dataText) },
        // A clone: generated records have no prototype.
        structuredClone({
          ...submission,
          dataText: JSON.parse(JSON.stringify(JSON.parse(submission.dataText))),
        }),
      )
    }),
    { numRuns: 1_000 },
  )
})

test('what is written fits the schema of task.submit', () => {
  fc.assert(
    fc.property(fc.array(submission, { maxLength: 3 }), (batch) => {
      const params = JSON.parse(writeSubmit(batch, 'relaxed'))
      assert.equal(params.durability, 'relaxed')
      for (const task of params.tasks) assert.deepEqual(schema.Errors(task), [])
    }),
  )
})
