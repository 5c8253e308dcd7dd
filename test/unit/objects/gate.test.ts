import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Gate } from '../../../src/objects/gate.ts'

test('so many run at a time, the others wait in the order in which they came', async () => {
  const gate = new Gate(2, 10)
  const begun: number[] = []
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const runs = ends.map(({ promise }, index) =>
    gate.run(async () => {
      begun.push(index)
      await promise
      return index
    }),
  )
  await setImmediate()
  assert.deepEqual(begun, [0, 1])
  ends[1]!.resolve()
  assert.equal(await runs[1], 1)
  await setImmediate()
  assert.deepEqual(begun, [0, 1, 2])
  for (const { resolve } of ends) resolve()
  assert.deepEqual(await Promise.all(runs), [0, 1, 2, 3, 4])
  assert.deepEqual(begun, [0, 1, 2, 3, 4])

  let inside = 0
  const again = Array.from({ length: 9 }, () =>
    gate.run(async () => {
      inside++
      assert.ok(inside <= 2, 'the gate is wider than it was')
      await setImmediate()
      inside--
    }),
  )
  await Promise.all(again)
})

test('work that fails makes room like any other', async () => {
  const gate = new Gate(1, 10)
  await assert.rejects(
    gate.run(() => Promise.reject(new Error('broken'))),
    /broken/,
  )
  await assert.rejects(
    gate.run(() => {
      throw new Error('at once')
    }),
    /at once/,
  )
  assert.equal(await gate.run(async () => 7), 7)
})

test('beyond those that may wait the caller is told to come again, and nobody who waits loses his place', async () => {
  const gate = new Gate(1, 1)
  const end = Promise.withResolvers<void>()
  const first = gate.run(() => end.promise)
  const second = gate.run(async () => 'second')
  await assert.rejects(
    gate.run(async () => 'third'),
    { code: 'RETRY_AFTER' },
  )
  end.resolve()
  await first
  assert.equal(await second, 'second')
  assert.equal(await gate.run(async () => 'fourth'), 'fourth')
})
