/** The client on the memory engine under a virtual clock: what it promises without a network. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { z } from 'zod'
import { type Client, type ClientOptions, createClient } from '../../../src/client/client.ts'
import type { Delivery, Engine } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { defineTask } from '../../../src/task/definition.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import type { Outcome } from '../../../src/task/outcome.ts'
import type { Submission } from '../../../src/task/task.ts'

const sumar = defineTask({
  type: 'sumar',
  input: z.array(z.number()),
  run: (data) => data.reduce((sum, n) => sum + n, 0),
})

interface Stage {
  readonly engine: Engine
  readonly client: Client
  readonly clock: VirtualClock
  /** What the engine was asked to submit, call by call. */
  readonly batches: (readonly Submission[])[]
}

/** @param over replaces methods of the engine */
function open(t: TestContext, options: ClientOptions = {}, over: Partial<Engine> = {}): Stage {
  const clock = new VirtualClock()
  const memory = openMemoryEngine({ clock })
  const batches: (readonly Submission[])[] = []
  const engine = Object.assign(Object.create(memory) as Engine, bound(memory), {
    submit: (batch: readonly Submission[], durability: 'disk' | 'relaxed') => {
      batches.push(batch)
      return (over.submit ?? memory.submit.bind(memory))(batch, durability)
    },
    ...(over.watch !== undefined && { watch: over.watch }),
  })
  const client = createClient(engine, { clock, ...options })
  t.after(async () => {
    await client.close({ timeoutMs: 0 })
    await memory.close()
  })
  return { engine, client, clock, batches }
}

/** Private fields do not go through a prototype. */
function bound(engine: Engine): Partial<Engine> {
  const names = [
    'get',
    'list',
    'wait',
    'watch',
    'cancel',
    'retry',
    'consume',
    'settle',
    'log',
    'inspect',
    'report',
  ] as const
  return Object.fromEntries(
    names.map((name) => [name, (engine[name] as (...parts: unknown[]) => unknown).bind(engine)]),
  )
}

/** Runs every task with `judge`, or leaves it running where that gives null. */
async function work(engine: Engine, judge: (delivery: Delivery) => Outcome | null): Promise<void> {
  const worker = { id: 'w', pid: 1, host: 'test' }
  await engine.consume(
    { queues: ['default'], types: null, slots: 100, prefetch: 1, worker },
    {
      deliver(deliveries) {
        const outcomes = deliveries.map(judge).filter((outcome) => outcome !== null)
        void engine.settle(outcomes)
      },
      revoke() {},
    },
  )
}

const add = ({ id, epoch, dataText }: Delivery): Outcome => {
  const numbers = JSON.parse(dataText) as number[]
  return { id, epoch, kind: 'returned', valueText: String(numbers.reduce((sum, n) => sum + n, 0)) }
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ChasquiError, String(error))
    assert.equal(error.code, expected, error.message)
    return true
  }
}

test('a submission is confirmed with a receipt, and its result is the value', async (t) => {
  const { client, engine } = open(t)
  const task = await client.submit(sumar, [5, 7])
  assert.deepEqual(task.receipt, { id: task.id, state: 'queued', duplicate: false, durability: 'memory' })
  assert.match(task.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  await work(engine, add)
  assert.equal(await task.result(), 12)
  assert.equal(await client.task(task.id).result(), 12)
  const status = await task.status()
  assert.equal(status?.state, 'succeeded')
  assert.equal(status?.result, 12)
})

test('what is submitted in one tick goes in one call, at most 256 tasks in each', async (t) => {
  const { client, batches } = open(t)
  await Promise.all(Array.from({ length: 300 }, (_, n) => client.submit('x', n)))
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [256, 44],
  )
  assert.deepEqual(
    batches.flat().map(({ dataText }) => dataText),
    Array.from({ length: 300 }, (_, n) => String(n)),
  )
})

