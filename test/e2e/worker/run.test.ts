/** What a worker makes of handlers that behave: values, errors, schemas, contexts, reports. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBench, until } from './harness.ts'

test('a task runs in a thread and its value is recorded as JSON', async (context) => {
  const { submit, final } = await openBench(context)
  const [record] = await final(await submit('add', [5, 7]))
  assert.equal(record!.state, 'succeeded')
  assert.equal(record!.resultText, '12')
  assert.equal(record!.worker?.pid, process.pid)
})

test('5,000 short tasks through two threads all run exactly once', async (context) => {
  const { engine, journal, final, worker } = await openBench(context, { concurrency: 2, threads: 2 })
  const { file, lines } = journal()
  const ids = Array.from({ length: 5_000 }, (_, n) => `short-${n}`)
  await engine.submit(
    ids.map((id) => ({
      id,
      type: 'once',
      queue: 'default',
      priority: 4,
      dataText: JSON.stringify({ file, note: id }),
      runAtMs: 0,
      options: null,
    })),
    'memory',
  )
  const records = await final(...ids)
  assert.ok(records.every(({ state, attempt }) => state === 'succeeded' && attempt === 1))
  assert.deepEqual(records.map(({ resultText }) => JSON.parse(resultText!)).sort(), [...ids].sort())
  assert.deepEqual(lines().sort(), ids.map((id) => `ran ${id}`).sort())
  assert.equal(worker.stats().outcomes.returned, 5_000)
})

test('data that does not fit its schema fails the task at once and says where', async (context) => {
  const { submit, final } = await openBench(context)
  const [record] = await final(await submit('add', [5, 'seven'], { maxAttempts: 5 }))
  assert.equal(record!.state, 'failed')
  assert.equal(record!.attempt, 1)
  assert.equal(record!.error?.name, 'INVALID_INPUT')
  assert.match(record!.error!.message, /the data of task type "add" does not fit its schema: \[1\]: /)
})

test('the handler gets what the schema makes of the data, and its result is held against the output schema', async (context) => {
  const { submit, final } = await openBench(context)
  const good = await submit('shaped', { name: 'ab' })
  const bad = await submit('shaped', { name: 'bad' })
  const [first, second] = await final(good, bad)
  assert.equal(first!.resultText, '{"text":"abab"}')
  assert.equal(second!.state, 'failed')
  assert.match(second!.error!.message, /the result of task type "shaped" does not fit its schema: text: /)
})

test('nothing returned is null; what JSON cannot say fails for good, with the reason', async (context) => {
  const { submit, final } = await openBench(context, { limits: { resultBytesMax: 500_000 } })
  const [nothing, date] = await final(
    await submit('return-what', { what: 'nothing' }),
    await submit('return-what', { what: 'date' }),
  )
  assert.equal(nothing!.resultText, 'null')
  assert.equal(date!.resultText, '"1970-01-01T00:00:00.000Z"')
  const expected: Record<string, RegExp> = {
    bigint: /cannot be written as JSON: .*BigInt/,
    circle: /cannot be written as JSON: .*circular/,
    function: /cannot be written as JSON: it is a function/,
    symbol: /cannot be written as JSON: it is a symbol/,
    throwingGetter: /cannot be written as JSON: a getter/,
    huge: /the result has 1000002 bytes of JSON; 500000 are allowed/,
  }
  for (const [what, message] of Object.entries(expected)) {
    const [record] = await final(await submit('return-what', { what }, { maxAttempts: 5 }))
    assert.equal(record!.state, 'failed', what)
    assert.equal(record!.attempt, 1, what)
    assert.equal(record!.error?.name, 'ResultError', what)
    assert.match(record!.error!.message, message)
  }
})

test('a large result within the limit arrives whole', async (context) => {
  const { submit, final } = await openBench(context)
  const [record] = await final(await submit('return-what', { what: 'huge' }))
  assert.equal(record!.resultText?.length, 1_000_002)
})

test('whatever is thrown becomes an error within limits', async (context) => {
  const { submit, final } = await openBench(context)
  const expected: [what: string, name: string, message: RegExp][] = [
    ['error', 'RangeError', /^too far$/],
    ['string', 'Error', /^just a string$/],
    ['undefined', 'Error', /^undefined$/],
    ['object', 'Error', /^\{"code":7\}$/],
    ['long', 'Error', /^m{4095}…$/],
    ['hostile', 'Error', /cannot be read/],
  ]
  for (const [what, name, message] of expected) {
    const [record] = await final(await submit('throw-what', { what }, { maxAttempts: 1 }))
    assert.equal(record!.error?.name, name, what)
    assert.match(record!.error!.message, message)
    if (what === 'error') {
      assert.match(record!.error!.stack!, /handlers\.ts/)
      assert.match(record!.error!.stack!, /caused by: Error: the cause of it/)
    }
  }
})

test('an error that says so is not retried; RetryLater sets the time of the next attempt', async (context) => {
  const { engine, submit, final } = await openBench(context)
  for (const what of ['permanent', 'flag']) {
    const [record] = await final(await submit('throw-what', { what }, { maxAttempts: 5 }))
    assert.equal(record!.state, 'failed')
    assert.equal(record!.attempt, 1)
  }
  const later = await submit('throw-what', { what: 'later' }, { maxAttempts: 5 })
  await until('it is scheduled again', async () => (await engine.get([later]))[0]?.state === 'scheduled')
  const [record] = await engine.get([later])
  assert.ok(record!.runAtMs > Date.now() + 80_000_000)
})

test('a handler is told what it works on', async (context) => {
  const { submit, final } = await openBench(context, { queues: ['letters'] })
  const metadata = { tenant: 'a', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
  const [record] = await final(
    await submit('context', null, { id: 'told', queue: 'letters', maxAttempts: 3, metadata }),
  )
  assert.deepEqual(JSON.parse(record!.resultText!), {
    id: 'told',
    type: 'context',
    queue: 'letters',
    attempt: 1,
    maxAttempts: 3,
    metadata,
    traceparent: metadata.traceparent,
    aborted: false,
  })
})

test('progress and log lines of a handler that blocks its thread arrive, in order and before its result', async (context) => {
  const { engine, submit, final } = await openBench(context)
  const id = await submit('talk', { lines: 20, steps: 1_000 })
  const [record] = await final(id)
  assert.deepEqual(record!.progress, { done: 1000, total: 1000, note: 'step 1000' })
  const lines = await engine.log(id, 0)
  assert.deepEqual(
    lines.map(({ level, text }) => `${level} ${text}`),
    [...Array.from({ length: 20 }, (_, n) => `info line ${n + 1}`), 'warn done'],
  )
})

test('what a handler says arrives while it blocks its thread', async (context) => {
  const { engine, submit } = await openBench(context)
  const id = await submit('talk-and-spin', null)
  await until('its progress is known', async () => (await engine.get([id]))[0]?.progress?.done === 2)
  assert.deepEqual(
    (await engine.log(id, 0)).map(({ text }) => text),
    ['still here'],
  )
})

test('an attempt that logs without end is cut off, and says so', async (context) => {
  const { engine, submit, final } = await openBench(context)
  const id = await submit('talk', { lines: 3_000, steps: 0 })
  await final(id)
  const lines = await engine.log(id, 0)
  assert.equal(lines.length, 1_000)
  assert.match(lines.at(-1)!.text, /only 1000 lines are kept/)
})

test('handlers see the environment that they are given', async (context) => {
  const { submit, final } = await openBench(context, { env: { ONLY: 'this' } })
  const [only, path] = await final(
    await submit('environment', { name: 'ONLY' }),
    await submit('environment', { name: 'PATH' }),
  )
  assert.equal(only!.resultText, '"this"')
  assert.equal(path!.resultText, 'null')
})

test('handlers inherit no secrets of their worker unless they are given', async (context) => {
  process.env.PLANTED_SECRET = 'PLANTED'
  context.after(() => delete process.env.PLANTED_SECRET)
  const { submit, final } = await openBench(context)
  const [secret, path] = await final(
    await submit('environment', { name: 'PLANTED_SECRET' }),
    await submit('environment', { name: 'PATH' }),
  )
  assert.equal(secret!.resultText, 'null')
  assert.equal(path!.resultText, JSON.stringify(process.env.PATH))
})

test('only types that the modules define are taken; the others stay queued', async (context) => {
  const { engine, submit, final } = await openBench(context)
  const unknown = await submit('nobody-knows', null)
  await final(await submit('add', [1]))
  assert.equal((await engine.get([unknown]))[0]?.state, 'queued')
})

test('a result leaves before a handler starts that blocks the thread', async (context) => {
  const { engine, journal, submit, final } = await openBench(context, { prefetch: 4 })
  const log = journal()
  // Both wait in the inbox of the one thread while the first runs, and start in one turn.
  await submit('block', { ...log, ms: 100 })
  await log.until(1)
  const short = await submit('once', log)
  await submit('spin', log)
  await final(short)
  assert.deepEqual(await log.until(3), ['blocks', 'ran', 'spins'])
  assert.equal((await engine.inspect()).queues[0]?.running, 1)
})
