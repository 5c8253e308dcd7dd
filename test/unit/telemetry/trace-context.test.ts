/** W3C Trace Context in the metadata of a task. The cases of the form are those of the specification (section 3.2). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { METADATA_ENTRIES_MAX, METADATA_LENGTH_MAX } from '../../../src/task/limits.ts'
import {
  readTraceparent,
  traceFields,
  withTrace,
  writeTraceparent,
} from '../../../src/telemetry/trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const parent = { traceId: TRACE, spanId: SPAN, traceFlags: 1 }

test('a traceparent is read and written', () => {
  assert.deepEqual(readTraceparent(`00-${TRACE}-${SPAN}-01`), parent)
  assert.equal(writeTraceparent(parent), `00-${TRACE}-${SPAN}-01`)
  assert.equal(writeTraceparent({ ...parent, traceFlags: 0 }), `00-${TRACE}-${SPAN}-00`)
})

test('what is written is what is read', () => {
  const digits = (length: number) =>
    fc
      .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
      .map((all) => all.join(''))
      .filter((text) => !/^0+$/.test(text))
  const any = fc.record(
    { traceId: digits(32), spanId: digits(16), traceFlags: fc.nat(255) },
    { noNullPrototype: true },
  )
  fc.assert(fc.property(any, (one) => assert.deepEqual(readTraceparent(writeTraceparent(one)), one)))
})

test('a later version may say more, the first one may not', () => {
  assert.deepEqual(readTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-holds`), parent)
  assert.equal(readTraceparent(`00-${TRACE}-${SPAN}-01-more`), null)
})

test('what is no traceparent is none', () => {
  const wrong = [
    undefined,
    '',
    '00-ab-cd-01',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01 `,
    `cc-${TRACE}-${SPAN}-01.more`,
  ]
  for (const text of wrong) assert.equal(readTraceparent(text), null, String(text))
})

test('a trace takes the place of another one and leaves the rest as it is', () => {
  const before = { tenant: 'ana', traceparent: 'old', tracestate: 'old=1' }
  assert.deepEqual(withTrace(before, parent, 'new=2'), {
    tenant: 'ana',
    traceparent: `00-${TRACE}-${SPAN}-01`,
    tracestate: 'new=2',
  })
  assert.deepEqual(withTrace(before, parent, ''), { tenant: 'ana', traceparent: `00-${TRACE}-${SPAN}-01` })
  assert.deepEqual(withTrace(null, parent, ''), { traceparent: `00-${TRACE}-${SPAN}-01` })
})

test('a trace that does not fit beside the metadata is left out, first its state, then all of it', () => {
  const room = METADATA_LENGTH_MAX - 'traceparent'.length - 55 - 1
  const tight = { a: 'x'.repeat(room) }
  assert.deepEqual(withTrace(tight, parent, 'vendor=1'), { ...tight, traceparent: `00-${TRACE}-${SPAN}-01` })
  const full = { a: 'x'.repeat(room + 1) }
  assert.deepEqual(withTrace(full, parent, ''), full)
  const many = Object.fromEntries(Array.from({ length: METADATA_ENTRIES_MAX }, (_, n) => [`m${n}`, '']))
  assert.deepEqual(withTrace(many, parent, ''), many)
})

test('the fields of a log line', () => {
  assert.deepEqual(traceFields({ traceparent: `00-${TRACE}-${SPAN}-01` }), { trace_id: TRACE, span_id: SPAN })
  assert.equal(traceFields({ traceparent: 'none' }), undefined)
  assert.equal(traceFields(null), undefined)
})