test('tasks of different durability do not travel together', async (t) => {
  const asked: string[] = []
  const submit: Engine['submit'] = async (batch, durability) => {
    asked.push(`${durability} ${batch.map(({ dataText }) => dataText).join()}`)
    return batch.map(({ id }) => ({ id, state: 'queued', duplicate: false, durability }) as const)
  }
  const { client } = open(t, {}, { submit })
  const durability = 'relaxed'
  await Promise.all([
    client.submit('x', 1),
    client.submit('x', 2),
    client.submit('x', 3, { durability }),
    client.submit('x', 4, { durability }),
    client.submit('x', 5),
  ])
  assert.deepEqual(asked, ['disk 1,2', 'relaxed 3,4', 'disk 5'])
})

test('large tasks are spread over several calls', async (t) => {
  const { client, batches } = open(t)
  const data = 'x'.repeat(300 * 1024)
  await Promise.all([1, 2, 3].map(() => client.submit('x', data)))
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [1, 1, 1],
  )
})

test('what does not fit its schema is refused before anything is sent', async (t) => {
  const { client, batches } = open(t)
  await assert.rejects(
    // @ts-expect-error that is the point
    client.submit(sumar, [5, 'seven']),
    (error: ChasquiError) => {
      assert.equal(error.code, 'INVALID_INPUT')
      assert.match(error.message, /the data of task type "sumar" does not fit its schema: \[1\]/)
      return true
    },
  )
  assert.equal(batches.length, 0)
})

test('an asynchronous schema is awaited', async (t) => {
  const { client } = open(t)
  const known = defineTask({
    type: 'known',
    input: z.string().refine(async (name) => name === 'ana'),
    run: (name) => name,
  })
  assert.equal((await client.submit(known, 'ana')).receipt?.state, 'queued')
  await assert.rejects(client.submit(known, 'eva'), code('INVALID_INPUT'))
})

test('data that is no JSON is refused with the reason', async (t) => {
  const { client, batches } = open(t)
  const circle: Record<string, unknown> = {}
  circle.self = circle
  await assert.rejects(client.submit('x', circle), { code: 'INVALID_INPUT', message: /circular/ })
  await assert.rejects(client.submit('x', 1n), code('INVALID_INPUT'))
  await assert.rejects(
    client.submit('x', () => 1),
    { code: 'INVALID_INPUT', message: /function/ },
  )
  let deep: unknown = 0
  for (let level = 0; level < 200; level++) deep = [deep]
  await assert.rejects(client.submit('x', deep), code('TOO_DEEP'))
  assert.equal(batches.length, 0)
  assert.equal((await client.submit('x')).receipt?.state, 'queued')
  assert.equal(batches[0]?.[0]?.dataText, 'null')
})

test('options are carried over, in all their forms', async (t) => {
  const { client, batches, clock } = open(t)
  const nowMs = clock.nowMs()
  await client.submit('x', 1, {
    id: 'a',
    queue: 'q',
    priority: 9,
    delayMs: 1_000,
    ttlMs: 2_000,
    maxAttempts: 2,
    maxCrashes: 0,
    backoff: [1, 2],
    timeoutMs: 50,
    key: 'tenant',
    dedupeKey: 'once',
    dedupeWindowMs: 60,
    metadata: { from: 'test' },
    durability: 'relaxed',
    // As if it had not been given.
    expiresAt: undefined,
  })
  assert.deepEqual(batches[0], [
    {
      id: 'a',
      type: 'x',
      queue: 'q',
      dataText: '1',
      priority: 9,
      runAtMs: nowMs + 1_000,
      options: {
        expiresAtMs: nowMs + 2_000,
        maxAttempts: 2,
        maxCrashes: 0,
        backoff: { kind: 'list', delaysMs: [1, 2] },
        timeoutMs: 50,
        key: 'tenant',
        dedupeKey: 'once',
        dedupeWindowMs: 60,
        metadata: { from: 'test' },
      },
    },
  ])
  const at = nowMs + 5_000
  for (const runAt of [at, new Date(at), new Date(at).toISOString()]) {
    await client.submit('x', 1, { runAt, expiresAt: new Date(at + 1) })
    const [sent] = batches.at(-1)!
    assert.deepEqual([sent?.runAtMs, sent?.options], [at, { expiresAtMs: at + 1 }])
  }
})

