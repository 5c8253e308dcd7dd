/** Handlers that do not end by themselves: timeouts, cancellations, and what happens to those beside them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBench, until } from './harness.ts'

const FAST = { stopGraceMs: 50 }

test('a handler in an endless loop is stopped at its timeout, and the slot works again', async (context) => {
  const { journal, submit, final, worker } = await openBench(context, { limits: FAST })
  const log = journal()
  const hung = await submit('spin', log, { timeoutMs: 60, maxAttempts: 1 })
  const [record] = await final(hung)
  assert.equal(record!.state, 'failed')
  assert.deepEqual(record!.error, {
    name: 'TimedOut',
    message: 'the attempt ran longer than its timeout of 60 ms',
  })
  assert.ok(record!.finishedAtMs! - record!.startedAtMs! >= 110, 'timeout and grace were waited out')
  const [next] = await final(await submit('add', [1, 2]))
  assert.equal(next!.resultText, '3')
  assert.equal(worker.stats().threadsReplaced, 1)
})

test('a timed-out attempt is followed by the next one, and each is counted', async (context) => {
  const { journal, submit, final } = await openBench(context, { limits: FAST })
  const log = journal()
  const [record] = await final(
    await submit('hang', log, { timeoutMs: 40, maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 1 } }),
  )
  assert.equal(record!.state, 'failed')
  assert.equal(record!.attempt, 2)
  assert.equal(log.lines().length, 2)
})

test('a handler that awaits what never comes is stopped at its timeout', async (context) => {
  const { journal, submit, final, worker } = await openBench(context, { limits: FAST })
  const [record] = await final(await submit('hang', journal(), { timeoutMs: 50, maxAttempts: 1 }))
  assert.equal(record!.error?.name, 'TimedOut')
  await final(await submit('add', [1]))
  assert.equal(worker.stats().threadsReplaced, 1)
})

test('a handler that obeys its signal is stopped without losing its thread, and knows why', async (context) => {
  const { journal, submit, final, worker } = await openBench(context)
  const log = journal()
  const [record] = await final(await submit('obey', log, { timeoutMs: 50, maxAttempts: 1 }))
  assert.equal(record!.error?.name, 'TimedOut')
  assert.deepEqual(log.lines(), [
    'waits',
    'stopped by TimeoutError: the attempt ran longer than its timeout of 50 ms',
  ])
  assert.equal(worker.stats().threadsReplaced, 0)
})

test('the timeout counts from the real start, not from the delivery', async (context) => {
  const { journal, submit, final } = await openBench(context, { prefetch: 4 })
  const log = journal()
  // One slot: the later ones wait longer than their timeout before they start.
  const ids = [
    await submit('block', { ...log, ms: 120 }, { timeoutMs: 5_000 }),
    await submit('block', { ...log, ms: 120 }, { timeoutMs: 5_000 }),
    await submit('block', { ...log, ms: 1 }, { timeoutMs: 100, maxAttempts: 1 }),
  ]
  const records = await final(...ids)
  assert.deepEqual(
    records.map(({ state }) => state),
    ['succeeded', 'succeeded', 'succeeded'],
  )
})

test('a definition gives the timeout where the task has none', async (context) => {
  const modules = [new URL('./short-timeout.ts', import.meta.url).href]
  const { submit, final } = await openBench(context, { modules, limits: FAST })
  const [record] = await final(await submit('short', null, { maxAttempts: 1 }))
  assert.match(record!.error!.message, /its timeout of 40 ms/)
})

test('cancelling a running task stops a handler that obeys, and the slot works again', async (context) => {
  const { engine, journal, submit, final, worker } = await openBench(context)
  const log = journal()
  const id = await submit('obey', log)
  await log.until(1)
  assert.deepEqual(await engine.cancel([id]), [{ id, state: 'canceled', changed: true }])
  assert.equal(
    (await log.until(2))[1],
    'stopped by AbortError: the task was cancelled, or taken away from this worker',
  )
  const [next] = await final(await submit('add', [2, 2]))
  assert.equal(next!.resultText, '4')
  assert.equal(worker.stats().threadsReplaced, 0)
  assert.equal((await engine.get([id]))[0]?.state, 'canceled')
})

test('cancelling a task whose handler loops terminates the thread after the grace', async (context) => {
  const { engine, journal, submit, final, worker } = await openBench(context, { limits: FAST })
  const log = journal()
  const id = await submit('spin', log)
  await log.until(1)
  await engine.cancel([id])
  const [next] = await final(await submit('add', [2, 2]))
  assert.equal(next!.resultText, '4')
  assert.equal(worker.stats().threadsReplaced, 1)
  assert.equal((await engine.get([id]))[0]?.state, 'canceled')
})

test('a task that is cancelled while it waits in a thread behind another never runs', async (context) => {
  const { engine, journal, submit, final } = await openBench(context, { prefetch: 4 })
  const log = journal()
  const first = await submit('block', { ...log, ms: 200 })
  const second = await submit('once', log)
  const third = await submit('add', [1])
  await log.until(1)
  await until('all are delivered', async () => (await engine.get([third]))[0]?.state === 'running')
  await engine.cancel([second])
  await final(first, third)
  assert.deepEqual(log.lines(), ['blocks'])
})

test('the innocent beside a hung handler run again and are not charged', async (context) => {
  const { engine, journal, submit, final, worker } = await openBench(context, {
    concurrency: 3,
    threads: 1,
    limits: FAST,
  })
  const beside = journal()
  const innocent = [
    await submit('gate', beside, { maxAttempts: 1 }),
    await submit('gate', beside, { maxAttempts: 1 }),
  ]
  await beside.until(2)
  const [guilty] = await final(await submit('spin', journal(), { timeoutMs: 50, maxAttempts: 1 }))
  assert.equal(guilty!.error?.name, 'TimedOut')
  beside.go()
  const records = await final(...innocent)
  for (const record of records) {
    assert.equal(record.state, 'succeeded')
    assert.equal(record.attempt, 1)
    assert.equal(record.crashes, 0)
  }
  assert.equal(worker.stats().outcomes.released, 2)
  assert.equal((await engine.inspect()).queues[0]?.running, 0)
})

test('what waits behind a hung handler is given to another thread at once', async (context) => {
  const { journal, submit, final, worker } = await openBench(context, {
    concurrency: 2,
    threads: 2,
    prefetch: 8,
  })
  const log = journal()
  await submit('spin', log, { timeoutMs: 60_000 })
  await log.until(1)
  const short: string[] = []
  for (let n = 0; n < 15; n++) short.push(await submit('add', [n]))
  const records = await final(...short)
  assert.ok(records.every(({ state }) => state === 'succeeded'))
  assert.equal(worker.stats().running, 1)
  assert.equal(worker.stats().outcomes.released, 0)
})
