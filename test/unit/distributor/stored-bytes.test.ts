/** What one distributor lets through between two looks at the store: never more than the limit, whatever order takes, looks and answers come in. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountOf, StoredAccounts, StoredBytes } from '../../../src/distributor/access/stored-bytes.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { STORED_LOOK_MS } from '../../../src/task/limits.ts'
import { openRandom } from '../../support/random.ts'

const LIMIT = 1_000

test('what is under way while the store is looked at still counts afterwards', () => {
  const stored = new StoredBytes('a', LIMIT, () => null)
  assert.equal(stored.take(600), true)
  stored.lookBegins()
  // The look saw the store before these 600 came into it.
  stored.lookEnds(0)
  assert.equal(stored.take(600), false)
  stored.answered(600)
  stored.lookBegins()
  stored.lookEnds(600)
  assert.equal(stored.take(400), true)
  assert.equal(stored.take(1), false)
})

test('what was given back counts no more', () => {
  const stored = new StoredBytes('a', LIMIT, () => null)
  assert.equal(stored.take(1_000), true)
  stored.giveBack(1_000)
  assert.equal(stored.take(1_000), true)
})

test('in any order of takes, commits, answers and looks the store never holds more than the limit', (t) => {
  const random = openRandom(t)
  for (let run = 0; run < 200; run++) {
    const stored = new StoredBytes('a', LIMIT, () => null)
    let held = 0
    let seen: number | null = null
    const sent: number[] = []
    const committed: number[] = []
    for (let step = 0; step < 200; step++) {
      switch (random.below(7)) {
        case 0:
        case 1: {
          const bytes = 1 + random.below(300)
          if (stored.take(bytes)) sent.push(bytes)
          break
        }
        case 2:
          // In the store, and nobody has heard of it yet.
          if (sent.length > 0) {
            held += sent[0]!
            committed.push(sent.shift()!)
          }
          break
        case 3:
          if (committed.length > 0) stored.answered(committed.shift()!)
          break
        case 4:
          if (seen === null) {
            stored.lookBegins()
            seen = held
          }
          break
        case 5:
          if (seen !== null) stored.lookEnds(seen)
          seen = null
          break
        default:
          // Retention.
          held -= random.below(Math.min(held, 100) + 1)
      }
      assert.ok(held <= LIMIT, `run ${run}, step ${step}: ${held}`)
    }
  }
})

test('all accounts share one look a second, and an engine that cannot count is said', async () => {
  const clock = new VirtualClock(0)
  let looks = 0
  const owners = async () => {
    looks++
    return { [accountOf({ kind: 'token', name: 'ana' })]: 900 }
  }
  const report = { kind: 'x', durability: 'disk', queues: [], consumers: [], store: {} } as const
  const accounts = new StoredAccounts({ inspect: async () => ({ ...report, owners }) }, clock)
  const who = (name: string) =>
    accounts.of({
      kind: 'token',
      id: name,
      name,
      grants: [],
      limits: { storedBytes: LIMIT },
      expiresAtMs: null,
    })!
  const [ana, bob] = [who('ana'), who('bob')]
  await Promise.all([ana.ready(), bob.ready(), ana.ready()])
  assert.equal(looks, 1)
  assert.equal(ana.ready(), null)
  assert.deepEqual([ana.take(101), ana.take(100), bob.take(1_000)], [false, true, true])
  await clock.advance(STORED_LOOK_MS)
  await ana.ready()
  assert.equal(looks, 2)
  const blind = new StoredAccounts({ inspect: async () => report }, clock)
  const eve = {
    kind: 'token',
    id: 'e',
    name: 'eve',
    grants: [],
    limits: { storedBytes: 1 },
    expiresAtMs: null,
  } as const
  await assert.rejects(async () => blind.of(eve)!.ready(), { code: 'NOT_SUPPORTED' })
})
