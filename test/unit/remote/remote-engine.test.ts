/** What the remote engine adds to the port: asking again. The port itself is tested by test/conformance/remote.test.ts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery, Engine } from '../../../src/engine/engine.ts'
import { openRemoteEngine } from '../../../src/engine/remote/remote-engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import type { Lease } from '../../../src/task/outcome.ts'
import type { Refusal } from '../../../src/task/task.ts'
import { eventually } from '../../support/eventually.ts'
import { ShakyServer } from '../../support/shaky-server.ts'
import { submission } from '../../support/submissions.ts'

const worker = { id: 'w', pid: 1, host: 'test' }
const request = { queues: ['default'], types: null, slots: 1, prefetch: 1, worker }

/** Holds what it is given. */
class Hands {
  readonly delivered: Delivery[] = []
  readonly revoked: Lease[] = []
  deliver(deliveries: readonly Delivery[]): void {
    this.delivered.push(...deliveries)
  }
  revoke(leases: readonly Lease[]): void {
    this.revoked.push(...leases)
  }
}

test('nobody there: one sentence says so', async (t) => {
  const server = await ShakyServer.open(t)
  server.proxy.mode = 'refuse'
  await assert.rejects(openRemoteEngine({ url: server.proxy.url, connectTimeoutMs: 100 }), {
    code: 'CONNECTION_LOST',
    message: /^no distributor could be reached at 127\.0\.0\.1:\d+: it was reset$/,
  })
  await assert.rejects(openRemoteEngine({ url: 'http://localhost' }), { code: 'CONFIG_INVALID' })
})

test('a call that is refused for now is made again until it is taken', async (t) => {
  let refusals = 3
  const submit: Engine['submit'] = (batch) => {
    if (refusals-- > 0) throw new ChasquiError('RETRY_AFTER', 'busy', { retryAfterMs: 2 })
    return server.engine.submit(batch, 'disk')
  }
  const server: ShakyServer = await ShakyServer.open(t, { over: { submit } })
  const engine = await server.openRemote(t)
  const [receipt] = await engine.submit([submission('a')], 'disk')
  assert.deepEqual(receipt, { id: 'a', state: 'queued', duplicate: false, durability: 'memory' })
})

test('of a batch, only what was refused for now is asked for again', async (t) => {
  const asked: string[][] = []
  const submit: Engine['submit'] = async (batch) => {
    asked.push(batch.map(({ id }) => id))
    const answers = await server.engine.submit(batch, 'disk')
    const refused = { code: 'DISK_LOW', message: 'nearly full', retryAfterMs: 1 } as const
    return answers.map((answer, at) =>
      asked.length < 3 && at % 2 === 1 ? ({ id: answer.id, refused } satisfies Refusal) : answer,
    )
  }
  const server: ShakyServer = await ShakyServer.open(t, { over: { submit } })
  const engine = await server.openRemote(t)
  const batch = ['a', 'b', 'c', 'd', 'e'].map((id) => submission(id))
  const answers = await engine.submit(batch, 'disk')
  assert.deepEqual(
    answers.map((answer) => [answer.id, 'refused' in answer]),
    [
      ['a', false],
      ['b', false],
      ['c', false],
      ['d', false],
      ['e', false],
    ],
  )
  assert.deepEqual(asked, [['a', 'b', 'c', 'd', 'e'], ['b', 'd'], ['d']])
})

test('what is refused for longer than the deadline is answered as refused', async (t) => {
  const refused = { code: 'DISK_LOW', message: 'nearly full', retryAfterMs: 60_000 } as const
  const submit: Engine['submit'] = async (batch) => batch.map(({ id }) => ({ id, refused }))
  const server = await ShakyServer.open(t, { over: { submit } })
  const engine = await server.openRemote(t)
  assert.deepEqual(await engine.submit([submission('a'), submission('b')], 'disk'), [
    { id: 'a', refused },
    { id: 'b', refused },
  ])
})

