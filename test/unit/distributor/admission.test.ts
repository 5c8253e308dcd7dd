/** What one connection can make the server hold is bounded, the peer hears why, and nobody else notices. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { submission } from '../../support/submissions.ts'
import { openWireServer, type WireServer } from '../../support/wire-server.ts'

const submit = (id: number | string, data: unknown = null) =>
  `${JSON.stringify({ jsonrpc: '2.0', id, method: 'task.submit', params: { tasks: [{ id: `t${id}`, type: 'a', data }] } })}\n`

/** Someone else's connection, before and after. */
async function isServed(server: WireServer): Promise<void> {
  const other = await server.connect()
  assert.deepEqual((await other.ask('task.get', { ids: ['nobody'] })).tasks, [null])
  other.destroy()
}

const cutOffs = (server: WireServer) =>
  server.logged.filter(({ event }) => event === 'session.cut-off').map(({ level, code }) => [level, code])

describe('messages that are too long', () => {
  for (const [what, start] of [
    ['a line', 'x'],
    ['an object', '{"type":"a","data":"'],
    ['a pretty-printed object', '{\n"type":"a","data":"'],
  ] as const) {
    test(`${what} is answered and the connection closed`, async (context) => {
      const server = await openWireServer(context, { limits: { frameBytesMax: 10_000 } })
      const client = await server.connect()
      client.send(start)
      client.send(Buffer.alloc(10_000, 'x'))
      const { error, payload } = await client.next()
      assert.deepEqual([error.data.name, payload.code], ['FRAME_TOO_LARGE', 'FRAME_TOO_LARGE'])
      assert.deepEqual(error.data.details, { frameBytesMax: 10_000 })
      await client.ended()
      await isServed(server)
      assert.deepEqual(cutOffs(server), [['warn', 'FRAME_TOO_LARGE']])
    })
  }

  test('a peer that goes on sending 100 MB still reads the error', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('session.hello')
    const block = Buffer.alloc(1024 * 1024, 'x')
    // It does not read before it has sent everything.
    client.socket.pause()
    for (let sent = 0; sent < 100; sent++) client.send(block)
    await eventually('everything to be taken', () => client.socket.writableLength === 0)
    client.socket.resume()
    const { id, error } = await client.next()
    assert.deepEqual([id, error.data.name], [null, 'FRAME_TOO_LARGE'])
    await client.ended()
    await isServed(server)
  })

  test('as long as allowed passes', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const envelope = submit(1, '').length - 1
    client.send(submit(1, 'x'.repeat(4 * 1024 * 1024 - envelope)))
    assert.equal((await client.next()).result.receipts[0].id, 't1')
    assert.equal(
      (await client.ask('task.get', { ids: ['t1'], data: true })).tasks[0].data.length,
      4_194_304 - envelope,
    )
  })
})

describe('messages that stall', () => {
  for (const start of ['{"type":"a"', '{\n', 'GET / HTTP/1.1', '[']) {
    test(`after ${JSON.stringify(start)}: answered, then closed`, async (context) => {
      const server = await openWireServer(context, { limits: { messageStallMs: 30 } })
      const client = await server.connect()
      client.send(start)
      const { error, payload } = await client.next()
      assert.deepEqual([error.data.name, payload.code], ['MESSAGE_STALLED', 'MESSAGE_STALLED'])
      await client.ended()
      assert.deepEqual(cutOffs(server), [['warn', 'MESSAGE_STALLED']])
    })
  }

  test('bytes that trickle in do not help, complete messages do', async (context) => {
    const server = await openWireServer(context, { limits: { messageStallMs: 150 } })
    const trickling = await server.connect()
    const steady = await server.connect()
    // Always in the middle of a message, never for long.
    let sent = 0
    steady.send(submit(0).slice(0, -5))
    const timer = setInterval(() => {
      trickling.send(' ')
      steady.send(submit(sent).slice(-5) + submit(sent + 1).slice(0, -5))
      sent++
    }, 10)
    context.after(() => clearInterval(timer))
    trickling.send('{')
    assert.equal((await trickling.next()).payload.code, 'MESSAGE_STALLED')
    // More than twice as long as one message may take.
    await steady.until('replies', () => steady.lines.length >= 35)
    for (const line of steady.lines) assert.notEqual(JSON.parse(line).result, undefined, line)
  })

  test('an idle connection may stay for ever', async (context) => {
    const server = await openWireServer(context, { limits: { messageStallMs: 20 } })
    const idle = await server.connect()
    idle.send(' \n')
    idle.send(submit('bare'))
    await idle.next()
    const other = await server.connect()
    other.send('{')
    // As long as it took for that one to be closed, at least.
    await other.ended()
    await idle.ask('task.get', { ids: [] })
  })
})

