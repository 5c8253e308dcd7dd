/** Outcomes on their way to an engine that fails in every way; time is virtual. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery, Engine, Settlement } from '../../../src/engine/engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import type { Outcome } from '../../../src/task/outcome.ts'
import { Held } from '../../../src/worker/held.ts'
import { Settler } from '../../../src/worker/settler.ts'

function bench(settle: Engine['settle']) {
  const clock = new VirtualClock()
  const answers: [id: string, accepted: boolean | null, kind: string][] = []
  const events: string[] = []
  const settler = new Settler({
    engine: { settle } as Engine,
    clock,
    random: () => 0,
    log: { event: (name) => events.push(name) },
    before: () => {},
    settled: (_held, outcome, settlement) =>
      answers.push([outcome.id, settlement?.accepted ?? null, outcome.kind]),
  })
  const add = (id: string, valueText = '1') => {
    const facts = { type: 't', queue: null, isolation: 'thread', timeoutMs: null } as const
    const held = new Held({ id, epoch: 1, timeoutMs: null } as Delivery, facts, 0)
    settler.add(held, { id, epoch: 1, kind: 'returned', valueText })
  }
  return { clock, answers, events, settler, add }
}

const accept = (outcomes: readonly Outcome[]): Settlement[] =>
  outcomes.map(({ id }) => ({ id, accepted: true, state: 'succeeded' }))

const ids = (outcomes: readonly Outcome[]) => outcomes.map(({ id }) => id)

test('what ends in one turn is one settlement; while four are under way the rest gathers', async () => {
  const calls: string[][] = []
  const release: (() => void)[] = []
  const { clock, settler, add, answers } = bench((outcomes) => {
    calls.push(ids(outcomes))
    return new Promise((resolve) => release.push(() => resolve(accept(outcomes))))
  })
  add('a')
  add('b')
  await clock.advance(0)
  for (const id of ['c', 'd', 'e', 'f', 'g']) {
    add(id)
    await clock.advance(0)
  }
  assert.deepEqual(calls, [['a', 'b'], ['c'], ['d'], ['e']])
  release[0]!()
  await clock.advance(0)
  assert.deepEqual(calls.at(-1), ['f', 'g'])
  assert.equal(settler.size, 5)
  for (const call of release) call()
  await settler.idle()
  assert.deepEqual(answers.map(([id]) => id).sort(), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

test('large results go in settlements of their own', async () => {
  const calls: number[] = []
  const { settler, add } = bench(async (outcomes) => {
    calls.push(outcomes.length)
    return accept(outcomes)
  })
  for (let n = 0; n < 4; n++) add(`${n}`, 'x'.repeat(600_000))
  for (let n = 0; n < 10; n++) add(`small-${n}`)
  await settler.idle()
  assert.deepEqual(calls, [1, 1, 1, 11])
})

test('an engine that cannot be reached is asked again, more and more slowly, until it answers', async () => {
  let failures = 0
  const { clock, settler, add, answers } = bench(async (outcomes) => {
    if (failures < 4) {
      failures++
      throw new ChasquiError('CONNECTION_LOST', 'away')
    }
    return accept(outcomes)
  })
  add('a')
  await clock.advance(0)
  assert.equal(failures, 1)
  await clock.advance(25)
  assert.equal(failures, 2)
  await clock.advance(49)
  assert.equal(failures, 2)
  await clock.advance(1)
  assert.equal(failures, 3)
  add('b')
  await clock.advance(0)
  assert.equal(failures, 3, 'what is new waits with the rest')
  settler.resume()
  await clock.advance(0)
  assert.equal(failures, 4)
  await clock.advance(10_000)
  assert.deepEqual(answers, [
    ['a', true, 'returned'],
    ['b', true, 'returned'],
  ])
})

test('an answer that never comes is not waited for', async () => {
  let calls = 0
  const { clock, add, answers } = bench(async (outcomes) => {
    if (calls++ === 0) await new Promise(() => {})
    return accept(outcomes)
  })
  add('a')
  await clock.advance(29_999)
  assert.equal(calls, 1)
  await clock.advance(100)
  assert.deepEqual(answers, [['a', true, 'returned']])
})

test('after a quarter of an hour an outcome is given up, and that is told', async () => {
  const { clock, settler, add, answers, events } = bench(async () => {
    throw new ChasquiError('CONNECTION_LOST', 'away')
  })
  add('a')
  await clock.advance(890_000)
  assert.equal(settler.size, 1)
  await clock.advance(20_000)
  assert.deepEqual(answers, [['a', null, 'returned']])
  assert.deepEqual(events, ['worker.outcome-lost'])
})

test('the one outcome that is refused is found, and replaced by an error that says so', async () => {
  const { settler, add, answers } = bench(async (outcomes) => {
    if (outcomes.some(({ id, kind }) => id === 'bad' && kind === 'returned')) throw new Error('a bug')
    return accept(outcomes)
  })
  for (const id of ['a', 'bad', 'b']) add(id)
  await settler.idle()
  assert.deepEqual(answers.sort(), [
    ['a', true, 'returned'],
    ['b', true, 'returned'],
    ['bad', true, 'threw'],
  ])
})

test('one that is refused in every form is given up, once', async () => {
  const { settler, add, answers } = bench(async () => {
    throw new ChasquiError('INVALID_PARAMS', 'no')
  })
  add('a')
  await settler.idle()
  assert.deepEqual(answers, [['a', null, 'threw']])
})

test('a closed engine takes nothing more; a closed settler answers for all', async () => {
  const closed = bench(async () => {
    throw new ChasquiError('CLOSED', 'closed')
  })
  closed.add('a')
  await closed.settler.idle()
  assert.deepEqual(closed.answers, [['a', null, 'returned']])

  const away = bench(async () => {
    throw new ChasquiError('CONNECTION_LOST', 'away')
  })
  away.add('a')
  await away.clock.advance(0)
  away.settler.close()
  away.add('b')
  assert.deepEqual(
    away.answers.map(([id]) => id),
    ['a', 'b'],
  )
})