test('a repetition that is not answered costs the others nothing', async (t) => {
  const refused = { code: 'DISK_LOW', message: 'nearly full', retryAfterMs: 1 } as const
  let calls = 0
  const submit: Engine['submit'] = async (batch) => {
    if (++calls > 1) return new Promise(() => {})
    const answers = await server.engine.submit(batch.slice(0, 1), 'disk')
    return [...answers, { id: 'b', refused }]
  }
  const server: ShakyServer = await ShakyServer.open(t, { over: { submit } })
  const engine = await server.openRemote(t, { callTimeoutMs: 500 })
  const [a, b] = await engine.submit([submission('a'), submission('b')], 'disk')
  assert.deepEqual(a, { id: 'a', state: 'queued', duplicate: false, durability: 'memory' })
  assert.deepEqual(b, {
    id: 'b',
    refused: { code: 'TIMEOUT', message: 'task.submit was not answered in time' },
  })
})

test('a task that fits in no message is refused alone, and the connection lives on', async (t) => {
  const server = await ShakyServer.open(t, { limits: { frameBytesMax: 10_000 } })
  const engine = await server.openRemote(t)
  const batch = [
    submission('a'),
    submission('b', { dataText: JSON.stringify('x'.repeat(20_000)) }),
    ...Array.from({ length: 5 }, (_, n) =>
      submission(`c${n}`, { dataText: JSON.stringify('y'.repeat(3_000)) }),
    ),
  ]
  const answers = await engine.submit(batch, 'disk')
  assert.deepEqual(
    answers.map((answer) => ('refused' in answer ? answer.refused.code : answer.id)),
    ['a', 'FRAME_TOO_LARGE', 'c0', 'c1', 'c2', 'c3', 'c4'],
  )
  assert.equal(server.proxy.connections, 1)
  const value = {
    id: 'a',
    epoch: 1,
    kind: 'returned',
    valueText: JSON.stringify('z'.repeat(20_000)),
  } as const
  await assert.rejects(engine.settle([value]), { code: 'FRAME_TOO_LARGE' })
})

test('of a batch that takes several messages, one that fails costs the others nothing', async (t) => {
  const submit: Engine['submit'] = (batch) => {
    if (batch[0]?.id === 'b') throw new ChasquiError('INTERNAL', 'a bug')
    return server.engine.submit(batch, 'disk')
  }
  const server: ShakyServer = await ShakyServer.open(t, { over: { submit } })
  const engine = await server.openRemote(t)
  // So long that each message is the only one of its turn at the server.
  const dataText = JSON.stringify('x'.repeat(3_000_000))
  const large = (id: string) => submission(id, { dataText })
  const answers = await engine.submit([large('a'), large('b'), large('c')], 'disk')
  assert.deepEqual(
    answers.map((answer) => ('refused' in answer ? answer.refused.code : answer.state)),
    ['queued', 'INTERNAL', 'queued'],
  )
  await assert.rejects(engine.submit([large('b'), large('b')], 'disk'), { code: 'INTERNAL' })
})

test('a wait that is longer than one question is asked on, and an answer that is late is not lost', async (t) => {
  const server = await ShakyServer.open(t)
  const engine = await server.openRemote(t)
  await engine.submit([submission('a', { runAtMs: Date.now() + 60_000 })], 'disk')
  const early = await engine.wait(['a', 'nobody'], 20)
  assert.deepEqual([early[0]?.state, early[1]], ['scheduled', null])
  const abort = new AbortController()
  const aborted = engine.wait(['a'], 60_000, abort.signal)
  abort.abort()
  assert.equal((await aborted)[0]?.state, 'scheduled')
  const waiting = engine.wait(['a'], 60_000)
  server.break()
  await server.engine.cancel(['a'])
  assert.equal((await waiting)[0]?.state, 'canceled')
})

test('a watch goes on after a break', async (t) => {
  const server = await ShakyServer.open(t)
  const engine = await server.openRemote(t)
  const heard: string[] = []
  const watch = await engine.watch({ states: ['queued'] }, (events) =>
    heard.push(...events.map(({ id }) => id)),
  )
  await engine.submit([submission('a')], 'disk')
  await eventually('the first event', () => heard.includes('a'))
  await server.restart()
  // The watch is made again behind the hello; when this is answered it is there.
  await eventually('the new connection', () => engine.link.state === 'up')
  await engine.get([])
  await engine.submit([submission('b')], 'disk')
  await eventually('the second event', () => heard.includes('b'))
  await watch.close()
  await engine.submit([submission('c')], 'disk')
  await engine.get([])
  assert.deepEqual(heard, ['a', 'b'])
})

