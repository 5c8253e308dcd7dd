/** Large values by reference, on files; and what the claim check does about a store that is down. */

import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClaimCheck } from '../../../src/objects/claims/claim-check.ts'
import { openFileStore } from '../../../src/objects/file-store.ts'
import { CLAIM_CIRCUIT_FAILURES_MAX, CLAIM_CIRCUIT_OPEN_MS } from '../../../src/task/limits.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { claimCheckCases, ShiftedClock } from './claim-check-cases.ts'

claimCheckCases(async (context) => await openFileStore({ dir: temporaryFolder(context, 'claims') }), false)

test('a store that fails is left alone for a while, and used again when it is back', async (context) => {
  const dir = join(temporaryFolder(context, 'claims'), 'store')
  const store = await openFileStore({ dir })
  const clock = new ShiftedClock()
  const claims = new ClaimCheck(store, clock)
  const kept = await claims.put('data', 'a', '1')
  await rm(dir, { recursive: true })
  for (let time = 0; time < CLAIM_CIRCUIT_FAILURES_MAX; time++) {
    await assert.rejects(claims.put('data', 'b', '2'), { code: 'STORE_FAILED', message: /cannot be written/ })
  }
  await mkdir(dir)
  const alone = { code: 'STORE_FAILED', message: /is left alone for now/ }
  await assert.rejects(claims.put('data', 'b', '2'), alone)
  await assert.rejects(claims.get(kept), alone)
  await assert.rejects(claims.put('data', 'b', '2'), (error: Error & { retryAfterMs?: number }) => {
    assert.ok(error.retryAfterMs! > 0 && error.retryAfterMs! <= CLAIM_CIRCUIT_OPEN_MS)
    return true
  })
  clock.shiftMs += CLAIM_CIRCUIT_OPEN_MS
  const again = await claims.put('data', 'b', '2')
  assert.equal(await claims.get(again), '2')
  // The missing object is a finding, and the store is not blamed for it.
  for (let time = 0; time < 2 * CLAIM_CIRCUIT_FAILURES_MAX; time++) {
    await assert.rejects(claims.get(kept), { message: /is missing$/ })
  }
  assert.equal(await claims.get(again), '2')
  await store.close()
})

test('a text that has no UTF-8 form is a bug of the caller', async (context) => {
  const store = await openFileStore({ dir: temporaryFolder(context, 'claims') })
  const claims = new ClaimCheck(store, new ShiftedClock())
  await assert.rejects(claims.put('data', 'a', '"\ud800"'), TypeError)
  await store.close()
})