test('a definition says what its tasks have when the submitter does not', async (t) => {
  const { client, batches, clock } = open(t)
  const report = defineTask({
    type: 'report',
    queue: 'slow',
    priority: 1,
    maxAttempts: 3,
    ttlMs: 60_000,
    backoff: 5,
    run: () => null,
  })
  await client.submit(report)
  await client.submit(report, undefined, { priority: 2, maxAttempts: 1 })
  await client.submit(report, undefined, { expiresAt: clock.nowMs() + 7 })
  const options = { maxAttempts: 3, backoff: { kind: 'fixed', delayMs: 5 } }
  const expiresAtMs = clock.nowMs() + 60_000
  assert.deepEqual(
    batches.flat().map((sent) => [sent.queue, sent.priority, sent.options]),
    [
      ['slow', 1, { ...options, expiresAtMs }],
      ['slow', 2, { ...options, maxAttempts: 1, expiresAtMs }],
      ['slow', 1, { ...options, expiresAtMs: clock.nowMs() + 7 }],
    ],
  )
})

test('options that make no sense are refused by name', async (t) => {
  const { client } = open(t)
  const bad: readonly [options: object, message: RegExp][] = [
    [{ priority: 10 }, /priority must be an integer from 0 to 9/],
    [{ delayMs: 1, runAt: 1 }, /delayMs and runAt exclude each other/],
    [{ runAt: new Date(Number.NaN) }, /runAt is not a time/],
    [{ runAt: 'tomorrow' }, /runAt must be a time/],
    [{ id: '' }, /id must be a string/],
    [{ prio: 1 }, /prio is no field of a task/],
    [{ dedupeWindowMs: 1 }, /dedupeWindowMs needs a dedupeKey/],
  ]
  for (const [options, message] of bad) {
    await assert.rejects(client.submit('x', 1, options), { code: 'INVALID_PARAMS', message })
  }
  await assert.rejects(client.submit('', 1), { code: 'INVALID_PARAMS', message: /type must be/ })
  // @ts-expect-error neither a definition nor a type
  await assert.rejects(client.submit({ type: 'x' }, 1), code('INVALID_PARAMS'))
})

test('refusals reach the task that they are about and no other', async (t) => {
  const { client } = open(t)
  await client.submit('x', 1, { id: 'a' })
  const answers = await Promise.allSettled([
    client.submit('x', 1, { id: 'a' }),
    client.submit('x', 2, { id: 'a' }),
    client.submit('x', 3, { id: 'b' }),
  ])
  assert.deepEqual(
    answers.map((answer) =>
      answer.status === 'fulfilled' ? answer.value.receipt?.duplicate : (answer.reason as ChasquiError).code,
    ),
    [true, 'ID_CONFLICT', false],
  )
})

test('a call that fails fails the submissions in it', async (t) => {
  const { client } = open(
    t,
    {},
    { submit: () => Promise.reject(new ChasquiError('STORE_FAILED', 'disk on fire')) },
  )
  await assert.rejects(client.submit('x', 1), code('STORE_FAILED'))
})

test('what waits for its confirmation is bounded by count and by bytes', async (t) => {
  const answers: (() => void)[] = []
  const submit: Engine['submit'] = (batch) =>
    new Promise((resolve) =>
      answers.push(() =>
        resolve(
          batch.map(({ id }) => ({ id, state: 'queued', duplicate: false, durability: 'disk' }) as const),
        ),
      ),
    )
  const { client } = open(t, { pendingTasksMax: 3, pendingBytesMax: 10_000 }, { submit })
  const three = [1, 2, 3].map((n) => client.submit('x', n))
  await assert.rejects(client.submit('x', 4), code('BUFFER_FULL'))
  await new Promise(setImmediate)
  await assert.rejects(client.submit('x', 4), code('BUFFER_FULL'))
  for (const answer of answers.splice(0)) answer()
  await Promise.all(three)
  const big = client.submit('x', 'x'.repeat(20_000))
  await assert.rejects(client.submit('x', 4), code('BUFFER_FULL'))
  await new Promise(setImmediate)
  for (const answer of answers.splice(0)) answer()
  await big
  const last = client.submit('x', 4)
  await new Promise(setImmediate)
  for (const answer of answers.splice(0)) answer()
  await last
})

