import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { systemClock, VirtualClock } from '../../../src/task/clock.ts'

test('a virtual clock stands still until it is moved', async () => {
  const clock = new VirtualClock(1_000)
  assert.equal(clock.nowMs(), 1_000)
  await clock.advance(0)
  assert.equal(clock.nowMs(), 1_000)
  await clock.advance(250)
  assert.equal(clock.nowMs(), 1_250)
})

test('timers run at their times and in their order, once', async () => {
  const clock = new VirtualClock(0)
  const calls: string[] = []
  const at = (ms: number, name: string) => clock.at(ms, () => calls.push(`${name}@${clock.nowMs()}`))
  at(30, 'c')
  at(10, 'a')
  at(10, 'b')
  at(31, 'late')
  at(-5, 'past')
  await clock.advance(30)
  assert.deepEqual(calls, ['past@0', 'a@10', 'b@10', 'c@30'])
  await clock.advance(0)
  assert.equal(calls.length, 4)
})

test('a cancelled timer does not run', async () => {
  const clock = new VirtualClock(0)
  const calls: string[] = []
  const second = clock.at(20, () => calls.push('second'))
  clock.at(10, () => second.cancel())
  await clock.advance(100)
  assert.deepEqual(calls, [])
})

test('what a timer starts is done before time goes on, and its own timers are kept', async () => {
  const clock = new VirtualClock(0)
  const calls: string[] = []
  const work = async () => {
    await Promise.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    calls.push(`work@${clock.nowMs()}`)
    clock.at(15, () => calls.push(`follow-up@${clock.nowMs()}`))
  }
  clock.at(10, () => void work())
  clock.at(20, () => calls.push(`next@${clock.nowMs()}`))
  await clock.advance(50)
  assert.deepEqual(calls, ['work@10', 'follow-up@15', 'next@20'])
  assert.equal(clock.nowMs(), 50)
})

test('the system clock calls back, tells whole milliseconds, and forgets what is cancelled', async () => {
  assert.ok(Number.isInteger(systemClock.nowMs()))
  const bell = new EventTarget()
  const cancelled = systemClock.at(systemClock.nowMs(), () => assert.fail('was cancelled'))
  cancelled.cancel()
  // Its timers do not keep a process alive: this one does until they have run.
  const alive = setTimeout(() => assert.fail('the clock did not call'), 10_000)
  systemClock.at(systemClock.nowMs() + 5, () => bell.dispatchEvent(new Event('ring')))
  await once(bell, 'ring')
  clearTimeout(alive)
})