test('messages of all connections that are not complete have a limit together', async (context) => {
  const server = await openWireServer(context, { limits: { intakeBytesMax: 250_000 } })
  const clients = await Promise.all([server.connect(), server.connect(), server.connect()])
  const big = Buffer.alloc(100_000, 'x')
  for (const client of clients.slice(0, 2)) {
    client.send(big)
    await client.until('the bytes to be read', () => client.socket.writableLength === 0)
  }
  clients[2]!.send(big)
  // Which one is over the limit depends on whose bytes came last.
  const refused = await Promise.race(clients.map(async (client) => ({ client, reply: await client.next() })))
  assert.deepEqual([refused.reply.payload.code, refused.reply.payload.retryable], ['RETRY_AFTER', true])
  await refused.client.ended()
  await isServed(server)
  for (const client of clients) client.destroy()
  await server.distributor.close({ deadlineMs: 1_000 })
})

test('more connections than allowed hear why', async (context) => {
  const server = await openWireServer(context, { limits: { connectionsMax: 2 } })
  const clients = [await server.connect(), await server.connect()]
  for (const client of clients) await client.ask('task.get', { ids: [] })
  const third = await server.connect()
  const { error, payload } = await third.next()
  assert.deepEqual([error.data.name, payload.retryable], ['TOO_MANY_CONNECTIONS', true])
  await third.ended()
  clients[0]!.destroy()
  await eventually('room for another', () => server.distributor.connections < 2)
  await isServed(server)
})

describe('subscriptions', () => {
  test('waits are limited by the tasks that they name', async (context) => {
    const server = await openWireServer(context, { limits: { waitsMax: 10 } })
    const client = await server.connect()
    await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    const first = client.call('task.wait', { ids: Array(8).fill('a'), timeoutMs: 60_000 })
    assert.equal(await client.refusal('task.wait', { ids: ['a', 'a', 'a'] }), 'TOO_MANY_SUBSCRIPTIONS')
    const second = client.call('task.wait', { ids: ['a', 'a'], timeoutMs: 60_000 })
    await client.ask('task.cancel', { ids: ['a'] })
    assert.equal((await first).result.tasks.length, 8)
    assert.equal((await second).result.tasks.length, 2)
    await client.ask('task.wait', { ids: Array(10).fill('a') })
  })

  test('watches are limited in number and in ids', async (context) => {
    const server = await openWireServer(context, { limits: { watchesMax: 2, waitsMax: 3 } })
    const client = await server.connect()
    const { watch } = await client.ask('task.watch', { ids: ['a', 'b'] })
    assert.equal(await client.refusal('task.watch', { ids: ['a', 'b'] }), 'TOO_MANY_SUBSCRIPTIONS')
    await client.ask('task.watch')
    assert.equal(await client.refusal('task.watch'), 'TOO_MANY_SUBSCRIPTIONS')
    await client.ask('task.unwatch', { watch })
    await client.ask('task.watch', { ids: ['a', 'b', 'c'] })
  })

  test('consumers are limited', async (context) => {
    const server = await openWireServer(context, { limits: { consumersMax: 1 } })
    const client = await server.connect()
    const { consumer } = await client.ask('work.consume')
    assert.equal(await client.refusal('work.consume'), 'TOO_MANY_SUBSCRIPTIONS')
    await client.ask('work.stop', { consumer })
    await client.ask('work.consume')
  })

  test('end with their connection', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    await client.ask('task.watch')
    await client.ask('work.consume', { queues: ['other'] })
    client.send('{"jsonrpc":"2.0","id":1,"method":"task.wait","params":{"ids":["a"],"timeoutMs":3600000}}\n')
    client.end()
    // A peer that ended its side may still read: its wait is answered, and then it is over.
    const { result } = await client.find('the answer to the wait', ({ id }) => id === 1)
    assert.equal(result.tasks[0].state, 'queued')
    await client.closed()
    const other = await server.connect()
    await other.ask('task.cancel', { ids: ['a'] })
    assert.deepEqual((await other.ask('worker.list')).workers, [])
  })
})

