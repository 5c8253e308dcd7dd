/** Large values by reference on a real S3, and while it does not answer. */

import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import { ClaimCheck } from '../../../src/objects/claims/claim-check.ts'
import { CLAIM_CIRCUIT_OPEN_MS, CLAIM_PUT_MS, CLAIMS_AT_ONCE_MAX } from '../../../src/task/limits.ts'
import { fileScope } from '../../support/file-scope.ts'
import { needRadosgw } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'
import { claimCheckCases, ShiftedClock } from '../../unit/objects/claim-check-cases.ts'
import { openStore, S3World } from './s3-world.ts'

/** A busy machine is not a claim check that waits. */
const MARGIN_MS = 10_000

const { skip } = needRadosgw()
const scope = fileScope()
let s3: S3World

before(async () => {
  if (skip === false) s3 = await S3World.open(scope)
})

claimCheckCases(async (context) => await openStore(s3.place(await s3.bucket(context))), skip)

const open = async (context: TestContext) => {
  const proxy = await s3.proxy(context)
  const store = await openStore(s3.place(await s3.bucket(context), { port: proxy.port }))
  atEnd(context, () => store.close())
  const clock = new ShiftedClock()
  return { proxy, clock, store, claims: new ClaimCheck(store, clock) }
}

test('while S3 says nothing, whoever puts a large value hears so in time, and then at once', {
  skip,
}, async (context) => {
  const { proxy, clock, claims } = await open(context)
  const value = 'x'.repeat(100_000)
  const kept = await claims.put('data', 'before', value)
  proxy.mode = 'blackhole'
  proxy.reset()
  const startedMs = Date.now()
  const ids = Array.from({ length: CLAIMS_AT_ONCE_MAX }, (_, index) => `${index}`)
  const inTime = { code: 'STORE_FAILED', message: new RegExp(`not written within ${CLAIM_PUT_MS} ms`) }
  await Promise.all(ids.map((id) => assert.rejects(claims.put('data', id, value), inTime)))
  assert.ok(Date.now() - startedMs < CLAIM_PUT_MS + MARGIN_MS)
  const sentBefore = proxy.connections
  for (let time = 0; time < 20; time++) {
    await assert.rejects(claims.put('data', 'more', value), { message: /left alone for now/ })
  }
  assert.equal(proxy.connections, sentBefore)
  proxy.mode = 'up'
  proxy.reset()
  clock.shiftMs += CLAIM_CIRCUIT_OPEN_MS
  assert.equal(await claims.get(await claims.put('data', 'after', value)), value)
  assert.equal(await claims.get(kept), value)
})

test('an object that became longer than it was is not even read', { skip }, async (context) => {
  const { proxy, claims, store } = await open(context)
  const reference = await claims.put('data', 'a', '"short"')
  const bytes = 50_000_000
  await store.put(reference.key, Buffer.alloc(bytes))
  const before = proxy.bytes
  await assert.rejects(claims.get(reference), { message: /has 50000000 bytes and not 7$/ })
  assert.ok(proxy.bytes - before < bytes / 2, `${proxy.bytes - before} bytes were read`)
})

test('however many large values are put at once, few are under way', { skip }, async (context) => {
  const { proxy, claims } = await open(context)
  const ids = Array.from({ length: 100 }, (_, index) => `${index}`)
  const references = await Promise.all(ids.map((id) => claims.put('data', id, `"${id.repeat(100_000)}"`)))
  assert.ok(proxy.connections <= CLAIMS_AT_ONCE_MAX, `${proxy.connections} connections`)
  const values = await Promise.all(references.map((reference) => claims.get(reference)))
  assert.deepEqual(
    values.map((value) => value.length),
    ids.map((id) => id.length * 100_000 + 2),
  )
  assert.ok(proxy.connections <= CLAIMS_AT_ONCE_MAX, `${proxy.connections} connections`)
})