test('leases survive a break: they are taken up again, within the credit, and settled', async (t) => {
  const server = await ShakyServer.open(t, { leaseMs: 60_000, reconnectGraceMs: 5_000 })
  const engine = await server.openRemote(t)
  const hands = new Hands()
  const consumer = await engine.consume({ ...request, slots: 3 }, hands)
  await engine.submit(
    Array.from({ length: 10 }, (_, n) => submission(`t${n}`)),
    'disk',
  )
  await eventually('three deliveries', () => hands.delivered.length === 3)
  const name = consumer.id
  for (let time = 0; time < 3; time++) {
    server.break()
    await eventually('the new consumer', () => engine.link.state === 'up')
    await eventually('the leases are taken up', () => consumer.id !== name)
    await engine.get([])
  }
  let seats: number[][] = []
  await eventually('one consumer with all its credit and leases', () => {
    void engine.inspect().then(({ consumers }) => {
      seats = consumers.map(({ slots, prefetch, held }) => [slots, prefetch, held])
    })
    return JSON.stringify(seats) === '[[3,1,3]]'
  })
  assert.deepEqual([hands.delivered.length, hands.revoked], [3, []])
  const [first] = hands.delivered
  assert.deepEqual(
    await engine.settle([{ id: first!.id, epoch: first!.epoch, kind: 'returned', valueText: '1' }]),
    [{ id: 't0', accepted: true, state: 'succeeded' }],
  )
  await eventually('a delivery for the one that was settled', () => hands.delivered.length === 4)
  const [record] = await engine.get(['t1'])
  assert.deepEqual([record?.attempt, record?.crashes], [1, 0])
})

test('leases that were lost during a break are revoked, and what is delivered again is told apart', async (t) => {
  const server = await ShakyServer.open(t, { reconnectGraceMs: 10 })
  const engine = await server.openRemote(t)
  const hands = new Hands()
  await engine.consume({ ...request, slots: 2 }, hands)
  await engine.submit([submission('a'), submission('b')], 'disk')
  await eventually('two deliveries', () => hands.delivered.length === 2)
  server.proxy.mode = 'refuse'
  server.break()
  // The grace is over: both wait again, and one of them is done elsewhere.
  await eventually('they were lost', () => server.engine !== null)
  const untilMs = Date.now() + 10_000
  while ((await server.engine.get(['a', 'b'])).some((record) => record?.state !== 'queued')) {
    assert.ok(Date.now() < untilMs)
    await new Promise(setImmediate)
  }
  await server.engine.cancel(['b'])
  server.proxy.mode = 'up'
  await eventually('both are revoked', () => hands.revoked.length === 2)
  const [a, b] = hands.delivered
  assert.deepEqual(
    hands.revoked.map(({ id, epoch }) => [id, epoch]).sort(),
    [
      ['a', a!.epoch],
      ['b', b!.epoch],
    ].sort(),
  )
  await eventually('a comes again', () => hands.delivered.length === 3)
  const again = hands.delivered[2]!
  assert.equal(again.id, 'a')
  assert.ok(again.epoch > a!.epoch)
  const settled = await engine.settle([
    { id: 'a', epoch: a!.epoch, kind: 'returned', valueText: '1' },
    { id: 'a', epoch: again.epoch, kind: 'returned', valueText: '2' },
  ])
  assert.deepEqual(
    settled.map(({ accepted }) => accepted),
    [false, true],
  )
})

test('a consumer that was stopped while there was no connection stays stopped; its leases are renewed', async (t) => {
  const server = await ShakyServer.open(t, { leaseMs: 60_000, reconnectGraceMs: 5_000 })
  const engine = await server.openRemote(t)
  const hands = new Hands()
  const consumer = await engine.consume({ ...request, slots: 2 }, hands)
  await engine.submit([submission('a')], 'disk')
  await eventually('a delivery', () => hands.delivered.length === 1)
  server.proxy.mode = 'refuse'
  server.break()
  await eventually('the connection is gone', () => engine.link.state === 'connecting')
  await consumer.stop()
  assert.deepEqual(await consumer.ended, { reason: 'stopped' })
  server.proxy.mode = 'up'
  await engine.submit([submission('b')], 'disk')
  await engine.get([])
  const report = await engine.inspect()
  assert.deepEqual([report.consumers, hands.delivered.length, hands.revoked], [[], 1, []])
  const { id, epoch } = hands.delivered[0]!
  assert.deepEqual(await engine.settle([{ id, epoch, kind: 'returned', valueText: '1' }]), [
    { id: 'a', accepted: true, state: 'succeeded' },
  ])
})

