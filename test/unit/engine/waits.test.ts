import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import nodeTest from 'node:test'
import { Waits } from '../../../src/engine/waits.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import type { TaskState } from '../../../src/task/lifecycle.ts'
import type { TaskRecord } from '../../../src/task/task.ts'

/** A wait that is forgotten must fail its test, not hang it. */
const test = (sentence: string, proof: () => Promise<void>) => nodeTest(sentence, { timeout: 20_000 }, proof)

/** A store of states; `reads` counts how often the truth was looked at. */
function openStore(states: Record<string, TaskState>, recheckMs?: number) {
  const clock = new VirtualClock(0)
  const store = new Map(Object.entries(states))
  const reads: string[][] = []
  const read = async (ids: readonly string[]) => {
    reads.push([...ids])
    return ids.map((id) => {
      const state = store.get(id)
      return state === undefined ? null : record(id, state)
    })
  }
  const waits = new Waits({ clock, read, ...(recheckMs === undefined ? {} : { recheckMs }) })
  const settle = (id: string, state: TaskState) => {
    store.set(id, state)
    waits.settled(id)
  }
  return { clock, store, reads, waits, settle }
}

function record(id: string, state: TaskState): TaskRecord {
  return {
    id,
    type: 't',
    queue: 'q',
    state,
    priority: 4,
    attempt: 1,
    maxAttempts: 5,
    crashes: 0,
    createdAtMs: 0,
    runAtMs: 0,
  }
}

const states = (records: readonly (TaskRecord | null)[]) => records.map((r) => r?.state ?? null)

test('final and unknown tasks are answered at once, in the order asked', async () => {
  const { waits } = openStore({ a: 'succeeded', b: 'failed', c: 'canceled', d: 'expired' })
  const answer = await waits.wait(['d', 'x', 'a', 'b', 'c'], 1_000)
  assert.deepEqual(states(answer), ['expired', null, 'succeeded', 'failed', 'canceled'])
  assert.equal(waits.size, 0)
})

test('a wait is answered when the last of its tasks is final', async () => {
  const { waits, settle, clock } = openStore({ a: 'queued', b: 'running', c: 'succeeded' })
  let answered = false
  const answer = waits.wait(['a', 'b', 'c', 'a'], 60_000).then((records) => {
    answered = true
    return states(records)
  })
  await clock.advance(1)
  settle('b', 'failed')
  await clock.advance(1)
  assert.equal(answered, false)
  settle('a', 'succeeded')
  assert.deepEqual(await answer, ['succeeded', 'failed', 'succeeded', 'succeeded'])
})

test('a task that is settled right after the wait began is not missed', async () => {
  const { waits, settle } = openStore({ a: 'running', b: 'running' })
  const answer = waits.wait(['a', 'b'], 60_000)
  settle('a', 'succeeded')
  settle('b', 'succeeded')
  assert.deepEqual(states(await answer), ['succeeded', 'succeeded'])
})

test('a task that is settled while an older read is under way is not missed', async () => {
  const clock = new VirtualClock(0)
  const store = new Map<string, TaskState>([
    ['a', 'running'],
    ['b', 'running'],
  ])
  const slow: (() => void)[] = []
  const waits = new Waits({
    clock,
    read: async (ids) => {
      const answer = ids.map((id) => record(id, store.get(id)!))
      if (slow.length === 0) await new Promise<void>((resolve) => slow.push(resolve))
      return answer
    },
  })
  const answer = waits.wait(['a', 'b'], 60_000)
  await clock.advance(1)
  store.set('a', 'succeeded')
  waits.settled('a')
  slow[0]!()
  await clock.advance(1)
  store.set('b', 'succeeded')
  waits.settled('b')
  assert.deepEqual(states(await answer), ['succeeded', 'succeeded'])
  assert.equal(clock.nowMs(), 2)
})

