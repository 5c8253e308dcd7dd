/** Cutting a batch into messages that the server takes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frames } from '../../../src/engine/remote/frames.ts'

const write = (entries: readonly string[]) => JSON.stringify(entries)

test('what fits goes in one frame, nothing included', () => {
  assert.deepEqual(frames(['a', 'b'], write, 1_000), [{ entries: ['a', 'b'], text: '["a","b"]' }])
  assert.deepEqual(frames([], write, 1_000), [{ entries: [], text: '[]' }])
})

test('what does not fit is cut in halves until it does, in order', () => {
  const entries = Array.from({ length: 21 }, (_, n) => String(n).repeat(20))
  const cut = frames(entries, write, 400)
  assert.deepEqual(
    cut.flatMap((frame) => frame.entries),
    entries,
  )
  for (const { text } of cut) assert.ok(text.length <= 400 - 128, `${text.length}`)
  assert.ok(cut.length < 10)
})

test('length is counted in bytes of UTF-8', () => {
  const cut = frames(['ñ'.repeat(100), 'ñ'.repeat(100)], write, 128 + 300)
  assert.equal(cut.length, 2)
  assert.equal(frames(['n'.repeat(100), 'n'.repeat(100)], write, 128 + 300).length, 1)
})

test('more than ten thousand entries are never in one frame', () => {
  const cut = frames(
    Array.from({ length: 25_000 }, () => 'a'),
    write,
    1e9,
  )
  assert.deepEqual(
    cut.map(({ entries }) => entries.length),
    [6_250, 6_250, 6_250, 6_250],
  )
})

test('what fits nowhere is handed out, or refused', () => {
  const large = 'x'.repeat(1_000)
  const left: string[] = []
  const cut = frames(['a', large, 'b'], write, 400, (entry) => left.push(entry))
  assert.deepEqual([cut.flatMap(({ entries }) => entries), left], [['a', 'b'], [large]])
  assert.throws(() => frames(['a', large], write, 400), { code: 'FRAME_TOO_LARGE' })
})
