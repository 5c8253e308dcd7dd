/** Handlers that take their thread down: who is charged, with what evidence, and that the worker goes on. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBench, until } from './harness.ts'

test('process.exit in a handler is a crash of its task, and the thread is replaced', async (context) => {
  const { journal, submit, final, worker } = await openBench(context)
  const log = journal()
  const [record] = await final(await submit('exit', log, { maxCrashes: 1 }))
  assert.equal(record!.state, 'failed')
  assert.equal(record!.crashes, 2)
  assert.equal(record!.attempt, 1, 'a crash uses up no attempt')
  assert.equal(record!.error?.name, 'PoisonTask')
  assert.match(record!.error!.message, /process\.exit\(3\) was called while it ran/)
  assert.equal(log.lines().length, 2)
  const [next] = await final(await submit('add', [1, 1]))
  assert.equal(next!.resultText, '2')
  assert.equal(worker.stats().threadsReplaced, 2)
})

test('an error thrown from a stray callback is a crash with the error as evidence', async (context) => {
  const { submit, final, journal } = await openBench(context)
  const [record] = await final(await submit('stray', journal(), { maxCrashes: 0 }))
  assert.equal(record!.state, 'failed')
  assert.match(record!.error!.message, /nobody caught: TypeError: thrown from a callback/)
  assert.match(record!.error!.stack!, /handlers\.ts/)
  const [next] = await final(await submit('add', [1]))
  assert.equal(next!.state, 'succeeded')
})

test('a rejection that nobody handles is a crash, too', async (context) => {
  const { submit, final, journal } = await openBench(context)
  const [record] = await final(await submit('floating', journal(), { maxCrashes: 0 }))
  assert.match(record!.error!.message, /nobody caught: Error: floating/)
})

test('a handler that eats its memory takes only its thread down, however large its bites', async (context) => {
  const { submit, final, journal } = await openBench(context, { limits: { threadMemoryMb: 64 } })
  const meals = [{ numbers: 1_000 }, { numbers: 10_000 }, { numbers: 5_000_000 }, { bytes: 1_000_000 }]
  for (const meal of meals) {
    const [record] = await final(await submit('devour', { ...journal(), ...meal }, { maxCrashes: 0 }))
    assert.equal(record!.state, 'failed')
    assert.match(record!.error!.message, /OutOfMemory: its thread used more than its 64 MB/)
    const [next] = await final(await submit('add', [1]))
    assert.equal(next!.state, 'succeeded')
  }
})

test('a handler that stays within its memory may make as much garbage as it likes', async (context) => {
  const { submit, final, worker } = await openBench(context, { limits: { threadMemoryMb: 64 } })
  const [record] = await final(await submit('litter', { liveMb: 48, garbageMb: 2_000 }))
  assert.equal(record!.state, 'succeeded')
  assert.equal(worker.stats().threadsReplaced, 0)
})

test('of several that run in a thread only the one that brings it down is charged', async (context) => {
  for (const guilty of ['exit', 'stray']) {
    const { submit, final, journal } = await openBench(context, { concurrency: 3, threads: 1 })
    const beside = journal()
    const innocent = [
      await submit('gate', beside, { maxCrashes: 0 }),
      await submit('gate', beside, { maxCrashes: 0 }),
    ]
    await beside.until(2)
    const [record] = await final(await submit(guilty, journal(), { maxCrashes: 0 }))
    assert.equal(record!.state, 'failed')
    beside.go()
    for (const { state, crashes, attempt } of await final(...innocent)) {
      assert.deepEqual({ state, crashes, attempt }, { state: 'succeeded', crashes: 0, attempt: 1 }, guilty)
    }
  }
})

test('a callback left behind by a task that has ended is not blamed on the one that runs', async (context) => {
  const { submit, final, journal } = await openBench(context)
  const left = journal()
  const [armed] = await final(await submit('bomb', left))
  assert.equal(armed!.state, 'succeeded')
  const log = journal()
  const id = await submit('gate', log, { maxCrashes: 0 })
  await log.until(1)
  left.go()
  await log.until(2)
  log.go()
  const [record] = await final(id)
  assert.equal(record!.state, 'succeeded')
  assert.equal(record!.crashes, 0)
})

test('when memory runs out and several were running, each runs again alone until the guilty one shows itself', async (context) => {
  const { submit, final, journal, events, worker } = await openBench(context, {
    concurrency: 3,
    threads: 1,
    limits: { threadMemoryMb: 64 },
  })
  const beside = journal()
  const innocent = [
    await submit('gate', beside, { maxCrashes: 0 }),
    await submit('gate', beside, { maxCrashes: 0 }),
  ]
  await beside.until(2)
  const guilty = await submit('devour', { ...journal(), numbers: 10_000 }, { maxCrashes: 0 })
  await until('the thread is gone', () => events.some((event) => event.startsWith('worker.thread-ended')))
  await beside.until(3)
  assert.equal(worker.stats().running, 1, 'one at a time')
  beside.go()
  const [record, ...others] = await final(guilty, ...innocent)
  assert.equal(record!.state, 'failed')
  assert.match(record!.error!.message, /OutOfMemory/)
  assert.ok(others.every(({ state, crashes }) => state === 'succeeded' && crashes === 0))
})

test('results that were finished before a crash in the same turn are not lost', async (context) => {
  const { submit, final, journal } = await openBench(context, { prefetch: 16 })
  const log = journal()
  // All are in the inbox of the one thread behind the blocking one; of a type known to be short, they run in one turn.
  const ids = [await submit('block', { ...log, ms: 100 })]
  await log.until(1)
  for (let n = 0; n < 10; n++) ids.push(await submit('once', { ...log, note: `${n}` }))
  ids.push(await submit('once', { ...log, note: 'exit' }, { maxCrashes: 0 }))
  await final(...ids)
  assert.deepEqual(
    log.lines(),
    ['blocks', ...Array.from({ length: 10 }, (_, n) => `ran ${n}`), 'ran exit'],
    'each ran once',
  )
})

test('a worker whose threads keep dying replaces them more and more slowly', async (context) => {
  const { submit, final, journal, events } = await openBench(context)
  await final(await submit('exit', journal(), { maxCrashes: 4 }))
  await until(
    'five ends are logged',
    () => events.filter((event) => event.startsWith('worker.thread-ended')).length === 5,
  )
  const delays = events
    .filter((event) => event.startsWith('worker.thread-ended'))
    .map((event) => JSON.parse(event.slice('worker.thread-ended '.length)).delayMs)
  assert.deepEqual(delays, [0, 50, 100, 200, 400])
})
