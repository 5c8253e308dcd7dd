import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Deadline, DeadlineQueue } from '../../../src/engine/deadline-queue.ts'
import { VirtualClock } from '../../../src/task/clock.ts'

interface Entry extends Deadline {
  readonly name: string
}

const entry = (name: string): Entry => ({ name, atMs: 0, heapIndex: -1 })

test('entries come out at their times, earliest first', async () => {
  const clock = new VirtualClock(0)
  const out: string[] = []
  const queue = new DeadlineQueue<Entry>(clock, (due) => {
    for (const { name } of due) out.push(`${name}@${clock.nowMs()}`)
  })
  queue.set(entry('c'), 30)
  queue.set(entry('a'), 10)
  queue.set(entry('b'), 20)
  await clock.advance(25)
  assert.deepEqual(out, ['a@10', 'b@20'])
  await clock.advance(25)
  assert.deepEqual(out, ['a@10', 'b@20', 'c@30'])
  assert.equal(queue.size, 0)
})

test('an entry can be moved and taken out while it is queued', async () => {
  const clock = new VirtualClock(0)
  const out: string[] = []
  const queue = new DeadlineQueue<Entry>(clock, (due) => {
    for (const { name } of due) out.push(`${name}@${clock.nowMs()}`)
  })
  const [a, b, c] = [entry('a'), entry('b'), entry('c')]
  queue.set(a, 10)
  queue.set(b, 20)
  queue.set(c, 30)
  queue.set(a, 40)
  queue.delete(b)
  queue.delete(b)
  await clock.advance(100)
  assert.deepEqual(out, ['c@30', 'a@40'])
})

test('taking an entry out of the middle keeps the rest in order', async () => {
  const clock = new VirtualClock(0)
  const out: string[] = []
  const queue = new DeadlineQueue<Entry>(clock, (due) => {
    for (const { name } of due) out.push(`${name}@${clock.nowMs()}`)
  })
  const entries = new Map([1, 100, 2, 101, 102, 3, 4].map((atMs) => [atMs, entry(String(atMs))]))
  for (const [atMs, one] of entries) queue.set(one, atMs)
  // The last entry takes the place of the one taken out, below a later one: it has to go up.
  queue.delete(entries.get(101)!)
  for (let atMs = 103; atMs <= 110; atMs++) queue.set(entry(String(atMs)), atMs)
  await clock.advance(50)
  assert.deepEqual(out, ['1@1', '2@2', '3@3', '4@4'])
  await clock.advance(50)
  assert.deepEqual(out.slice(4), ['100@100'])
})

test('a hundred thousand entries arm one timer at a time', () => {
  let armed = 0
  const queue = new DeadlineQueue<Entry>(
    {
      nowMs: () => 0,
      at: () => {
        armed++
        return { cancel: () => void armed-- }
      },
    },
    () => {},
  )
  for (let index = 0; index < 100_000; index++) queue.set(entry('x'), 1_000 + (index % 77))
  assert.equal(armed, 1)
  queue.clear()
  assert.equal(armed, 0)
})

test('whatever is set, moved and deleted, what is left comes out in order', async () => {
  const operation = fc.record({
    at: fc.nat(15),
    time: fc.integer({ min: 1, max: 50 }),
    remove: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      const clock = new VirtualClock(0)
      const out: Entry[] = []
      const queue = new DeadlineQueue<Entry>(clock, (due) => void out.push(...due))
      const entries = Array.from({ length: 16 }, (_, index) => entry(String(index)))
      const expected = new Map<string, number>()
      for (const { at, time, remove } of operations) {
        if (remove) {
          queue.delete(entries[at]!)
          expected.delete(entries[at]!.name)
        } else {
          queue.set(entries[at]!, time)
          expected.set(entries[at]!.name, time)
        }
      }
      assert.equal(queue.size, expected.size)
      await clock.advance(51)
      assert.deepEqual(
        out.map((e) => e.atMs),
        [...expected.values()].sort((a, b) => a - b),
      )
      assert.deepEqual(new Set(out.map((e) => e.name)), new Set(expected.keys()))
    }),
    { numRuns: 60 },
  )
})
