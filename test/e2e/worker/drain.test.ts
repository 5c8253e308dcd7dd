/** The end of a worker: what was not started goes back unused, what runs may finish, and nothing keeps the process alive. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Delivery, DeliverySink } from '../../../src/engine/engine.ts'
import type { Outcome } from '../../../src/task/outcome.ts'
import { openWorker } from '../../../src/worker/worker.ts'
import { type FaultyEngine, faultyEngine } from './faulty-engine.ts'
import { DEADLINE_MS, HANDLERS, openBench, until } from './harness.ts'

test('a drain gives unstarted deliveries back at once, without using up an attempt, and lets the running one finish', async (context) => {
  const { engine, journal, submit, worker } = await openBench(context, { prefetch: 4 })
  const log = journal()
  const running = await submit('gate', log, { maxAttempts: 1 })
  const unstarted = [
    await submit('once', log, { maxAttempts: 1 }),
    await submit('once', log, { maxAttempts: 1 }),
    await submit('once', log, { maxAttempts: 1 }),
  ]
  await log.until(1)
  await until('all are delivered', async () =>
    (await engine.get(unstarted)).every((task) => task?.state === 'running'),
  )
  const drained = worker.drain({ deadlineMs: DEADLINE_MS })
  await until('they are back', async () =>
    (await engine.get(unstarted)).every((task) => task?.state === 'queued'),
  )
  assert.equal((await engine.get([running]))[0]?.state, 'running')
  log.go()
  await drained
  assert.deepEqual(await worker.ended, { reason: 'drained' })
  assert.equal((await engine.get([running]))[0]?.state, 'succeeded')

  // Their only attempt is still there.
  const second = openWorker({ engine, modules: [HANDLERS], concurrency: 1 })
  for (const task of await engine.wait(unstarted, DEADLINE_MS)) {
    assert.equal(task?.state, 'succeeded')
    assert.equal(task?.attempt, 1)
  }
  await second.drain()
})

test('a worker whose engine tells it to leave drains, and ends', async (context) => {
  const { engine, journal, submit, worker } = await openBench(context, { prefetch: 4 })
  const log = journal()
  const running = await submit('gate', log)
  const unstarted = await submit('once', log)
  await log.until(1)
  const { consumers } = await engine.inspect()
  assert.equal(await engine.drainWorker(consumers[0]!.worker.id), 1)
  await until('it is back', async () => (await engine.get([unstarted]))[0]?.state === 'queued')
  log.go()
  assert.deepEqual(await worker.ended, { reason: 'drained' })
  assert.equal((await engine.get([running]))[0]?.state, 'succeeded')
})

test('what still runs at the deadline is aborted and given back, and costs no attempt', async (context) => {
  const { engine, journal, submit, worker } = await openBench(context, {
    concurrency: 2,
    threads: 2,
    limits: { stopGraceMs: 50 },
  })
  const obeying = journal()
  const deaf = journal()
  const ids = [
    await submit('obey', obeying, { maxAttempts: 1 }),
    await submit('spin', deaf, { maxAttempts: 1 }),
  ]
  await obeying.until(1)
  await deaf.until(1)
  await worker.drain({ deadlineMs: 20 })
  assert.equal((await obeying.until(2))[1], 'stopped by AbortError: the worker is stopping')
  for (const task of await engine.get(ids)) {
    assert.equal(task?.state, 'queued')
    assert.equal(task?.crashes, 0)
  }
  assert.equal(worker.stats().outcomes.released, 2)
})

test('a handler that finishes its work when it is told to stop has its result recorded', async (context) => {
  const { engine, journal, submit, worker } = await openBench(context)
  const log = journal()
  const id = await submit('finish-when-stopped', log)
  await log.until(1)
  await worker.drain({ deadlineMs: 1 })
  const [task] = await engine.get([id])
  assert.equal(task?.state, 'succeeded')
  assert.equal(task?.resultText, '"just in time"')
})

test('a second signal stops now: everything is given back and no handler runs on', async (context) => {
  const { engine, journal, submit, worker } = await openBench(context, { prefetch: 3 })
  const log = journal()
  const ids = [await submit('spin', log), await submit('once', log), await submit('once', log)]
  await log.until(1)
  const drained = worker.drain({ deadlineMs: DEADLINE_MS })
  await worker.stopNow()
  await drained
  assert.deepEqual(await worker.ended, { reason: 'stopped' })
  assert.ok((await engine.get(ids)).every((task) => task?.state === 'queued'))
  assert.deepEqual(log.lines(), ['spins'])
})

test('outcomes are recorded before a drain is over', async (context) => {
  const { engine, submit, worker } = await openBench(context, { concurrency: 2, threads: 1 })
  const ids: string[] = []
  for (let n = 0; n < 500; n++) ids.push(await submit('add', [n]))
  await until('some have run', () => worker.stats().outcomes.returned > 20)
  await worker.drain()
  const { returned } = worker.stats().outcomes
  const states = (await engine.get(ids)).map((task) => task?.state)
  assert.equal(states.filter((state) => state === 'succeeded').length, returned)
  assert.equal(states.filter((state) => state === 'queued').length, 500 - returned)
})

test('a delivery that still comes during a drain is given back at once', async (context) => {
  let sink: DeliverySink | null = null
  let faults: FaultyEngine | null = null
  const outcomes: Outcome[] = []
  const { engine, journal, submit, worker } = await openBench(context, {
    wrap: (inner) => {
      const faulty = faultyEngine(inner)
      faults = faulty
      const { consume } = faulty
      faulty.consume = (request, to) => {
        sink = to
        return consume(request, to)
      }
      faulty.onSettle = (batch) => {
        outcomes.push(...batch)
        return inner.settle(batch)
      }
      return faulty
    },
  })
  const log = journal()
  const running = await submit('gate', log)
  await log.until(1)
  const drained = worker.drain()
  const late: Delivery = {
    id: 'late',
    type: 'once',
    queue: 'default',
    priority: 4,
    dataText: JSON.stringify(log),
    metadata: null,
    key: null,
    attempt: 1,
    maxAttempts: 5,
    timeoutMs: null,
    epoch: 1,
    leaseMs: 10_000,
  }
  sink!.deliver([late])
  await until('it is settled', () => outcomes.length === 1)
  assert.deepEqual(outcomes, [{ id: 'late', epoch: 1, kind: 'released' }])
  assert.equal(faults!.extensions, 0, 'and not because its lease was found void')
  log.go()
  await drained
  assert.equal((await engine.get([running]))[0]?.state, 'succeeded')
  assert.deepEqual(log.lines(), ['waits', 'passed'])
})

test('draining twice, and stopping what has ended, is harmless', async (context) => {
  const { worker } = await openBench(context)
  await Promise.all([worker.drain(), worker.drain()])
  await worker.stopNow()
  assert.deepEqual(await worker.ended, { reason: 'drained' })
})

test('a worker that is drained before it is ready says so', async (context) => {
  const { engine } = await openBench(context)
  const worker = openWorker({ engine, modules: [HANDLERS], concurrency: 1 })
  await worker.drain()
  await assert.rejects(worker.ready, { code: 'CLOSED' })
})

test('when the worker has ended nothing keeps its process alive', { timeout: DEADLINE_MS }, async () => {
  const program = fileURLToPath(new URL('./drain-and-leave.ts', import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  const [code] = await once(child, 'close')
  assert.equal(out, 'drained 100 succeeded\n')
  assert.equal(code, 0)
})
