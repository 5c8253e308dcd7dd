/** JSON-RPC messages: what is built reads back, and what is no message is refused with the right code. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ChasquiError } from '../../../src/task/errors.ts'
import { JSON_DEPTH_MAX } from '../../../src/task/limits.ts'
import { isTooDeep } from '../../../src/wire/json-depth.ts'
import {
  batchText,
  errorReplyText,
  notificationText,
  parseLine,
  readAnswer,
  readIncoming,
  replyText,
  requestText,
} from '../../../src/wire/messages.ts'

const id = fc.oneof(fc.string({ unit: 'binary' }), fc.integer())
const value = fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 })
const params = fc.dictionary(fc.string({ unit: 'binary' }), value)

test('a request that was built is read as it was meant', () => {
  fc.assert(
    fc.property(id, params, (id, params) => {
      const text = requestText(id, 'task.get', JSON.stringify(params))
      assert.ok(!text.includes('\n'))
      const read = readIncoming(parseLine(text))
      assert.deepEqual(read, {
        kind: 'request',
        id,
        method: 'task.get',
        params: JSON.parse(JSON.stringify(params)),
      })
    }),
  )
})

test('replies, errors and notifications that were built are read as they were meant', () => {
  fc.assert(
    fc.property(
      fc.oneof(id, fc.constant(null)),
      value,
      fc.string({ unit: 'binary' }),
      (id, value, message) => {
        const result = JSON.parse(JSON.stringify(value))
        assert.deepEqual(readAnswer(parseLine(replyText(id, JSON.stringify(value)))), {
          kind: 'reply',
          id,
          result,
        })
        const sent = new ChasquiError('RETRY_AFTER', message, {
          retryAfterMs: 250,
          details: { value: result },
        })
        const answer = readAnswer(parseLine(errorReplyText(id, sent)))
        assert.ok(answer.kind === 'error')
        assert.equal(answer.id, id)
        const { code, retryAfterMs, details, retryable, number } = answer.error
        assert.deepEqual(
          { code, message: answer.error.message, retryAfterMs, details, retryable, number },
          {
            code: 'RETRY_AFTER',
            message,
            retryAfterMs: 250,
            details: { value: result },
            retryable: true,
            number: -32001,
          },
        )
      },
    ),
  )
  assert.deepEqual(readAnswer(parseLine(notificationText('task.event', '{"a":1}'))), {
    kind: 'notification',
    method: 'task.event',
    params: { a: 1 },
  })
})

test('a batch is an array of its messages', () => {
  assert.deepEqual(JSON.parse(batchText([replyText(1, '2'), replyText('x', 'null')])), [
    { jsonrpc: '2.0', id: 1, result: 2 },
    { jsonrpc: '2.0', id: 'x', result: null },
  ])
})

test('an id that is no finite number is answered as null', () => {
  assert.equal(replyText(JSON.parse('1e999'), '1'), '{"jsonrpc":"2.0","id":null,"result":1}')
})

test('an error of a newer server keeps its message', () => {
  const answer = readAnswer({
    jsonrpc: '2.0',
    id: 1,
    error: { code: -32999, message: 'new', data: { name: 'NEW' } },
  })
  assert.ok(answer.kind === 'error')
  assert.equal(answer.error.code, 'INTERNAL')
  assert.equal(answer.error.message, 'new')
})

describe('what is no request', () => {
  const cases: readonly [string, unknown, string, unknown][] = [
    ['a number', 5, 'INVALID_REQUEST', null],
    ['null', null, 'INVALID_REQUEST', null],
    ['an array in a batch', [], 'INVALID_REQUEST', null],
    ['an object without version', { id: 1, method: 'task.get' }, 'INVALID_REQUEST', 1],
    ['another version', { jsonrpc: '1.0', id: 'a', method: 'task.get' }, 'INVALID_REQUEST', 'a'],
    ['no method', { jsonrpc: '2.0', id: 1 }, 'INVALID_REQUEST', 1],
    ['a method that is no string', { jsonrpc: '2.0', id: 1, method: 2 }, 'INVALID_REQUEST', 1],
    ['an id that is an object', { jsonrpc: '2.0', id: {}, method: 'task.get' }, 'INVALID_REQUEST', null],
    ['params by position', { jsonrpc: '2.0', id: 1, method: 'task.get', params: [1] }, 'INVALID_PARAMS', 1],
    [
      'params that are null',
      { jsonrpc: '2.0', id: 1, method: 'task.get', params: null },
      'INVALID_REQUEST',
      1,
    ],
  ]
  for (const [what, message, code, id] of cases) {
    test(what, () => {
      const read = readIncoming(message)
      assert.ok(read.kind === 'invalid')
      assert.equal(read.error.code, code)
      assert.equal(read.id, id)
    })
  }
})

test('a message without id is a notification, one with a null id a request', () => {
  assert.deepEqual(readIncoming({ jsonrpc: '2.0', method: 'x' }), {
    kind: 'notification',
    method: 'x',
    params: {},
  })
  assert.deepEqual(readIncoming({ jsonrpc: '2.0', id: null, method: 'x' }), {
    kind: 'request',
    id: null,
    method: 'x',
    params: {},
  })
})

test('an object with a type and without jsonrpc is a bare task', () => {
  assert.deepEqual(readIncoming({ type: 'sumar', id: 7 }), { kind: 'bare', fields: { type: 'sumar', id: 7 } })
})

describe('depth', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

  test('as deep as allowed passes, one more is TOO_DEEP', () => {
    parseLine(nested(JSON_DEPTH_MAX))
    assert.throws(() => parseLine(nested(JSON_DEPTH_MAX + 1)), { code: 'TOO_DEEP' })
  })

  test('brackets in strings do not count', () => {
    assert.equal(isTooDeep(JSON.stringify('['.repeat(5_000)), JSON_DEPTH_MAX), false)
    assert.equal(isTooDeep(JSON.stringify(`"\\"${'{['.repeat(500)}`), JSON_DEPTH_MAX), false)
  })

  test('the depth of a text is the depth of its value', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 1, max: 8 }), (value, depthMax) => {
        // Long enough to be looked at.
        const text = JSON.stringify([value, ' '.repeat(2 * depthMax)])
        assert.equal(isTooDeep(text, depthMax), depthOf([value]) > depthMax)
      }),
    )
  })

  test('4 MiB of opening brackets, closed or not, cost neither stack nor much memory', () => {
    const open = '['.repeat(4 * 1024 * 1024)
    const before = process.memoryUsage().rss
    for (const text of [open, open + ']'.repeat(open.length), '{"a":'.repeat(800_000)]) {
      assert.throws(() => parseLine(text), { code: 'TOO_DEEP' })
    }
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024)
  })
})

test('a text that is not JSON is PARSE_ERROR, whatever is left out of it', () => {
  for (const text of ['', 'x', '{', '{"a":1,}', "{'a':1}", '{"a":01}', 'NaN', '\u00a0']) {
    assert.throws(() => parseLine(text), { code: 'PARSE_ERROR' }, text)
  }
})
