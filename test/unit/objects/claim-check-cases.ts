/** What a claim check promises, on any store: used on files here and on S3 in test/e2e/objects. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ClaimCheck, type Reference } from '../../../src/objects/claims/claim-check.ts'
import { claimKey } from '../../../src/objects/claims/claim-key.ts'
import type { ObjectStore } from '../../../src/objects/object-store.ts'
import { type Clock, systemClock } from '../../../src/task/clock.ts'
import { documentName } from '../../../src/task/ids.ts'
import { CLAIM_HOUR_MS, CLAIM_ORPHAN_AGE_MS, CLAIM_SWEEP_KEYS_MAX } from '../../../src/task/limits.ts'
import { atEnd } from '../../support/temporary.ts'
import { listed } from './contract.ts'

const HASH = '0'.repeat(64)

/** The time of this machine, so that what the store says of its objects fits, plus what the test adds. */
export class ShiftedClock implements Clock {
  shiftMs = 0
  readonly at = systemClock.at
  nowMs(): number {
    return Date.now() + this.shiftMs
  }
}

interface Case {
  readonly store: ObjectStore
  readonly clock: ShiftedClock
  readonly claims: ClaimCheck
}

export function claimCheckCases(
  open: (context: TestContext) => Promise<ObjectStore>,
  skip: string | false,
): void {
  const promise = (name: string, run: (given: Case) => Promise<void>) =>
    test(name, { skip }, async (context) => {
      const store = await open(context)
      atEnd(context, () => store.close())
      const clock = new ShiftedClock()
      await run({ store, clock, claims: new ClaimCheck(store, clock) })
    })

  promise(
    'a value comes back as it was, by a reference that survives JSON, whatever the id',
    async ({ claims }) => {
      const values = ['', '"x"', `"${'ñ日😀\u0000'.repeat(5_000)}"`]
      const ids = ['7', '../../etc/passwd', '日'.repeat(128), 'x'.repeat(128), '.', 'a.b_c']
      const kept: [string, Reference][] = []
      for (const id of ids) {
        for (const value of values) {
          for (const kind of ['data', 'result'] as const) {
            const reference = JSON.parse(JSON.stringify(await claims.put(kind, id, value)))
            kept.push([value, reference])
          }
        }
      }
      assert.equal(new Set(kept.map(([, { key }]) => key)).size, ids.length * values.length * 2)
      for (const [value, reference] of kept) {
        assert.deepEqual(Object.keys(reference), ['key', 'bytes', 'sha256'])
        assert.equal(reference.bytes, Buffer.byteLength(value))
        assert.equal(await claims.get(reference), value)
      }
    },
  )

  promise(
    'putting the same value of a task again makes no second object, until another hour',
    async ({ store, clock, claims }) => {
      // Away from the edge of an hour.
      clock.shiftMs = CLAIM_HOUR_MS - (Date.now() % CLAIM_HOUR_MS)
      const first = await claims.put('data', 'a', '[1]')
      assert.deepEqual(await claims.put('data', 'a', '[1]'), first)
      assert.equal((await listed(store.list())).length, 1)
      const others = [
        await claims.put('data', 'a', '[2]'),
        await claims.put('data', 'b', '[1]'),
        await claims.put('result', 'a', '[1]'),
      ]
      clock.shiftMs += CLAIM_HOUR_MS
      others.push(await claims.put('data', 'a', '[1]'))
      assert.equal(new Set([first, ...others].map(({ key }) => key)).size, 5)
      for (const { key } of others) assert.notEqual(key, first.key)
    },
  )

  promise(
    'an object that is not what was put is an error that names the task and the object, never a value',
    async ({ store, claims }) => {
      const reference = await claims.put('result', 'tenant/7', '"the right value"')
      const bodies: [string, RegExp][] = [
        ['"the wrong value"', /its hash differs$/],
        ['"the right val', /has 14 bytes and not 17$/],
        [`${'"the right value"'}${' '.repeat(100_000)}`, /has 100017 bytes and not 17$/],
        ['', /has 0 bytes and not 17$/],
      ]
      const refused = async (given: Reference, message: RegExp) =>
        assert.rejects(
          claims.get(given),
          (error: Error & { code?: string; details?: Record<string, unknown> }) => {
            assert.equal(error.code, 'STORE_FAILED')
            assert.match(error.message, message)
            assert.ok(error.message.includes(given.key))
            assert.deepEqual(error.details, { key: given.key, isBroken: true })
            return true
          },
        )
      for (const [body, message] of bodies) {
        await store.put(reference.key, body)
        for (let time = 0; time < 5; time++) await refused(reference, message)
        await refused(reference, /^the result of task tenant%2F7 cannot be read: /)
      }
      await store.delete(reference.key)
      await refused(reference, /is missing$/)
      const document = documentName('tenant/7')
      await store.put(document, '"the right value"')
      await refused({ ...reference, key: document }, /no value was put under$/)
      // However many objects are broken, the store is not: others are still read.
      const other = await claims.put('data', 'other', '1')
      assert.equal(await claims.get(other), '1')
    },
  )

  promise(
    'delete removes what is old, and leaves to the sweep what may be put again at this moment',
    async ({ store, clock, claims }) => {
      const references = [await claims.put('data', 'a', '1'), await claims.put('result', 'b', '2')]
      assert.equal(await claims.delete(references), 0)
      assert.equal(await claims.get(references[0]!), '1')
      clock.shiftMs = 2 * CLAIM_HOUR_MS
      const young = await claims.put('data', 'a', '1')
      assert.equal(await claims.delete([...references, young]), 2)
      assert.equal(await claims.delete(references), 0)
      assert.deepEqual(await listed(store.list()), [young.key])
    },
  )

  promise(
    'a sweep removes old objects that nobody wants, and nothing else',
    async ({ store, clock, claims }) => {
      const wanted = await claims.put('data', 'wanted', '1')
      const orphans = [await claims.put('data', 'orphan', '2'), await claims.put('result', 'orphan', '3')]
      await store.put(documentName('orphan'), '{}')
      await store.put('data_of_somebody_else', 'x')
      const asked: string[] = []
      const isWanted = async (keys: readonly string[]) => {
        asked.push(...keys)
        return keys.filter((key) => key === wanted.key)
      }
      assert.equal(await claims.sweep(isWanted), 0)
      assert.deepEqual(asked, [], 'all of them are young')

      clock.shiftMs = CLAIM_ORPHAN_AGE_MS + CLAIM_HOUR_MS
      // Old by the clock of the store alone: its writer has put it a moment ago.
      const fresh = await claims.put('data', 'fresh', '4')
      assert.equal(await claims.sweep(isWanted), 2)
      assert.deepEqual(asked.sort(), [wanted, ...orphans].map(({ key }) => key).sort())
      const left = ['data_of_somebody_else', documentName('orphan'), wanted.key, fresh.key]
      assert.deepEqual(await listed(store.list()), left.sort())
    },
  )

  promise(
    'a sweep leaves what was put a moment ago by the clock of the store, whatever its key says',
    async ({ store, claims, clock }) => {
      const key = claimKey('data', 'a', HASH, clock.nowMs() - 10 * CLAIM_ORPHAN_AGE_MS)
      await store.put(key, 'x')
      assert.equal(await claims.sweep(async () => []), 0)
      assert.deepEqual(await listed(store.list()), [key])
      await assert.rejects(
        claims.sweep(async () => [], CLAIM_HOUR_MS),
        RangeError,
      )
    },
  )

  promise(
    'a sweep asks in pages, and removes nothing when it gets no answer',
    async ({ store, clock, claims }) => {
      const count = CLAIM_SWEEP_KEYS_MAX + 20
      const old = Array.from({ length: count }, (_, index) =>
        claimKey('data', `${index}`, HASH, clock.nowMs()),
      )
      await Promise.all(old.map((key) => store.put(key, 'x')))
      clock.shiftMs = CLAIM_ORPHAN_AGE_MS + CLAIM_HOUR_MS
      await assert.rejects(
        claims.sweep(() => Promise.reject(new Error('the tables do not answer'))),
        /the tables do not answer/,
      )
      assert.equal((await listed(store.list())).length, count)
      const pages: number[] = []
      const removed = await claims.sweep(async (keys) => {
        pages.push(keys.length)
        return []
      })
      assert.equal(removed, count)
      assert.deepEqual(pages, [CLAIM_SWEEP_KEYS_MAX, 20])
      assert.deepEqual(await listed(store.list()), [])
    },
  )
}
