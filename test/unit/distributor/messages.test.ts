/** JSON-RPC as a conversation: pipelining, batches, notifications, and what is no message. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openWireServer } from '../../support/wire-server.ts'

const request = (id: unknown, method: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params })

test('requests may be pipelined; each is answered with its own id', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const ids = Array.from({ length: 500 }, (_, n) => (n % 2 === 0 ? n : `s${n}`))
  client.send(
    ids.map((id) => `${request(id, 'task.submit', { tasks: [{ id: `t${id}`, type: 'a' }] })}\n`).join(''),
  )
  const seen = new Map<unknown, string>()
  for (const _ of ids) {
    const { id, result } = await client.next()
    seen.set(id, result.receipts[0].id)
  }
  assert.deepEqual(seen, new Map(ids.map((id) => [id, `t${id}`])))
})

test('a reply does not wait for one that takes longer', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
  client.send(
    `${request('slow', 'task.wait', { ids: ['a'] })}\n${request('quick', 'task.get', { ids: ['a'] })}\n`,
  )
  assert.equal((await client.next()).id, 'quick')
  await client.ask('task.cancel', { ids: ['a'] })
  const { result } = await client.find('the wait', ({ id }) => id === 'slow')
  assert.equal(result.tasks[0].state, 'canceled')
})

test('what one connection asks is done in the order in which it asks', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  client.send(
    [
      request(1, 'task.submit', { tasks: [{ id: 'a', type: 'a' }] }),
      request(2, 'task.get', { ids: ['a'] }),
      request(3, 'task.cancel', { ids: ['a'] }),
      request(4, 'task.submit', { tasks: [{ id: 'b', type: 'a' }] }),
      request(5, 'task.get', { ids: ['a', 'b'] }),
      '',
    ].join('\n'),
  )
  const states: Record<number, unknown> = {}
  for (let n = 0; n < 5; n++) {
    const { id, result } = await client.next()
    states[id] = (result.tasks ?? result.receipts).map((task: { state: string }) => task.state)
  }
  assert.deepEqual(states, {
    1: ['queued'],
    2: ['queued'],
    3: ['canceled'],
    4: ['queued'],
    5: ['canceled', 'queued'],
  })
})

test('a request with id null is answered with id null, a notification is not answered', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const submit = { jsonrpc: '2.0', method: 'task.submit', params: { tasks: [{ id: 'a', type: 'a' }] } }
  client.send(`${JSON.stringify(submit)}\n${JSON.stringify({ jsonrpc: '2.0', method: 'no.such' })}\n`)
  client.send(`${request(null, 'task.get', { ids: ['a'] })}\n`)
  const reply = await client.next()
  assert.equal(reply.id, null)
  assert.equal(reply.result.tasks[0].id, 'a')
})

describe('batches', () => {
  test('are answered by one array, in any order, without the notifications', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const note = JSON.stringify({
      jsonrpc: '2.0',
      method: 'task.submit',
      params: { tasks: [{ id: 'n', type: 'a' }] },
    })
    client.send(
      `[${request(1, 'task.submit', { tasks: [{ id: 'a', type: 'a' }] })},${note},${request('x', 'no.such')},{"id":9},7,{"type":"bare"}]\n`,
    )
    const replies = await client.next()
    const byId = new Map(replies.map((reply: { id: unknown }) => [reply.id, reply]))
    assert.equal(replies.length, 5)
    assert.equal((byId.get(1) as { result: { receipts: { id: string }[] } }).result.receipts[0]?.id, 'a')
    const names = replies
      .filter((reply: { error?: object }) => reply.error !== undefined)
      .map(({ id, error }: { id: unknown; error: { data: { name: string } } }) => [id, error.data.name])
    assert.deepEqual(
      names.sort(),
      [
        ['x', 'METHOD_NOT_FOUND'],
        [9, 'INVALID_REQUEST'],
        [null, 'INVALID_REQUEST'],
        [null, 'INVALID_REQUEST'],
      ].sort(),
    )
    assert.equal((await client.ask('task.get', { ids: ['n'] })).tasks[0].id, 'n')
  })

  test('of notifications only have no reply, empty ones are refused', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    client.send('[{"jsonrpc":"2.0","method":"task.get","params":{"ids":[]}}]\n[]\n')
    const reply = await client.next()
    assert.deepEqual([reply.id, reply.error.data.name], [null, 'INVALID_REQUEST'])
    await client.ask('task.get', { ids: [] })
    assert.deepEqual(client.lines, [])
  })

  test('with more entries than allowed are refused whole', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    client.send(`[${Array(10_001).fill('1').join(',')}]\n`)
    const reply = await client.next()
    assert.deepEqual([reply.id, reply.error.data.name], [null, 'INVALID_REQUEST'])
  })
})

describe('what is no message', () => {
  test('is answered with a code, and the connection goes on', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('session.hello')
    const nameOf = async (line: string | Buffer) => {
      client.send(line)
      const { jsonrpc, id, error } = await client.next()
      assert.equal(jsonrpc, '2.0')
      return [id, error.data.name]
    }
    assert.deepEqual(await nameOf('{"jsonrpc":"2.0",\n'), [null, 'PARSE_ERROR'])
    assert.deepEqual(await nameOf('nonsense\n'), [null, 'PARSE_ERROR'])
    assert.deepEqual(await nameOf('42\n'), [null, 'INVALID_REQUEST'])
    assert.deepEqual(await nameOf('{"jsonrpc":"2.0","id":4}\n'), [4, 'INVALID_REQUEST'])
    assert.deepEqual(await nameOf(`${request(5, 'task.fly')}\n`), [5, 'METHOD_NOT_FOUND'])
    assert.deepEqual(await nameOf(`${request(6, 'constructor')}\n`), [6, 'METHOD_NOT_FOUND'])
    assert.deepEqual(await nameOf('{"jsonrpc":"2.0","id":7,"method":"task.get","params":[["a"]]}\n'), [
      7,
      'INVALID_PARAMS',
    ])
    assert.deepEqual(await nameOf(Buffer.from([0xff, 0xfe, 0x0a])), [null, 'NOT_UTF8'])
    const deep = '['.repeat(2_000_000)
    assert.deepEqual(await nameOf(`${deep}\n`), [null, 'TOO_DEEP'])
    assert.deepEqual(await nameOf(`${deep.slice(0, 500)}${']'.repeat(500)}\n`), [null, 'TOO_DEEP'])
    assert.deepEqual(
      await nameOf(
        `{"jsonrpc":"2.0","id":8,"method":"task.submit","params":{"tasks":[{"type":"a","data":${'['.repeat(500)}${']'.repeat(500)}}]}}\n`,
      ),
      [8, 'TOO_DEEP'],
    )
    assert.deepEqual((await client.ask('task.get', { ids: [] })).tasks, [])
  })

  test('a message without its newline at the end of the connection is said to be cut', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('session.hello')
    client.send(request(2, 'task.get', { ids: [] }))
    client.end()
    const { id, error } = await client.next()
    assert.deepEqual([id, error.data.name], [null, 'PARSE_ERROR'])
    await client.ended()
  })
})

test('wrong params are refused in a sentence that names the field', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const cases: readonly [string, object, string, string][] = [
    ['task.get', {}, 'ids', 'ids is missing'],
    ['task.get', { ids: 'a' }, 'ids', 'ids must be array'],
    ['task.get', { ids: ['a', 1] }, 'ids[1]', 'ids[1] must be string'],
    ['task.get', { ids: [], idz: 1 }, 'idz', 'idz is no parameter of task.get'],
    ['task.list', { limit: 0 }, 'limit', 'limit must be >= 1'],
    ['task.list', { state: 'done' }, 'state', 'state has a form that task.list does not take'],
    ['task.wait', { ids: [], timeoutMs: -1 }, 'timeoutMs', 'timeoutMs must be >= 0'],
    ['task.submit', { tasks: {} }, 'tasks', 'tasks must be an array of at most 10000 tasks'],
    ['task.submit', { tasks: [], durable: true }, 'durable', 'durable is no parameter of task.submit'],
    [
      'task.submit',
      { tasks: [], durability: 'memory' },
      'durability',
      'durability must be "disk" or "relaxed"',
    ],
    ['work.settle', { outcomes: [{ id: 'a' }] }, 'outcomes[0].epoch', 'outcomes[0].epoch must be an integer'],
    ['work.extend', { leases: [7] }, 'leases[0]', 'leases[0] must be an object'],
    ['work.extend', { leases: [], consumer: 7 }, 'consumer', 'consumer must be a string'],
    ['work.consume', { slots: 0 }, 'slots', 'slots must be >= 1'],
    [
      'work.consume',
      { slots: 4096, prefetch: 2 },
      'slots',
      'slots times prefetch must not be more than 4096',
    ],
    ['work.consume', { consumer: 'c99' }, 'consumer', 'consumer is none of this connection'],
    ['task.retry', {}, 'ids', 'ids or filter: give exactly one of the two'],
    ['queue.list', { x: 1 }, 'x', 'x is no parameter of queue.list'],
  ]
  for (const [method, params, field, message] of cases) {
    const { error } = await client.call(method, params)
    assert.deepEqual(
      [error.code, error.message, error.data],
      [-32602, message, { name: 'INVALID_PARAMS', retryable: false, details: { field } }],
    )
  }
})

test('unknown fields of session and work params are ignored', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('session.hello', { future: 1, client: { name: 'x', colour: 'red' } })
  await client.ask('work.consume', { future: 1 })
  await client.ask('work.settle', { outcomes: [], future: 1 })
})

test('a bug in the engine is INTERNAL for the peer, and its details are in the log only', async (context) => {
  const { openMemoryEngine } = await import('../../../src/engine/memory/memory-engine.ts')
  const engine = openMemoryEngine()
  const server = await openWireServer(context, {
    engine: Object.assign(Object.create(engine), {
      inspect: () => engine.inspect(),
      cancel: async () => {
        throw new TypeError('secret of the house')
      },
      log: () => {
        throw new TypeError('thrown at once')
      },
    }),
  })
  const client = await server.connect()
  for (const [method, params] of [
    ['task.cancel', { ids: ['a'] }],
    ['task.log', { id: 'a' }],
  ] as const) {
    const { error } = await client.call(method, params)
    assert.equal(error.data.name, 'INTERNAL')
    assert.ok(!JSON.stringify(error).includes('secret'))
  }
  const bugs = server.logged.filter(({ event }) => event === 'session.bug')
  assert.deepEqual(
    bugs.map(({ level, method }) => [level, method]),
    [
      ['error', 'task.cancel'],
      ['error', 'task.log'],
    ],
  )
  assert.match(JSON.stringify(bugs[0]), /secret of the house/)
  await engine.close()
})
