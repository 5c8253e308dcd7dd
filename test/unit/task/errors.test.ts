import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChasquiError, ERRORS, errorCodeOf } from '../../../src/task/errors.ts'

test('an error carries its code, number, whether to try again, and its cause', () => {
  const cause = new Error('ENOSPC')
  const error = new ChasquiError('RETRY_AFTER', 'try later', { retryAfterMs: 250, details: { x: 1 }, cause })
  assert.ok(error instanceof Error)
  assert.deepEqual(
    [error.name, error.code, error.number, error.retryable, error.retryAfterMs, error.details, error.cause],
    ['ChasquiError', 'RETRY_AFTER', -32001, true, 250, { x: 1 }, cause],
  )
  const plain = new ChasquiError('ID_CONFLICT', 'no')
  assert.deepEqual(
    [plain.retryable, plain.retryAfterMs, plain.details, plain.cause],
    [false, undefined, undefined, undefined],
  )
})

test('numbers are unique and name their codes; an unknown number reads as INTERNAL', () => {
  const numbers = Object.values(ERRORS).map((entry) => entry.number)
  assert.equal(new Set(numbers).size, numbers.length)
  for (const [code, entry] of Object.entries(ERRORS)) assert.equal(errorCodeOf(entry.number), code)
  assert.equal(errorCodeOf(-1), 'INTERNAL')
})
