import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Content, isSameContent } from '../../../src/engine/content.ts'

const base: Content = { type: 't', queue: 'q', priority: 4, dataText: '{"a":1,"b":[2]}', options: null }

test('the same words are the same content, in whatever spelling of the JSON', () => {
  assert.equal(isSameContent(base, { ...base }), true)
  assert.equal(isSameContent(base, { ...base, dataText: '{ "b": [2.0], "a": 1 }' }), true)
})

test('any other word is other content', () => {
  const others: Partial<Content>[] = [
    { type: 'u' },
    { queue: 'r' },
    { priority: 5 },
    { dataText: '{"a":1,"b":["2"]}' },
    { dataText: '{"a":1,"b":[2],"c":null}' },
    { options: { maxAttempts: 5 } },
  ]
  for (const other of others) assert.equal(isSameContent(base, { ...base, ...other }), false)
})

test('no options and empty options are the same; deadlines are not compared, the rest is', () => {
  assert.equal(isSameContent(base, { ...base, options: {} }), true)
  assert.equal(isSameContent(base, { ...base, options: { expiresAtMs: 7 } }), true)
  const keyed = { ...base, options: { key: 'k', expiresAtMs: 1 } }
  assert.equal(isSameContent(keyed, { ...base, options: { key: 'k', expiresAtMs: 2 } }), true)
  assert.equal(isSameContent(keyed, { ...base, options: { key: 'l', expiresAtMs: 1 } }), false)
})

test('the trace that a task was submitted in is no content, the rest of its metadata is', () => {
  const within = (metadata: Readonly<Record<string, string>>) => ({ ...base, options: { metadata } })
  const traced = within({ traceparent: '00-ab-cd-01', tracestate: 'v=1' })
  assert.equal(isSameContent(traced, base), true)
  assert.equal(isSameContent(traced, within({ traceparent: '00-ef-01-00' })), true)
  assert.equal(
    isSameContent(within({ tenant: 'ana', traceparent: '00-ab-cd-01' }), within({ tenant: 'ana' })),
    true,
  )
  assert.equal(
    isSameContent(within({ tenant: 'ana', traceparent: '00-ab-cd-01' }), within({ tenant: 'eva' })),
    false,
  )
})
