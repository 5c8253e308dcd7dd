/** Deliveries that wait for a thread, in the order in which they came. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '../../../src/engine/engine.ts'
import { Held } from '../../../src/worker/held.ts'
import { WaitingLine } from '../../../src/worker/waiting-line.ts'

function held(order: number): Held {
  const facts = { type: 't', queue: null, isolation: 'thread', timeoutMs: null } as const
  return new Held({ id: `${order}`, timeoutMs: null } as Delivery, facts, order)
}

const rest = (line: WaitingLine) => {
  const orders: number[] = []
  for (let next = line.shift(); next !== undefined; next = line.shift()) orders.push(next.order)
  return orders
}

test('first in, first out; what is given back regains its place', () => {
  const line = new WaitingLine()
  for (const order of [3, 4, 5]) line.push(held(order))
  line.push(held(1))
  assert.equal(line.first?.order, 1)
  assert.equal(line.length, 4)
  assert.deepEqual(rest(line), [1, 3, 4, 5])
  assert.equal(line.length, 0)
})

test('the last one can be taken, and any can leave', () => {
  const line = new WaitingLine()
  const all = [0, 1, 2, 3].map(held)
  for (const one of all) line.push(one)
  line.shift()
  line.remove(all[2]!)
  line.remove(all[0]!)
  assert.equal(line.pop()?.order, 3)
  assert.deepEqual(rest(line), [1])
  assert.equal(line.pop(), undefined)
})

test('thousands that pass through leave nothing behind', () => {
  const line = new WaitingLine()
  let order = 0
  for (let n = 0; n < 10; n++) line.push(held(order++))
  for (let n = 0; n < 5_000; n++) {
    line.push(held(order++))
    assert.equal(line.shift()?.order, n)
  }
  assert.equal(line.length, 10)
})