test('with too many requests under way the socket is not read, and nothing is lost', async (context) => {
  const server = await openWireServer(context, { limits: { requestsInFlightMax: 5 } })
  let release: (() => void) | undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const { engine } = server
  const inspect = engine.inspect.bind(engine)
  let underWay = 0
  let mostUnderWay = 0
  engine.inspect = async () => {
    mostUnderWay = Math.max(mostUnderWay, ++underWay)
    await gate
    underWay--
    return inspect()
  }
  const client = await server.connect()
  const count = 20_000
  for (let id = 0; id < count; id++) {
    client.send(`{"jsonrpc":"2.0","id":${id},"method":"queue.list"}${' '.repeat(1_000)}\n`)
  }
  // The kernel's buffers are full: the server has stopped reading.
  await client.until('bytes that cannot leave', () => client.socket.writableLength > 0)
  await isServed(server)
  assert.ok(client.socket.writableLength > 0)
  release!()
  await client.until('the replies', () => client.lines.length === count)
  assert.equal(client.socket.writableLength, 0)
  assert.equal(mostUnderWay, 5)
})

test('waits do not keep other requests from being read', async (context) => {
  const server = await openWireServer(context, { limits: { requestsInFlightMax: 5 } })
  const client = await server.connect()
  await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
  const waiting = Array.from({ length: 20 }, () => client.ask('task.wait', { ids: ['a'], timeoutMs: 60_000 }))
  await client.ask('task.cancel', { ids: ['a'] })
  for (const { tasks } of await Promise.all(waiting)) assert.equal(tasks[0].state, 'canceled')
})

describe('replies that would be too long', () => {
  const dataText = JSON.stringify('x'.repeat(1024 * 1024))
  const submissions = Array.from({ length: 100 }, (_, n) => submission(`t${n}`, { dataText }))

  test('are refused where all was asked for by name, and cut into pages where it was not', async (context) => {
    const server = await openWireServer(context)
    await server.engine.submit(submissions, 'disk')
    const client = await server.connect()
    const ids = submissions.map(({ id }) => id)
    assert.equal(await client.refusal('task.get', { ids, data: true }), 'INVALID_PARAMS')
    assert.equal((await client.ask('task.get', { ids })).tasks.length, 100)
    const page = await client.ask('task.list', { limit: 1_000, data: true })
    assert.equal(page.tasks.length, 64)
    const rest = await client.ask('task.list', { limit: 1_000, data: true, cursor: page.cursor })
    assert.deepEqual([rest.tasks.length, rest.cursor], [36, null])
  })
})

test('a flood of the smallest bad messages does not keep the loop for itself', async (context) => {
  const server = await openWireServer(context)
  const [flood, other] = [await server.connect(), await server.connect()]
  const count = 50_000
  flood.send('x\n'.repeat(count))
  // What it said before it ended its side is still heard.
  flood.end()
  await flood.until('the first answers', () => flood.lines.length > 0)
  for (let n = 0; n < 20; n++) await other.ask('task.get', { ids: [] })
  // Each packet holds some 32,000 of them: in one turn they would all have been answered before the first request of the other.
  assert.ok(flood.lines.length < 20_000, `${flood.lines.length} were answered first`)
  await flood.until('all answers', () => flood.lines.length === count)
})

