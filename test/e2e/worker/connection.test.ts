/** What a worker does while its engine is away, slow, or mistaken: leases stay, outcomes are kept, nothing runs twice. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery, DeliverySink } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { openWorker } from '../../../src/worker/worker.ts'
import { type FaultyEngine, faultyEngine } from './faulty-engine.ts'
import { type BenchOptions, HANDLERS, openBench, until } from './harness.ts'

function withFaults(options: BenchOptions = {}): { options: BenchOptions; faults: () => FaultyEngine } {
  let faulty: FaultyEngine | null = null
  const wrap: BenchOptions['wrap'] = (engine) => {
    faulty = faultyEngine(engine)
    return faulty
  }
  return { options: { ...options, wrap }, faults: () => faulty! }
}

test('leases stay alive while a handler blocks its thread for longer than a lease', async (context) => {
  const { journal, submit, final } = await openBench(context, { leaseMs: 150 })
  const log = journal()
  const [record] = await final(await submit('block', { ...log, ms: 700 }))
  assert.equal(record!.state, 'succeeded')
  assert.equal(record!.crashes, 0)
  assert.deepEqual(log.lines(), ['blocks'])
})

test('an attempt that ends while the engine is away is recorded when it is back, and not run again', async (context) => {
  const { options, faults } = withFaults({ reconnectGraceMs: 20_000 })
  const { engine, journal, submit, final, worker } = await openBench(context, options)
  const log = journal()
  const id = await submit('gate', log)
  await log.until(1)
  faults().cut()
  log.go()
  await until('the handler has ended', () => worker.stats().outcomes.returned === 1)
  assert.equal((await engine.get([id]))[0]?.state, 'running')
  faults().heal()
  const [record] = await final(id)
  assert.equal(record!.state, 'succeeded')
  assert.deepEqual(log.lines(), ['waits', 'passed'])
  const [next] = await final(await submit('add', [1, 2]))
  assert.equal(next!.resultText, '3', 'tasks are taken again')
})

test('an attempt that still runs when the engine is back keeps its lease and is not run again', async (context) => {
  const { options, faults } = withFaults({ leaseMs: 300, reconnectGraceMs: 20_000 })
  const { engine, journal, submit, final, worker } = await openBench(context, options)
  const log = journal()
  const id = await submit('gate', log)
  await log.until(1)
  faults().cut()
  await until('the worker has noticed', () => !worker.stats().connected)
  faults().heal()
  await until('the lease is with the new consumer', async () => {
    const { consumers } = await engine.inspect()
    return consumers.length === 1 && consumers[0]!.held === 1
  })
  // A third of a lease apart: it lives through this only if it is renewed under the new consumer.
  const before = faults().extensions
  await until('two leases have passed', () => faults().extensions >= before + 7)
  log.go()
  const [record] = await final(id)
  assert.equal(record!.state, 'succeeded')
  assert.equal(record!.crashes, 0)
  assert.deepEqual(log.lines(), ['waits', 'passed'])
})

test('a lease that was lost while the engine was away: the handler is stopped and its outcome is not taken', async (context) => {
  const { options, faults } = withFaults({ reconnectGraceMs: 50 })
  const { engine, journal, submit, final, worker } = await openBench(context, options)
  const log = journal()
  const id = await submit('obey', log, { maxCrashes: 0 })
  await log.until(1)
  faults().cut()
  const [record] = await final(id)
  assert.match(record!.error!.message, /its worker died 1 times/)
  faults().heal()
  assert.equal(
    (await log.until(2))[1],
    'stopped by AbortError: the task was cancelled, or taken away from this worker',
  )
  await until('nothing is held', () => worker.stats().held === 0)
  assert.equal((await engine.get([id]))[0]?.state, 'failed')
})

test('a settlement whose answer is lost is repeated, and the result stays', async (context) => {
  const { options, faults } = withFaults()
  const { submit, final, worker } = await openBench(context, options)
  faults().loseAnswers(3)
  const [record] = await final(await submit('add', [1, 2]))
  assert.equal(record!.resultText, '3')
  await until('nothing is held', () => worker.stats().held === 0)
  assert.equal(faults().settles, 4)
  assert.equal(worker.stats().unrecorded, 0)
})

test('settlements fail again and again while tasks run: each outcome is recorded exactly once', async (context) => {
  const { options, faults } = withFaults({ concurrency: 4, threads: 2 })
  const { journal, submit, final, worker } = await openBench(context, options)
  const log = journal()
  const ids: string[] = []
  for (let n = 0; n < 200; n++) ids.push(await submit('once', { ...log, note: `${n}` }))
  for (let cuts = 0; cuts < 5; cuts++) {
    faults().cut()
    await until('the worker has noticed', () => !worker.stats().connected)
    faults().heal()
    faults().loseAnswers(1)
    await log.until(cuts * 30 + 1)
  }
  const records = await final(...ids)
  assert.ok(records.every(({ state }) => state === 'succeeded'))
  assert.deepEqual(log.lines().sort(), ids.map((_, n) => `ran ${n}`).sort())
})

test('an engine that refuses one outcome of many gets the others, and the one as an error', async (context) => {
  const { options, faults } = withFaults({ concurrency: 3, threads: 1 })
  const { engine, journal, submit, final, events } = await openBench(context, options)
  const log = journal()
  faults().onSettle = async (outcomes) => {
    if (outcomes.some((outcome) => outcome.kind === 'returned' && outcome.valueText.length > 500_000)) {
      throw new ChasquiError('FRAME_TOO_LARGE', 'too much')
    }
    return engine.settle(outcomes)
  }
  const gates = [await submit('gate', log), await submit('gate', log)]
  const large = await submit('return-what', { what: 'huge' })
  await log.until(2)
  log.go()
  const [refused, ...others] = await final(large, ...gates)
  assert.ok(others.every(({ state }) => state === 'succeeded'))
  assert.equal(refused!.state, 'failed')
  assert.deepEqual(refused!.error, {
    name: 'FRAME_TOO_LARGE',
    message: 'its outcome could not be recorded: too much',
  })
  assert.ok(events.some((event) => event.startsWith('worker.outcome-refused')))
})

test('a delivery that comes twice runs once; a newer one of the same task ends the older', async (context) => {
  let sink: DeliverySink | null = null
  const outcomes: string[] = []
  const { journal, worker } = await openBench(context, {
    wrap: (inner) => {
      const faulty = faultyEngine(inner)
      const { consume } = faulty
      faulty.consume = (request, to) => {
        sink = to
        return consume(request, to)
      }
      faulty.onSettle = async (batch) => {
        outcomes.push(...batch.map(({ epoch, kind }) => `${epoch} ${kind}`))
        return batch.map(({ id }) => ({ id, accepted: true, state: 'succeeded' }))
      }
      return faulty
    },
  })
  const log = journal()
  const delivery = (epoch: number, type: string): Delivery => ({
    id: 'same',
    type,
    queue: 'default',
    priority: 4,
    dataText: JSON.stringify({ file: log.file, note: `epoch ${epoch}` }),
    metadata: null,
    key: null,
    attempt: 1,
    maxAttempts: 5,
    timeoutMs: null,
    epoch,
    leaseMs: 60_000,
  })
  sink!.deliver([delivery(2, 'obey'), delivery(2, 'obey')])
  await log.until(1)
  sink!.deliver([delivery(3, 'once')])
  sink!.deliver([delivery(1, 'once')])
  await until('all are settled', () => worker.stats().held === 0 && outcomes.length === 3)
  assert.deepEqual(outcomes.sort(), ['1 released', '2 released', '3 returned'])
  assert.deepEqual(log.lines(), [
    'waits epoch 2',
    'stopped by AbortError: the task was cancelled, or taken away from this worker epoch 2',
    'ran epoch 3',
  ])
})

test('when the engine is back, outcomes that were told to wait need not', async (context) => {
  const { options, faults } = withFaults({ reconnectGraceMs: 20_000 })
  const { journal, submit, final } = await openBench(context, options)
  const log = journal()
  const id = await submit('gate', log)
  await log.until(1)
  const refused = new Promise<void>((resolve) => {
    faults().onSettle = async () => {
      resolve()
      throw new ChasquiError('RETRY_AFTER', 'in an hour', { retryAfterMs: 3_600_000 })
    }
  })
  log.go()
  await refused
  faults().onSettle = null
  faults().cut()
  faults().heal()
  assert.equal((await final(id))[0]!.state, 'succeeded')
})

test('log lines that were written while the engine was away arrive before the result', async (context) => {
  const { options, faults } = withFaults({ reconnectGraceMs: 20_000 })
  const { engine, journal, submit, final, worker } = await openBench(context, options)
  const log = journal()
  const id = await submit('block-and-talk', log)
  await log.until(1)
  faults().cut()
  log.go()
  await until('the handler has ended', () => worker.stats().outcomes.returned === 1)
  faults().heal()
  await final(id)
  assert.deepEqual(
    (await engine.log(id, 0)).map(({ text }) => text),
    ['before', 'after'],
  )
})

test('an engine that is not there yet is waited for, and that is told once', async (context) => {
  let refusals = 3
  const wrap: BenchOptions['wrap'] = (engine) => {
    const faulty = faultyEngine(engine)
    const { consume } = faulty
    faulty.consume = async (request, sink) => {
      if (refusals-- > 0) throw new ChasquiError('CONNECTION_LOST', 'nobody listens')
      return consume(request, sink)
    }
    return faulty
  }
  const { submit, final, events } = await openBench(context, { wrap })
  await final(await submit('add', [1]))
  assert.ok(refusals < 0)
  assert.equal(events.filter((event) => event.startsWith('worker.cut-off')).length, 1, 'told once an outage')
})

test('an engine that refuses the worker for good ends it', async () => {
  const faulty = faultyEngine(openMemoryEngine())
  faulty.consume = async () => {
    throw new ChasquiError('UNAUTHENTICATED', 'the token is not valid')
  }
  const worker = openWorker({ engine: faulty, modules: [HANDLERS], concurrency: 1 })
  await assert.rejects(worker.ready, { code: 'UNAUTHENTICATED' })
  assert.equal((await worker.ended).reason, 'failed')
  await faulty.close()
})

test('when the engine is closed the worker ends and says so', async (context) => {
  const { engine, worker } = await openBench(context)
  await engine.close()
  assert.deepEqual(await worker.ended, { reason: 'closed' })
  assert.equal(worker.stats().threadsReady, 0)
})