test('at most 64 calls are under way at a time, and the rest follows in order', async (t) => {
  const answers: (() => void)[] = []
  let underWay = 0
  let most = 0
  const submit: Engine['submit'] = (batch) =>
    new Promise((resolve) => {
      most = Math.max(most, ++underWay)
      answers.push(() => {
        underWay--
        resolve(
          batch.map(({ id }) => ({ id, state: 'queued', duplicate: false, durability: 'disk' }) as const),
        )
      })
    })
  const { client, batches } = open(t, {}, { submit })
  const all = Promise.all(Array.from({ length: 70 * 256 }, (_, n) => client.submit('x', n)))
  while (batches.length < 70) {
    await new Promise(setImmediate)
    answers.shift()?.()
  }
  for (const answer of answers) answer()
  await all
  assert.equal(most, 64)
  assert.deepEqual(
    batches.flat().map(({ dataText }) => Number(dataText)),
    Array.from({ length: 70 * 256 }, (_, n) => n),
  )
})

test('a submission that is not confirmed in time is told so, each at its own deadline', async (t) => {
  const { client, clock } = open(t, { confirmTimeoutMs: 100 }, { submit: () => new Promise(() => {}) })
  const codes: string[] = []
  const note = (error: ChasquiError) => codes.push(`${error.code} ${clock.nowMs() % 1000}`)
  const first = client.submit('x', 1).catch(note)
  await clock.advance(40)
  const second = client.submit('x', 2).catch(note)
  await clock.advance(59)
  assert.deepEqual(codes, [])
  await clock.advance(1)
  await first
  assert.deepEqual(codes, ['TIMEOUT 100'])
  await clock.advance(40)
  await second
  assert.deepEqual(codes, ['TIMEOUT 100', 'TIMEOUT 140'])
})

test('submissions that timed out before their turn give their place back', async (t) => {
  const answers: (() => void)[] = []
  const submit: Engine['submit'] = (batch) =>
    new Promise((resolve) =>
      answers.push(() =>
        resolve(
          batch.map(({ id }) => ({ id, state: 'queued', duplicate: false, durability: 'disk' }) as const),
        ),
      ),
    )
  const count = 65 * 256
  const { client, clock } = open(t, { confirmTimeoutMs: 100, pendingTasksMax: count }, { submit })
  const settled = Promise.allSettled(Array.from({ length: count }, (_, n) => client.submit('x', n)))
  await clock.advance(100)
  for (const { status } of await settled) assert.equal(status, 'rejected')
  // Sent ones hold their place until the engine lets go of them; the last 256 never left.
  await assert.rejects(client.submit('x', 0), code('BUFFER_FULL'))
  for (const answer of answers.splice(0)) answer()
  await new Promise(setImmediate)
  const again = Promise.all(Array.from({ length: count }, (_, n) => client.submit('x', n)))
  while (answers.length > 0 || client.pending > 0) {
    for (const answer of answers.splice(0)) answer()
    await new Promise(setImmediate)
  }
  assert.equal((await again).length, count)
})

test('submitMany answers with handles in the order given, from any kind of list', async (t) => {
  const { client, engine } = open(t)
  async function* numbers() {
    for (let n = 0; n < 500; n++) yield [n, 1]
  }
  const tasks = await client.submitMany(sumar, numbers(), (_, index) => ({ id: `n${index}` }))
  assert.deepEqual([tasks.length, tasks[499]?.id], [500, 'n499'])
  await work(engine, add)
  const results = await Promise.all(tasks.map((task) => task.result()))
  assert.deepEqual(results.slice(0, 3), [1, 2, 3])
  const [one] = await client.submitMany(sumar, [[1]], { queue: 'other' })
  assert.equal((await one?.status())?.queue, 'other')
})

test('submitMany waits for room instead of failing', async (t) => {
  const { client } = open(t, { pendingTasksMax: 10 })
  const tasks = await client.submitMany(
    'x',
    Array.from({ length: 100 }, (_, n) => n),
  )
  assert.equal(tasks.length, 100)
})

