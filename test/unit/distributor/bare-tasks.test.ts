/** The seed's clients, as they are: one JSON object over a TCP socket, and a line in answer. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openWireServer } from '../../support/wire-server.ts'

const confirmation = (id: string, over: object = {}) => ({
  status: 'ok',
  message: `Tarea ${id} recibida y encolada`,
  payload: { id, state: 'queued', durability: 'memory', duplicate: false, ...over },
})

for (const [what, end] of [
  ['without a newline', ''],
  ['with a newline', '\n'],
  ['with a carriage return and a newline', '\r\n'],
] as const) {
  test(`a task ${what} is confirmed while the connection stays open`, async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    client.send(`{"id":"a","type":"sumar","data":[5,7]}${end}`)
    assert.deepEqual(await client.next(), confirmation('a'))
    client.send(`{"id":"b","type":"sumar","data":[5,7]}${end}`)
    assert.deepEqual(await client.next(), confirmation('b'))
    const [record] = await server.engine.get(['a'], { data: true })
    assert.equal(record?.dataText, '[5,7]')
  })
}

test('byte by byte, each in a packet of its own', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  for (const byte of Buffer.from('{"id":"ñ","type":"sumar","data":"}\\"{"}')) {
    client.send(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(await client.next(), confirmation('ñ'))
})

test('many tasks in one packet, with and without anything between them', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const tasks = Array.from({ length: 50 }, (_, n) => `{"id":${n},"type":"sumar"}`)
  client.send(tasks.map((task, n) => task + ['', '\n', ' ', '\r\n'][n % 4]).join(''))
  for (let n = 0; n < tasks.length; n++) assert.deepEqual(await client.next(), confirmation(String(n)))
})

test('numeric ids become strings, a missing one is made by the server', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  client.send('{"id":7,"type":"sumar"}{"type":"sumar"}')
  assert.deepEqual(await client.next(), confirmation('7'))
  const { payload } = await client.next()
  assert.match(payload.id, /^[0-9a-f-]{36}$/)
  assert.deepEqual(
    (await server.engine.get([payload.id])).map((record) => record?.type),
    ['sumar'],
  )
})

test('a task that comes twice is confirmed twice and exists once; with other content it is refused', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  client.send(
    '{"id":7,"type":"sumar","data":[1]}{"id":7,"type":"sumar","data":[1]}{"id":7,"type":"sumar","data":[2]}',
  )
  assert.deepEqual(await client.next(), confirmation('7'))
  assert.deepEqual(await client.next(), confirmation('7', { duplicate: true }))
  const { status, payload } = await client.next()
  assert.equal(status, 'error')
  assert.deepEqual(payload, { code: 'ID_CONFLICT', retryable: false, id: '7' })
})

test('one connection a task, the client ending its side after it', async (context) => {
  const server = await openWireServer(context)
  for (let n = 0; n < 20; n++) {
    const client = await server.connect()
    client.send(`{"id":${n},"type":"sumar"}`)
    client.end()
    assert.deepEqual(await client.next(), confirmation(String(n)))
    await client.ended()
  }
})

test('thousands of tasks in one go, the client ending its side after them', async (context) => {
  const server = await openWireServer(context, { limits: { requestsInFlightMax: 100 } })
  const client = await server.connect()
  const count = 10_000
  client.send(Array.from({ length: count }, (_, n) => `{"id":${n},"type":"sumar"}`).join(''))
  client.end()
  await client.ended()
  assert.equal(client.lines.length, count)
  for (const line of client.lines) assert.equal(JSON.parse(line).status, 'ok')
})

test('a hundred clients at once', async (context) => {
  const server = await openWireServer(context)
  const clients = await Promise.all(Array.from({ length: 100 }, () => server.connect()))
  await Promise.all(
    clients.map(async (client, n) => {
      for (let k = 0; k < 5; k++) {
        client.send(`{"id":"${n}-${k}","type":"sumar"}`)
        assert.deepEqual(await client.next(), confirmation(`${n}-${k}`))
      }
    }),
  )
  assert.equal(server.distributor.connections, 100)
  const { queues } = await server.engine.inspect()
  assert.equal(queues[0]?.queued, 500)
})

test('pretty-printed JSON', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  client.send(JSON.stringify({ id: 'a', type: 'sumar', data: { x: ['\n', { y: 1 }] } }, null, 2))
  assert.deepEqual(await client.next(), confirmation('a'))
  client.send(`${JSON.stringify({ id: 'b', type: 'sumar' }, null, 4)}\n`)
  assert.deepEqual(await client.next(), confirmation('b'))
})

test('the fields of a submitted task count, others are ignored', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  client.send('{"id":1,"type":"sumar","queue":"alta","priority":9,"delayMs":60000,"cliente":"web"}')
  assert.deepEqual(await client.next(), confirmation('1', { state: 'scheduled' }))
  const [record] = await server.engine.get(['1'])
  assert.deepEqual([record?.queue, record?.priority], ['alta', 9])
})

describe('bad bare tasks', () => {
  test('are answered in their own form, and the connection goes on', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const codeOf = async (text: string) => {
      client.send(text)
      const { status, message, payload } = await client.next()
      assert.equal(status, 'error')
      assert.equal(typeof message, 'string')
      return payload.code
    }
    client.send('{"id":1,"type":"sumar"}')
    assert.deepEqual(await client.next(), confirmation('1'))
    assert.equal(await codeOf('{"type":5}'), 'INVALID_PARAMS')
    assert.equal(await codeOf('{"type":"sumar","priority":10}'), 'INVALID_PARAMS')
    assert.equal(await codeOf('{"type":"sumar","id":12345678901234567890}'), 'INVALID_PARAMS')
    assert.equal(await codeOf('{"type":"sumar","dependsOn":["a"]}'), 'NOT_SUPPORTED')
    assert.equal(await codeOf('{"type":"sumar",}'), 'PARSE_ERROR')
    assert.equal(await codeOf('sumar 5 7\n'), 'PARSE_ERROR')
    assert.equal(await codeOf('{"tipo":"sumar"}'), 'INVALID_REQUEST')
    assert.equal(await codeOf(`{"type":"a","data":${'['.repeat(200)}${']'.repeat(200)}}`), 'TOO_DEEP')
    client.send('{"id":2,"type":"sumar"}')
    assert.deepEqual(await client.next(), confirmation('2'))
  })

  test('before anyone knows what the connection speaks, the answer is understood by both', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    client.send('hola\n')
    const reply = await client.next()
    assert.deepEqual([reply.jsonrpc, reply.id, reply.error.code], ['2.0', null, -32700])
    assert.deepEqual([reply.status, reply.payload.code], ['error', 'PARSE_ERROR'])
    assert.equal(reply.message, reply.error.message)
  })
})

test('bare tasks and JSON-RPC on one connection', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  client.send('{"id":1,"type":"sumar"}')
  assert.deepEqual(await client.next(), confirmation('1'))
  assert.equal((await client.ask('task.get', { ids: ['1'] })).tasks[0].state, 'queued')
  client.send('{"id":2,"type":"sumar"}\n')
  assert.deepEqual(await client.next(), confirmation('2'))
})
