import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfirmLedger } from '../../../../src/engine/cluster/broker/confirm-ledger.ts'
import { openRandom } from '../../../support/random.ts'

function counting(ledger: ConfirmLedger<string>) {
  const counts: Record<string, number> = {}
  const settle = (tag: number, multiple: boolean) =>
    ledger.settle(tag, multiple, (owner, count) => {
      counts[owner] = (counts[owner] ?? 0) + count
    })
  return { counts, settle }
}

test('a cumulative confirm counts for all owners up to it', () => {
  const ledger = new ConfirmLedger<string>()
  const { counts, settle } = counting(ledger)
  ledger.add('a', 3)
  ledger.add('b', 4)
  settle(5, true)
  assert.deepEqual(counts, { a: 3, b: 2 })
  assert.equal(ledger.outstanding, 2)
  assert.deepEqual(ledger.owners(), ['b'])
})

test('a number is counted once, singly or cumulatively, however often it is confirmed', () => {
  const ledger = new ConfirmLedger<string>()
  const { counts, settle } = counting(ledger)
  ledger.add('a', 5)
  settle(2, false)
  settle(2, false)
  settle(4, false)
  settle(4, true)
  assert.deepEqual(counts, { a: 4 })
  settle(4, true)
  settle(5, false)
  settle(5, false)
  settle(99, true)
  assert.deepEqual(counts, { a: 5 })
  assert.equal(ledger.outstanding, 0)
})

test('it says whose a number is, while it is not confirmed', () => {
  const ledger = new ConfirmLedger<string>(3)
  const { settle } = counting(ledger)
  ledger.add('a', 2)
  ledger.add('b', 1)
  assert.deepEqual(
    [2, 3, 4, 5, 6].map((tag) => ledger.ownerOf(tag)),
    [null, 'a', 'a', 'b', null],
  )
  settle(4, false)
  assert.equal(ledger.ownerOf(4), null)
  assert.equal(ledger.next, 6)
})

test('whatever the broker confirms in which order, each owner gets his count', (context) => {
  const random = openRandom(context)
  for (let run = 0; run < 200; run++) {
    const ledger = new ConfirmLedger<string>()
    const { counts, settle } = counting(ledger)
    const expected: Record<string, number> = {}
    const open = new Set<number>()
    let next = 1
    for (let step = 0; step < 300; step++) {
      if (step < 250 && random.next() < 0.4) {
        const [owner, count] = [`o${random.below(20)}`, 1 + random.below(9)]
        expected[owner] = (expected[owner] ?? 0) + count
        ledger.add(owner, count)
        for (let left = count; left > 0; left--) open.add(next++)
      } else if (open.size > 0) {
        const tag = random.pick([...open].slice(0, 30))
        const multiple = random.next() < 0.3
        settle(tag, multiple)
        for (const other of [...open]) if (other === tag || (multiple && other < tag)) open.delete(other)
      }
      assert.equal(ledger.outstanding, open.size)
    }
    settle(next - 1, true)
    assert.deepEqual(counts, expected)
    assert.deepEqual(ledger.owners(), [])
  }
})