test('submitMany says which ones were refused, and the others are there', async (t) => {
  const { client } = open(t)
  const data = [[1], ['two'], [3]] as number[][]
  await assert.rejects(client.submitMany(sumar, data), (error: ChasquiError) => {
    assert.equal(error.code, 'INVALID_INPUT')
    assert.match(error.message, /^1 of 3 tasks were not submitted; the first because the data of/)
    assert.equal(error.details?.submitted, 2)
    const [refused] = error.details!.refused as [{ index: number; code: string }]
    assert.deepEqual([refused.index, refused.code], [1, 'INVALID_INPUT'])
    return true
  })
  assert.equal((await client.list()).tasks.length, 2)
})

test('a result that will not come says why', async (t) => {
  const { client, engine, clock } = open(t)
  const error = { name: 'RangeError', message: 'too much' }
  const [failing, canceled, expired, waiting] = await Promise.all([
    client.submit('fail', 1),
    client.submit('x', 1, { delayMs: 10 }),
    client.submit('x', 1, { delayMs: 1_000, ttlMs: 20 }),
    client.submit('x', 1, { delayMs: 1_000 }),
  ])
  await work(engine, ({ id, epoch, type }) =>
    type === 'fail' ? { id, epoch, kind: 'threw', error, retryable: false } : null,
  )
  assert.deepEqual(await canceled?.cancel(), { id: canceled?.id, state: 'canceled', changed: true })
  await clock.advance(30)
  await assert.rejects(failing!.result(), {
    code: 'TASK_FAILED',
    message: `task ${failing?.id} failed: RangeError: too much`,
    details: { id: failing?.id, attempt: 1, error },
  })
  await assert.rejects(canceled!.result(), code('TASK_CANCELED'))
  await assert.rejects(expired!.result(), code('TASK_EXPIRED'))
  await assert.rejects(client.task('nobody').result(), code('TASK_UNKNOWN'))
  const late = assert.rejects(waiting!.result({ timeoutMs: 5 }), {
    code: 'TIMEOUT',
    details: { id: waiting?.id, state: 'scheduled' },
  })
  await clock.advance(5)
  await late
  const abort = new AbortController()
  const aborted = assert.rejects(waiting!.result({ signal: abort.signal }), /no more patience/)
  abort.abort(new Error('no more patience'))
  await aborted
  assert.equal((await waiting?.status())?.state, 'scheduled')
  assert.equal(await client.task('nobody').status(), null)
  assert.equal(await client.task('nobody').cancel(), null)
})

test('the events of a task begin with its state and end with the final one', async (t) => {
  const { client, engine, clock } = open(t)
  const task = await client.submit('x', [1], { delayMs: 100 })
  const states: string[] = []
  const reading = (async () => {
    for await (const event of task.events()) states.push(event.state)
  })()
  await clock.advance(1)
  await work(engine, add)
  await clock.advance(100)
  await reading
  assert.equal(states[0], 'scheduled')
  assert.equal(states.at(-1), 'succeeded')
  assert.deepEqual([...new Set(states)], ['scheduled', 'queued', 'running', 'succeeded'])
  // Of a task that is final already: one event.
  const after: string[] = []
  for await (const event of task.events()) after.push(event.state)
  assert.deepEqual(after, ['succeeded'])
  await assert.rejects(client.task('nobody').events().next(), code('TASK_UNKNOWN'))
})

test('the end of a task is told though every event is lost', async (t) => {
  const { client, engine, clock } = open(t, {}, { watch: async () => ({ close: async () => {} }) })
  const task = await client.submit('x', [1])
  const states: string[] = []
  const reading = (async () => {
    for await (const event of task.events()) states.push(event.state)
  })()
  await clock.advance(1)
  await work(engine, add)
  await reading
  assert.deepEqual(states, ['queued', 'succeeded'])
})

test('a watch begins at once and hears what matches', async (t) => {
  const { client } = open(t)
  const events = client.watch({ types: ['x'] })
  await events.started
  await client.submit('y', 1)
  await client.submit('x', 1, { id: 'a' })
  const { value } = await events.next()
  assert.deepEqual([value?.id, value?.state], ['a', 'queued'])
  const pending = events.next()
  await events.close()
  assert.deepEqual(await pending, { done: true, value: undefined })
  assert.deepEqual(await events.next(), { done: true, value: undefined })
})

