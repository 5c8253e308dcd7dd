/** Numbers, times and sizes as the page writes them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, count, duration, perSecond, shortId } from '../../../dashboard/src/look/figures.ts'

test('a duration has its two largest units', () => {
  const cases: [number, string][] = [
    [0, '< 1 ms'],
    [-5, '< 1 ms'],
    [4, '4 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [1_240, '1.2 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [185_000, '3 min 5 s'],
    [7_800_000, '2 h 10 min'],
    [86_400_000 * 4 + 3_600_000 * 3, '4 d 3 h'],
    [Number.NaN, '–'],
  ]
  for (const [ms, text] of cases) assert.equal(duration(ms), text)
})

test('rates, counts and sizes are short', () => {
  assert.equal(perSecond(0, 'en'), '0')
  assert.equal(perSecond(0.44, 'en'), '0.4')
  assert.equal(perSecond(20_312.7, 'en'), '20,313')
  assert.equal(count(1234, 'es'), '1.234')
  assert.equal(bytes(512), '512 B')
  assert.equal(bytes(1536), '1.5 KiB')
  assert.equal(bytes(3 * 1024 ** 3), '3 GiB')
})

test('an id that is long shows its beginning and its end', () => {
  assert.equal(shortId('order-1'), 'order-1')
  assert.equal(shortId('01a20b8d-0000-7000-8000-0123456789ab'), '01a20b8d…456789ab')
})
