/** How a server begins and ends. */

import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, test } from 'node:test'
import { openDistributor } from '../../../src/distributor/distributor.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { systemClock } from '../../../src/task/clock.ts'
import { openLog } from '../../../src/telemetry/log.ts'
import { eventually } from '../../support/eventually.ts'
import { openWireServer } from '../../support/wire-server.ts'

const silent = openLog({ level: 'silent' })

describe('a server that cannot listen says why in one sentence', () => {
  const cases: readonly [string, string, number | 'taken', RegExp][] = [
    [
      'a taken port',
      '127.0.0.1',
      'taken',
      /^port \d+ on 127\.0\.0\.1 is already taken: stop the other program or choose another with --port$/,
    ],
    ['an address of another machine', '192.0.2.1', 0, /^192\.0\.2\.1 is no address of this machine/],
  ]
  for (const [what, host, port, sentence] of cases) {
    test(what, async (context) => {
      const other = net.createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => other.once('listening', resolve))
      context.after(() => other.close())
      const engine = openMemoryEngine()
      await assert.rejects(
        openDistributor({
          engine,
          host,
          port: port === 'taken' ? (other.address() as net.AddressInfo).port : port,
          log: silent,
          clock: systemClock,
          version: '1',
        }),
        (error: Error & { code?: string }) => error.code === 'CONFIG_INVALID' && sentence.test(error.message),
      )
      await engine.close()
    })
  }
})

test('an idle server closes at once, idle connections see the end, and later ones are refused', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.get', { ids: [] })
  const closing = server.distributor.close({ deadlineMs: 10_000 })
  await client.ended()
  client.end()
  await closing
  await assert.rejects(server.connect(), { code: 'ECONNREFUSED' })
  assert.equal(server.distributor.close({ deadlineMs: 1 }), closing)
})

test('what is under way is answered, requests that still come hear SHUTTING_DOWN', async (context) => {
  const server = await openWireServer(context)
  const { engine } = server
  const { promise: gate, resolve: release } = Promise.withResolvers<void>()
  const submit = engine.submit.bind(engine)
  let asked = 0
  engine.submit = async (batch, durability) => {
    asked++
    await gate
    return submit(batch, durability)
  }
  const [rpc, bare] = [await server.connect(), await server.connect()]
  const underWay = rpc.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
  bare.send('{"id":"b","type":"a"}')
  await eventually('both tasks to be read', () => asked === 2)
  const closing = server.distributor.close({ deadlineMs: 10_000 })
  assert.equal(await rpc.refusal('task.get', { ids: [] }), 'SHUTTING_DOWN')
  bare.send('{"id":"c","type":"a"}')
  assert.equal((await bare.next()).payload.code, 'SHUTTING_DOWN')
  release()
  assert.equal((await underWay).receipts[0].id, 'a')
  assert.equal((await bare.next()).payload.id, 'b')
  await rpc.ended()
  rpc.end()
  bare.end()
  await closing
  assert.deepEqual(
    (await engine.get(['a', 'b', 'c'])).map((record) => record?.state ?? null),
    ['queued', 'queued', null],
  )
})

test('a peer that is sending when the server closes is not left hanging', async (context) => {
  const server = await openWireServer(context, { limits: { requestsInFlightMax: 1 } })
  const { promise: gate, resolve: release } = Promise.withResolvers<void>()
  const inspect = server.engine.inspect.bind(server.engine)
  let asked = 0
  server.engine.inspect = () => {
    asked++
    return gate.then(inspect)
  }
  const client = await server.connect()
  client.send(`{"jsonrpc":"2.0","id":1,"method":"queue.list"}\n`.repeat(400_000))
  await eventually('the first request to be taken', () => asked > 0)
  assert.ok(client.socket.writableLength > 0)
  const closing = server.distributor.close({ deadlineMs: 10_000 })
  release()
  await client.ended()
  await eventually('the rest to be taken', () => client.socket.writableLength === 0)
  assert.equal(client.socket.errored, null)
  client.end()
  await closing
  assert.ok(client.lines.length >= 1)
})

test('waits are told to come again, and nobody waits for them', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
  const waiting = client.refusal('task.wait', { ids: ['a'], timeoutMs: 3_600_000 })
  await client.ask('task.get', { ids: [] })
  const closing = server.distributor.close({ deadlineMs: 60_000 })
  assert.equal(await waiting, 'SHUTTING_DOWN')
  await client.ended()
  client.end()
  await closing
})

test('workers keep their leases: what they hold is not lost by a clean close', async (context) => {
  const engine = openMemoryEngine({ reconnectGraceMs: 1 })
  const first = await openWireServer(context, { engine })
  const worker = await first.connect()
  await worker.ask('work.consume')
  await worker.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
  const { epoch } = (await worker.notification('work.deliver')).deliveries[0]
  const closing = first.distributor.close({ deadlineMs: 10_000 })
  await worker.ended()
  worker.end()
  await closing
  // Far longer than the time of grace, in the engine's own timers.
  await new Promise<void>((resolve) => systemClock.at(Date.now() + 30, resolve))
  const second = await openWireServer(context, { engine })
  const again = await second.connect()
  const { consumer } = await again.ask('work.consume')
  assert.deepEqual((await again.ask('work.extend', { leases: [{ id: 'a', epoch }], consumer })).extended, [
    { id: 'a', accepted: true },
  ])
  const [record] = await engine.get(['a'])
  assert.deepEqual([record?.state, record?.crashes], ['running', 0])
  await second.distributor.close({ deadlineMs: 0 })
  await engine.close()
})

test('at the deadline whatever is left is cut off', async (context) => {
  const server = await openWireServer(context)
  server.engine.cancel = () => new Promise(() => {})
  const client = await server.connect()
  client.send('{"jsonrpc":"2.0","id":1,"method":"task.cancel","params":{"ids":["a"]}}\n')
  await client.ask('task.get', { ids: [] })
  await server.distributor.close({ deadlineMs: 20 })
  assert.equal(server.distributor.connections, 0)
  await client.ended()
})

test('an engine that was closed under the server is the server stopping', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.get', { ids: [] })
  await server.engine.close()
  assert.equal(await client.refusal('task.submit', { tasks: [{ type: 'a' }] }), 'SHUTTING_DOWN')
})

test('deliveries that end by a failure of the engine end the connection, so that the worker comes back', async (context) => {
  const server = await openWireServer(context)
  const consume = server.engine.consume.bind(server.engine)
  const { promise: failure, resolve: fail } = Promise.withResolvers<{ reason: 'failed'; error: Error }>()
  server.engine.consume = async (request, sink) => ({ ...(await consume(request, sink)), ended: failure })
  const worker = await server.connect()
  await worker.ask('work.consume')
  fail({ reason: 'failed', error: new Error('the store is gone') })
  const { error } = await worker.next()
  assert.equal(error.data.name, 'INTERNAL')
  await worker.ended()
  assert.ok(server.logged.some(({ event, level }) => event === 'consumer.failed' && level === 'error'))
})
