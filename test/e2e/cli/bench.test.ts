/** `chasqui bench` against a system of real processes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chasqui, chasquiJson, startUp } from './chasqui.ts'

test('it measures confirmations and round trips, and says when nobody would run its tasks', async (context) => {
  const server = await startUp(context, { workers: 1 })
  const bench = (args: readonly string[]) => chasqui(['bench', ...args, ...server.connect])
  const [value] = await chasquiJson([
    'bench',
    '--count',
    '300',
    '--in-flight',
    '16',
    '--clients',
    '2',
    ...server.connect,
  ])
  const { confirm, roundTrip, ...counts } = value as Record<string, Record<string, number>>
  assert.deepEqual(counts, {
    count: 300,
    connections: 2,
    confirmed: 300,
    succeeded: 300,
    failed: 0,
    firstError: null,
  })
  for (const summary of [confirm!, roundTrip!]) {
    const { perSecond, p50Ms, p95Ms, p99Ms, maxMs } = summary
    assert.ok(perSecond! > 0 && p50Ms! > 0 && p50Ms! <= p95Ms! && p95Ms! <= p99Ms! && p99Ms! <= maxMs!)
  }
  const nobody = await bench(['unheard-of'])
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /no worker takes "unheard-of" from queue "default"/)
  const submitted = await bench(['unheard-of', '--submit-only', '--count', '20', '--queue', 'aside'])
  assert.equal(submitted.code, 0, submitted.stderr)
  assert.match(submitted.stdout, /^20 confirmed in .*: [\d,]+\/s; each in [\d.]+ ms \(p50\), .* at most\n$/)
  const failing = await bench(['sumar', '"no list"', '--count', '3'])
  assert.equal(failing.code, 3)
  assert.match(failing.stderr, /^3 failed; the first: task .* INVALID_INPUT/m)
})