test('credit that was changed while there was no connection is what the new consumer has', async (t) => {
  const server = await ShakyServer.open(t)
  const engine = await server.openRemote(t)
  const hands = new Hands()
  const consumer = await engine.consume(request, hands)
  server.proxy.mode = 'refuse'
  server.break()
  await eventually('the connection is gone', () => engine.link.state === 'connecting')
  consumer.resize(2, 3)
  server.proxy.mode = 'up'
  await engine.submit(
    Array.from({ length: 10 }, (_, n) => submission(`t${n}`)),
    'disk',
  )
  await eventually('six deliveries', () => hands.delivered.length >= 6)
  await engine.get([])
  assert.equal(hands.delivered.length, 6)
})

test('a consumer that the server takes no more ends and says why', async (t) => {
  let refuse = false
  const consume: Engine['consume'] = (asked, sink) => {
    if (refuse) throw new ChasquiError('NOT_SUPPORTED', 'no workers here')
    return server.engine.consume(asked, sink)
  }
  const server: ShakyServer = await ShakyServer.open(t, { over: { consume } })
  const engine = await server.openRemote(t)
  const consumer = await engine.consume(request, new Hands())
  refuse = true
  server.break()
  const end = await consumer.ended
  assert.equal(end.reason, 'failed')
  assert.equal((end.error as ChasquiError).code, 'NOT_SUPPORTED')
  await assert.rejects(engine.consume(request, new Hands()), { code: 'NOT_SUPPORTED' })
})

test('close answers what waits and ends consumers', async (t) => {
  const server = await ShakyServer.open(t)
  const engine = await server.openRemote(t)
  const hands = new Hands()
  const consumer = await engine.consume(request, hands)
  await engine.submit([submission('a'), submission('b')], 'disk')
  await eventually('a delivery', () => hands.delivered.length === 1)
  const waiting = engine.wait(['a', 'b'], 60_000)
  const submitted = engine.submit([submission('c')], 'disk')
  await engine.close()
  assert.deepEqual(
    (await waiting).map((record) => record?.state),
    ['running', 'queued'],
  )
  assert.deepEqual(await consumer.ended, { reason: 'closed' })
  assert.equal((await submitted)[0]?.id, 'c')
  await assert.rejects(engine.get(['a']), { code: 'CLOSED' })
  await assert.rejects(engine.consume(request, hands), { code: 'CLOSED' })
  await engine.close()
})

test('no delivery is on its way when the connection closes', async (t) => {
  // Nothing lapses by itself: what was delivered stays running.
  const server = await ShakyServer.open(t, { clock: new VirtualClock() })
  const engine = await server.openRemote(t)
  const hands = new Hands()
  await engine.consume({ ...request, slots: 1_000 }, hands)
  const closing = engine.close()
  let closed = false
  void closing.then(() => {
    closed = true
  })
  for (let n = 0; !closed; n++) {
    await server.engine.submit([submission(`t${n}`)], 'disk')
    await new Promise(setImmediate)
  }
  const { tasks } = await server.engine.list({ states: ['running'], limit: 1_000 })
  const delivered = new Set(hands.delivered.map(({ id }) => id))
  assert.deepEqual(
    tasks.filter(({ id }) => !delivered.has(id)).map(({ id }) => id),
    [],
  )
})

test('close does not hang when there is no connection', async (t) => {
  const server = await ShakyServer.open(t)
  const engine = await server.openRemote(t)
  const consumer = await engine.consume(request, new Hands())
  server.proxy.mode = 'refuse'
  server.break()
  await eventually('the connection is gone', () => engine.link.state === 'connecting')
  const lost = [engine.get(['a']), engine.wait(['a'], 60_000), engine.submit([submission('a')], 'disk')]
  const codes = lost.map((call) => call.then(String, (error: ChasquiError) => error.code))
  await engine.close()
  assert.deepEqual(await Promise.all(codes), ['CLOSED', 'CLOSED', 'CLOSED'])
  assert.deepEqual(await consumer.ended, { reason: 'closed' })
})