test('a slow reader of a watch loses the oldest events and is told how many', async (t) => {
  const { client } = open(t)
  const events = client.watch()
  await events.started
  await client.submitMany(
    'x',
    Array.from({ length: 10_007 }, (_, n) => n),
    (_, n) => ({ id: `t${n}` }),
  )
  const { value } = await events.next()
  assert.deepEqual([value?.id, value?.dropped], ['t7', 7])
  assert.equal((await events.next()).value?.dropped, undefined)
})

test('a watch that cannot begin tells its reader', async (t) => {
  const failure = new ChasquiError('TOO_MANY_SUBSCRIPTIONS', 'enough')
  const { client } = open(t, {}, { watch: () => Promise.reject(failure) })
  const events = client.watch()
  await assert.rejects(events.started, code('TOO_MANY_SUBSCRIPTIONS'))
  await assert.rejects(events.next(), code('TOO_MANY_SUBSCRIPTIONS'))
})

test('get, list, wait, cancel, retry, log and stats give what the engine knows', async (t) => {
  const { client, engine } = open(t)
  await client.submit('x', { n: 1 }, { id: 'a' })
  await client.submit('y', [2], { id: 'b' })
  const [a, none] = await client.get(['a', 'nobody'], { data: true })
  assert.deepEqual([a?.type, a?.data, none], ['x', { n: 1 }, null])
  const page = await client.list({ types: ['y'] })
  assert.deepEqual([page.tasks.map(({ id }) => id), page.cursor], [['b'], null])
  assert.deepEqual(await client.cancel(['a', 'nobody']), [
    { id: 'a', state: 'canceled', changed: true },
    null,
  ])
  assert.deepEqual(await client.retry({ ids: ['a'] }), {
    tasks: [{ id: 'a', state: 'queued', changed: true }],
    more: false,
  })
  await client.cancel(['a'])
  await work(engine, add)
  const [waited, canceled] = await client.wait(['b', 'a'])
  assert.deepEqual([waited?.result, canceled?.state], [2, 'canceled'])
  assert.deepEqual(await client.log('b'), [])
  assert.equal((await client.stats()).queues[0]?.totals.submitted, 2)
})

test('close waits for confirmations, then everything is closed', async (t) => {
  let answer: () => void = () => {}
  const submit: Engine['submit'] = (batch) =>
    new Promise((resolve) => {
      answer = () =>
        resolve(
          batch.map(({ id }) => ({ id, state: 'queued', duplicate: false, durability: 'disk' }) as const),
        )
    })
  const { client } = open(t, {}, { submit })
  const events = client.watch()
  const task = client.submit('x', 1)
  await new Promise(setImmediate)
  const closing = client.close()
  await assert.rejects(client.submit('x', 2), code('CLOSED'))
  answer()
  assert.equal((await task).receipt?.state, 'queued')
  await closing
  await client.close()
  assert.deepEqual(await events.next(), { done: true, value: undefined })
  await assert.rejects(client.get(['a']), code('CLOSED'))
  await assert.rejects((await task).result(), code('CLOSED'))
  assert.throws(() => client.watch(), code('CLOSED'))
})

test('close gives up at its deadline', async (t) => {
  const { client, clock } = open(t, {}, { submit: () => new Promise(() => {}) })
  const lost = assert.rejects(client.submit('x', 1), code('CLOSED'))
  await new Promise(setImmediate)
  const closing = client.close({ timeoutMs: 50 })
  await clock.advance(50)
  await closing
  await lost
})

test('await using closes the client', async (t) => {
  const { engine, clock } = open(t)
  let kept: Client
  {
    await using client = createClient(engine, { clock })
    kept = client
    await client.submit('x', 1)
  }
  await assert.rejects(kept.submit('x', 1), code('CLOSED'))
  assert.equal((await engine.list({ limit: 10 })).tasks.length, 1)
})
