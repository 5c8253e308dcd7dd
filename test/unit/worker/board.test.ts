/** The memory that main thread and pool thread share: a task is started or taken back, never both. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Board, POSITION } from '../../../src/worker/board.ts'

test('what was taken back cannot be started, what was started cannot be taken back', () => {
  const base = process.hrtime.bigint()
  const main = Board.make(4, base)
  const thread = new Board(main.buffer, base)
  assert.equal(thread.positions, 4)
  main.hand(0)
  main.hand(1)
  assert.equal(main.takeBack(0), true)
  assert.equal(thread.start(0, performance.now()), false)
  assert.equal(thread.start(1, performance.now()), true)
  assert.equal(main.takeBack(1), false)
  assert.equal(main.state(1), POSITION.started)
  thread.finish(1)
  assert.equal(main.state(1), POSITION.finished)
  assert.equal(main.state(2), POSITION.free)
})

test('both sides agree on how long a task has been running', () => {
  const base = process.hrtime.bigint() - 3_000_000_000n
  const main = Board.make(1, base)
  const thread = new Board(main.buffer, base)
  main.hand(0)
  thread.start(0, performance.now() - 250)
  const runningMs = main.runningMs(0)
  assert.ok(runningMs >= 249 && runningMs < 10_000, `${runningMs}`)
})