describe('a peer that does not read', () => {
  test('is not read either, is closed when it stays like that, and no other notices', async (context) => {
    const server = await openWireServer(context, { limits: { outboxBytesMax: 100_000, slowReaderMs: 100 } })
    const client = await server.connect()
    await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a', data: 'x'.repeat(1_000_000) }] })
    client.socket.pause()
    for (let id = 0; id < 1_000; id++) {
      client.send(`{"jsonrpc":"2.0","id":${id},"method":"task.get","params":{"ids":["a"],"data":true}}\n`)
    }
    await eventually('the slow reader to be closed', () => cutOffs(server).length > 0)
    assert.deepEqual(cutOffs(server), [['warn', 'SLOW_READER']])
    await isServed(server)
  })

  test('holds the server to a few replies, however many it asked for', async (context) => {
    const server = await openWireServer(context, { limits: { outboxBytesMax: 1_000_000 } })
    const client = await server.connect()
    const { engine } = server
    let read = 0
    const get = engine.get.bind(engine)
    engine.get = (ids, options) => {
      read++
      return get(ids, options)
    }
    await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a', data: 'x'.repeat(1_000_000) }] })
    client.socket.pause()
    const count = 150
    const request = (id: number) =>
      `{"jsonrpc":"2.0","id":${id},"method":"task.get","params":{"ids":["a"],"data":true}}\n`
    client.send(Array.from({ length: count }, (_, id) => request(id)).join(''))
    await eventually('the first reads', () => read > 0)
    await isServed(server)
    // The kernel takes a few; the rest waits.
    assert.ok(read < count / 2, `${read} were read`)
    client.socket.resume()
    await client.until('all replies', () => client.lines.length === count)
  })

  test('does not hold the server to the answers of its waits', async (context) => {
    const server = await openWireServer(context, { limits: { outboxBytesMax: 10_000 } })
    const [client, worker] = [await server.connect(), await server.connect()]
    let read = 0
    const get = server.engine.get.bind(server.engine)
    server.engine.get = (ids, options) => {
      read++
      return get(ids, options)
    }
    const ids = Array.from({ length: 200 }, (_, n) => `t${n}`)
    await worker.ask('task.submit', { tasks: ids.map((id) => ({ id, type: 'a' })) })
    const request = (id: number) =>
      `{"jsonrpc":"2.0","id":${id},"method":"task.wait","params":{"ids":["t${id}"]}}\n`
    client.send(ids.map((_, n) => request(n)).join(''))
    client.socket.pause()
    await worker.ask('work.consume', { slots: 200 })
    const { deliveries } = await worker.notification('work.deliver')
    assert.equal(deliveries.length, 200)
    for (const { task, epoch } of deliveries) {
      const outcome = { id: task.id, epoch, kind: 'returned', value: 'x'.repeat(100_000) }
      await worker.ask('work.settle', { outcomes: [outcome] })
    }
    client.socket.resume()
    await client.until('all answers', () => client.lines.length === ids.length)
    // Their records were read again when the client did, rather than held until then.
    assert.ok(read > 50, `${read} were read again`)
  })

  test('loses events of its watches, and is told how many; the newest one arrives', async (context) => {
    const server = await openWireServer(context, { limits: { outboxBytesMax: 10_000 } })
    const client = await server.connect()
    const other = await server.connect()
    // Long names, so that the buffers of the kernel are full on both sides before the last event.
    const type = 'loud'.padEnd(128, '!')
    await client.ask('task.watch', { type })
    client.socket.pause()
    const rounds = 400
    for (let round = 0; round < rounds; round++) {
      const tasks = Array.from({ length: 100 }, (_, n) => ({
        id: `${round}-${n}`,
        type,
      }))
      await other.ask('task.submit', { tasks })
    }
    client.socket.resume()
    const events: { id: string; dropped?: number }[] = []
    await client.until('the last event', () => {
      events.push(...client.lines.splice(0).map((line) => JSON.parse(line).params))
      return events.at(-1)?.id === `${rounds - 1}-99`
    })
    const dropped = events.reduce((sum, event) => sum + (event.dropped ?? 0), 0)
    assert.equal(events.length + dropped, rounds * 100)
    assert.ok(dropped > 0)
  })

  test('gets no further tasks until it reads', async (context) => {
    const server = await openWireServer(context, { limits: { outboxBytesMax: 10_000 } })
    const worker = await server.connect()
    const other = await server.connect()
    const data = 'x'.repeat(100_000)
    await worker.ask('work.consume', { slots: 1_000 })
    worker.socket.pause()
    for (let round = 0; round < 40; round++) {
      await other.ask('task.submit', { tasks: Array.from({ length: 10 }, () => ({ type: 'a', data })) })
    }
    const { workers } = await other.ask('worker.list')
    assert.ok(workers[0].held < 400, `${workers[0].held} of 400 were handed out`)
    worker.socket.resume()
    let got = 0
    await worker.until('the rest', () => {
      for (const line of worker.lines.splice(0)) got += JSON.parse(line).params.deliveries.length
      return got === 400
    })
  })
})