test('a task that was final and was retried by hand is waited for again', async () => {
  const { waits, settle, store, clock } = openStore({ a: 'running', b: 'running' })
  const answer = waits.wait(['a', 'b'], 60_000)
  await clock.advance(1)
  settle('a', 'failed')
  store.set('a', 'queued')
  settle('b', 'succeeded')
  await clock.advance(1)
  assert.equal(waits.size, 1)
  settle('a', 'succeeded')
  assert.deepEqual(states(await answer), ['succeeded', 'succeeded'])
})

test('at the deadline a wait is answered with the states reached', async () => {
  const { waits, settle, clock, reads } = openStore({ a: 'queued', b: 'queued' })
  const answer = waits.wait(['a', 'b', 'x'], 5_000)
  await clock.advance(1)
  settle('b', 'succeeded')
  await clock.advance(4_998)
  assert.equal(waits.size, 1)
  await clock.advance(1)
  assert.deepEqual(states(await answer), ['queued', 'succeeded', null])
  assert.equal(waits.size, 0)
  const readsBefore = reads.length
  settle('a', 'succeeded')
  await clock.advance(1)
  assert.equal(reads.length, readsBefore, 'nobody waits for it any more')
})

test('a wait of no time is a look at the states', async () => {
  const { waits } = openStore({ a: 'queued' })
  assert.deepEqual(states(await waits.wait(['a'], 0)), ['queued'])
})

test('aborting answers with the states reached, before or during the wait', async () => {
  const { waits, clock } = openStore({ a: 'running' })
  assert.deepEqual(states(await waits.wait(['a'], 60_000, AbortSignal.abort())), ['running'])
  const controller = new AbortController()
  const answer = waits.wait(['a'], 60_000, controller.signal)
  await clock.advance(1)
  controller.abort()
  assert.deepEqual(states(await answer), ['running'])
  assert.equal(waits.size, 0)
})

test('a wait that is answered lets go of its signal', async () => {
  const { waits, settle, clock } = openStore({ a: 'running' })
  const controller = new AbortController()
  const answer = waits.wait(['a'], 60_000, controller.signal)
  await clock.advance(1)
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
  settle('a', 'succeeded')
  await answer
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
})

test('closing answers everyone, and later waits are refused', async () => {
  const { waits, clock } = openStore({ a: 'running', b: 'succeeded' })
  const early = waits.wait(['a'], 60_000)
  await clock.advance(1)
  const late = waits.wait(['a', 'b'], 60_000)
  await waits.close()
  assert.deepEqual(states(await early), ['running'])
  assert.deepEqual(states(await late), ['running', 'succeeded'])
  await assert.rejects(waits.wait(['a'], 1), { code: 'CLOSED' })
})

test('a read that fails is the answer of those it was for', async () => {
  const waits = new Waits({
    clock: new VirtualClock(0),
    read: async () => {
      throw new Error('disk gone')
    },
  })
  await assert.rejects(waits.wait(['a'], 1_000), /disk gone/)
  assert.equal(waits.size, 0)
})

test('where hints can be lost the truth is looked at again', async () => {
  const { waits, store, clock } = openStore({ a: 'running' }, 5_000)
  const answer = waits.wait(['a'], 60_000)
  await clock.advance(4_999)
  store.set('a', 'succeeded')
  await clock.advance(1)
  assert.deepEqual(states(await answer), ['succeeded'])
})

test('many waiters of one task, and a hundred thousand of single tasks, are answered by few reads', async () => {
  const count = 100_000
  const { waits, clock, settle, reads } = openStore(
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 'queued' as const])),
  )
  const answers = Array.from({ length: count }, (_, index) => waits.wait([`t${index}`], 60_000))
  const crowd = Array.from({ length: 100 }, () => waits.wait(['t7'], 60_000))
  for (let turn = 0; waits.size > 0 && turn < 100; turn++) await clock.advance(0)
  for (let index = 0; index < count; index++) settle(`t${index}`, 'succeeded')
  const all = await Promise.all([...answers, ...crowd])
  assert.equal(
    all.every(([one]) => one?.state === 'succeeded'),
    true,
  )
  assert.ok(reads.length < 300, `${reads.length} reads`)
  assert.equal(waits.size, 0)
})
