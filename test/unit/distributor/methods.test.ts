/** Every method does what it says, over a socket, and answers in the form that its schema says. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Compile } from 'typebox/compile'
import type { AuditEntry } from '../../../src/distributor/access/audit.ts'
import { METHODS, NOTIFICATIONS } from '../../../src/wire/protocol.ts'
import { issue } from '../../support/tokens.ts'
import type { WireClient } from '../../support/wire-client.ts'
import { openWireServer } from '../../support/wire-server.ts'

type Method = keyof typeof METHODS
const called = new Set<string>()

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
async function ask(client: WireClient, method: Method, params: object = {}): Promise<any> {
  const result = await client.ask(method, params)
  assert.deepEqual(Compile(METHODS[method].result).Errors(result), [], method)
  called.add(method)
  return result
}

async function notified(client: WireClient, method: keyof typeof NOTIFICATIONS) {
  const params = await client.notification(method)
  assert.deepEqual(Compile(NOTIFICATIONS[method].params).Errors(params), [], method)
  called.add(method)
  return params
}

after(() => {
  assert.deepEqual([...called].sort(), [...Object.keys(METHODS), ...Object.keys(NOTIFICATIONS)].sort())
})

test('session.hello tells version and limits, and may come at any time or never', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const hello = await ask(client, 'session.hello', { client: 'test', role: 'client', token: 'x' })
  assert.deepEqual(hello, {
    server: { name: 'chasqui', version: '1.2.3' },
    protocol: 1,
    session: 's1',
    identity: 'anonymous',
    limits: {
      frameBytes: 4_194_304,
      jsonDepth: 128,
      batchEntries: 10_000,
      requestsInFlight: 10_000,
      waits: 100_000,
      watches: 1_000,
      waitMs: 3_600_000,
    },
    engine: 'memory',
    durability: 'memory',
  })
})

test('session.ping says whether to send more, and where one is seen', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  assert.deepEqual(await ask(client, 'session.ping'), { ready: true, peer: '127.0.0.1' })
})

test('rpc.discover is an OpenRPC document of all methods', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const document = await ask(client, 'rpc.discover')
  assert.equal(document.info.version, '1.2.3')
  assert.deepEqual(
    document.methods.map(({ name }: { name: string }) => name).sort(),
    Object.keys(METHODS).sort(),
  )
  const get = document.methods.find(({ name }: { name: string }) => name === 'task.get')
  assert.equal(get.paramStructure, 'by-name')
  assert.deepEqual(
    get.params.map(({ name, required }: { name: string; required: boolean }) => [name, required]),
    [
      ['ids', true],
      ['data', false],
    ],
  )
  assert.ok(get.errors.every(({ code }: { code: unknown }) => Number.isInteger(code)))
})

describe('task.submit', () => {
  test('answers each task in the order asked; a refused one does not hurt the others', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const { receipts } = await ask(client, 'task.submit', {
      tasks: [
        { id: 'a', type: 'sumar', data: [1] },
        { id: 'b', type: 'sumar', proirity: 3 },
        { id: 'a', type: 'sumar', data: [2] },
        { id: 'c', type: 'sumar', delayMs: 60_000 },
        'x',
      ],
    })
    assert.deepEqual(receipts[0], { id: 'a', state: 'queued', duplicate: false, durability: 'memory' })
    assert.deepEqual(receipts[1], {
      id: 'b',
      error: {
        code: -32602,
        name: 'INVALID_PARAMS',
        message: 'tasks[1]: proirity is no field of a task',
        retryable: false,
      },
    })
    assert.equal(receipts[2].error.name, 'ID_CONFLICT')
    assert.equal(receipts[3].state, 'scheduled')
    assert.deepEqual([receipts[4].id, receipts[4].error.name], [null, 'INVALID_PARAMS'])
  })

  test('is an error when every task was refused', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    for (const [task, name] of [
      [{ id: 'a', type: 'b' }, 'ID_CONFLICT'],
      [{ id: 'b', type: 'b', dependsOn: ['a'] }, 'NOT_SUPPORTED'],
      [{ id: 'c' }, 'INVALID_PARAMS'],
    ] as const) {
      const { error } = await client.call('task.submit', { tasks: [task] })
      assert.equal(error.data.name, name)
      assert.deepEqual(
        error.data.details.receipts.map((receipt: { id: string; error: { name: string } }) => [
          receipt.id,
          receipt.error.name,
        ]),
        [[task.id, name]],
      )
    }
  })

  test('repeated ids and dedupe keys are answered with the task that is there', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const task = { id: 'a', type: 'a', dedupeKey: 'k' }
    await ask(client, 'task.submit', { tasks: [task], durability: 'relaxed' })
    const { receipts } = await ask(client, 'task.submit', { tasks: [task, { ...task, id: 'b' }] })
    assert.deepEqual(
      receipts.map(({ id, duplicate }: { id: string; duplicate: boolean }) => [id, duplicate]),
      [
        ['a', true],
        ['a', true],
      ],
    )
  })

  test('two submits of one turn with the same id: the engine sees both', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const line = (id: number, data: number) =>
      `${JSON.stringify({ jsonrpc: '2.0', id, method: 'task.submit', params: { tasks: [{ id: 'a', type: 'a', data }] } })}\n`
    client.send(line(1, 5) + line(2, 5) + line(3, 6))
    assert.equal((await client.next()).result.receipts[0].duplicate, false)
    assert.equal((await client.next()).result.receipts[0].duplicate, true)
    assert.equal((await client.next()).error.data.name, 'ID_CONFLICT')
  })
})

describe('task.get', () => {
  test('answers in the order asked, null for unknown, data only where asked for', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('task.submit', {
      tasks: [{ id: 'a', type: 'a', data: { x: 'ñ' }, key: 'k', metadata: { m: 'n' } }],
    })
    const { tasks } = await ask(client, 'task.get', { ids: ['b', 'a', ''] })
    const { createdAt, runAt, ...rest } = tasks[1]
    assert.equal(createdAt, runAt)
    assert.deepEqual(
      [tasks[0], rest, tasks[2]],
      [
        null,
        {
          id: 'a',
          type: 'a',
          queue: 'default',
          state: 'queued',
          priority: 4,
          attempt: 0,
          maxAttempts: 5,
          crashes: 0,
          key: 'k',
          metadata: { m: 'n' },
        },
        null,
      ],
    )
    assert.deepEqual((await ask(client, 'task.get', { ids: ['a'], data: true })).tasks[0].data, { x: 'ñ' })
  })

  test('thousands of ids at once', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const ids = Array.from({ length: 1_000 }, (_, n) => `t${n}`)
    await client.ask('task.submit', { tasks: ids.map((id) => ({ id, type: 'a' })) })
    const asked = ids.flatMap((id) => [id, `no ${id}`]).reverse()
    const { tasks } = await ask(client, 'task.get', { ids: asked })
    assert.deepEqual(
      tasks.map((task: { id: string } | null) => task?.id ?? null),
      asked.map((id) => (id.startsWith('no') ? null : id)),
    )
  })
})

test('task.list pages through what matches, newest first', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const tasks = Array.from({ length: 250 }, (_, n) => ({
    id: `t${n}`,
    type: n % 2 === 0 ? 'even' : 'odd',
    queue: n < 200 ? 'low' : 'high',
  }))
  await client.ask('task.submit', { tasks })
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const page: { tasks: { id: string }[]; cursor: string | null } = await ask(client, 'task.list', {
      limit: 90,
      type: 'even',
      queue: ['low', 'high'],
      state: ['queued', 'running'],
      cursor,
    })
    assert.ok(page.tasks.length <= 90)
    seen.push(...page.tasks.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor !== null)
  const expected = tasks.filter(({ type }) => type === 'even').map(({ id }) => id)
  assert.deepEqual(seen, expected.reverse())
  const all = await ask(client, 'task.list', { limit: 1_000, data: true })
  assert.equal(all.tasks.length, 250)
  assert.equal(all.tasks[0].data, null)
  assert.equal(await client.refusal('task.list', { cursor: 'no cursor' }), 'INVALID_PARAMS')
})

describe('task.wait', () => {
  test('answers at once for what is final or unknown, and otherwise when it becomes final', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('task.submit', {
      tasks: [
        { id: 'a', type: 'a' },
        { id: 'b', type: 'a' },
      ],
    })
    await client.ask('task.cancel', { ids: ['a'] })
    const { tasks } = await ask(client, 'task.wait', { ids: ['a', 'nobody'], timeoutMs: 60_000 })
    assert.deepEqual([tasks[0].state, tasks[1]], ['canceled', null])
    const waiting = ask(client, 'task.wait', { ids: ['a', 'b'], timeoutMs: 60_000 })
    await client.ask('task.cancel', { ids: ['b'] })
    assert.equal((await waiting).tasks[1].state, 'canceled')
  })

  test('answers at the deadline with the states reached', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    assert.equal((await ask(client, 'task.wait', { ids: ['a'], timeoutMs: 20 })).tasks[0].state, 'queued')
    assert.equal((await ask(client, 'task.wait', { ids: ['a'], timeoutMs: 0 })).tasks[0].state, 'queued')
    assert.deepEqual((await ask(client, 'task.wait', { ids: [] })).tasks, [])
  })

  test('for hundreds of tasks', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const ids = Array.from({ length: 300 }, (_, n) => `t${n}`)
    await client.ask('task.submit', { tasks: ids.map((id) => ({ id, type: 'a' })) })
    const waiting = ask(client, 'task.wait', { ids, timeoutMs: 60_000 })
    await client.ask('task.cancel', { ids: ids.slice(100) })
    await client.ask('task.cancel', { ids: ids.slice(0, 100) })
    const { tasks } = await waiting
    assert.deepEqual(
      tasks.map(({ id, state }: { id: string; state: string }) => [id, state]),
      ids.map((id) => [id, 'canceled']),
    )
  })
})

describe('task.watch', () => {
  test('tells what happens to matching tasks until task.unwatch', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const { watch } = await ask(client, 'task.watch', { type: ['a', 'b'], queue: 'default' })
    assert.equal(watch, 'w1')
    await client.ask('task.submit', {
      tasks: [
        { id: 'x', type: 'c' },
        { id: 'a', type: 'a' },
      ],
    })
    const event = await notified(client, 'task.event')
    assert.deepEqual([event.watch, event.id, event.state, event.attempt], ['w1', 'a', 'queued', 0])
    await ask(client, 'task.unwatch', { watch })
    await ask(client, 'task.unwatch', { watch })
    await client.ask('task.cancel', { ids: ['a'] })
    assert.deepEqual(client.lines, [])
  })

  test('by id, with progress and log lines', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    await client.ask('task.watch', { ids: ['a'] })
    await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    await client.ask('work.consume')
    const { deliveries } = await client.notification('work.deliver')
    const { epoch } = deliveries[0]
    await client.ask('work.progress', { id: 'a', epoch, done: 1, total: 2, note: 'half' })
    await client.ask('work.log', { id: 'a', epoch, lines: ['one', { level: 'warn', text: 'two' }] })
    const states = []
    for (let n = 0; n < 4; n++) {
      const { state, progress, lines } = await notified(client, 'task.event')
      states.push([
        state,
        progress,
        lines?.map(({ level, text }: { level: string; text: string }) => [level, text]),
      ])
    }
    assert.deepEqual(states, [
      ['queued', undefined, undefined],
      ['running', undefined, undefined],
      ['running', { done: 1, total: 2, note: 'half' }, undefined],
      [
        'running',
        undefined,
        [
          ['info', 'one'],
          ['warn', 'two'],
        ],
      ],
    ])
  })
})

test('task.cancel answers with the state really reached', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
  assert.deepEqual((await ask(client, 'task.cancel', { ids: ['a', 'a', 'b'] })).tasks, [
    { id: 'a', state: 'canceled', changed: true },
    { id: 'a', state: 'canceled', changed: false },
    null,
  ])
})

test('task.retry by id and by filter', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.submit', {
    tasks: [
      { id: 'a', type: 'a' },
      { id: 'b', type: 'b', maxAttempts: 1 },
    ],
  })
  await client.ask('task.cancel', { ids: ['a'] })
  assert.deepEqual(await ask(client, 'task.retry', { ids: ['a', 'nobody'] }), {
    tasks: [{ id: 'a', state: 'queued', changed: true }, null],
    more: false,
  })
  await client.ask('work.consume', { types: ['b'] })
  const { deliveries } = await client.notification('work.deliver')
  await client.ask('work.settle', {
    outcomes: [{ id: 'b', epoch: deliveries[0].epoch, kind: 'threw', error: { message: 'no' } }],
  })
  assert.deepEqual(await ask(client, 'task.retry', { filter: { type: 'b', queue: 'default' } }), {
    tasks: [{ id: 'b', state: 'queued', changed: true }],
    more: false,
  })
  assert.deepEqual(await ask(client, 'task.retry', { filter: {} }), { tasks: [], more: false })
})

describe('a worker', () => {
  test('consumes, renews, reports, settles', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    const worker = await server.connect()
    await worker.ask('session.hello', {
      client: { name: 'w', worker: { id: 'w1', pid: 42, host: 'here', x: 1 } },
    })
    const { consumer, leaseMs } = await ask(worker, 'work.consume', {
      queues: ['default', 'q'],
      slots: 2,
      prefetch: 1,
    })
    assert.equal(leaseMs, 10_000)
    await client.ask('task.submit', {
      tasks: [
        {
          id: 'a',
          type: 'sumar',
          data: [5, 7],
          metadata: { m: 'n' },
          key: 'k',
          timeoutMs: 1_000,
          queue: 'q',
          priority: 9,
        },
        { id: 'b', type: 'sumar' },
      ],
    })
    const deliver = await notified(worker, 'work.deliver')
    assert.deepEqual(deliver, {
      consumer,
      deliveries: [
        {
          task: {
            id: 'a',
            type: 'sumar',
            data: [5, 7],
            queue: 'q',
            priority: 9,
            metadata: { m: 'n' },
            key: 'k',
            timeoutMs: 1_000,
            maxAttempts: 5,
          },
          attempt: 1,
          epoch: 1,
          leaseMs: 10_000,
        },
        {
          task: {
            id: 'b',
            type: 'sumar',
            data: null,
            queue: 'default',
            priority: 4,
            metadata: {},
            maxAttempts: 5,
          },
          attempt: 1,
          epoch: 2,
          leaseMs: 10_000,
        },
      ],
    })
    const leases = [
      { id: 'a', epoch: 1 },
      { id: 'b', epoch: 9 },
    ]
    assert.deepEqual((await ask(worker, 'work.extend', { leases, consumer })).extended, [
      { id: 'a', accepted: true },
      { id: 'b', accepted: false },
    ])
    assert.deepEqual(await ask(worker, 'work.progress', { id: 'a', epoch: 1, done: 3 }), { accepted: true })
    assert.deepEqual(await ask(worker, 'work.log', { id: 'a', epoch: 1, lines: ['hola'] }), {
      accepted: true,
    })
    const running = (await client.ask('task.get', { ids: ['a'] })).tasks[0]
    assert.deepEqual(running.worker, { id: 'w1', pid: 42, host: 'here' })
    assert.deepEqual(running.progress, { done: 3 })
    const waiting = client.ask('task.wait', { ids: ['a', 'b'] })
    assert.deepEqual(
      await ask(worker, 'work.settle', {
        outcomes: [
          { id: 'a', epoch: 1, kind: 'returned', value: 12 },
          {
            id: 'b',
            epoch: 2,
            kind: 'threw',
            error: { name: 'TypeError', message: 'no list', retryable: false },
          },
          { id: 'c', epoch: 1, kind: 'returned' },
        ],
      }),
      {
        settled: [
          { id: 'a', accepted: true, state: 'succeeded' },
          { id: 'b', accepted: true, state: 'failed' },
          { id: 'c', accepted: false, state: null },
        ],
      },
    )
    const [a, b] = (await waiting).tasks
    assert.deepEqual([a.result, b.error], [12, { name: 'TypeError', message: 'no list' }])
    const { lines } = await ask(client, 'task.log', { id: 'a' })
    assert.deepEqual(
      [lines[0].number, lines[0].attempt, lines[0].level, lines[0].text],
      [1, 1, 'info', 'hola'],
    )
    assert.deepEqual((await ask(client, 'task.log', { id: 'a', after: 1 })).lines, [])
  })

  test('gives back, changes its credit, stops', async (context) => {
    const server = await openWireServer(context)
    const worker = await server.connect()
    await worker.ask('task.submit', {
      tasks: [
        { id: 'a', type: 'a' },
        { id: 'b', type: 'a' },
        { id: 'c', type: 'a' },
      ],
    })
    const { consumer } = await worker.ask('work.consume')
    const first = await worker.notification('work.deliver')
    assert.equal(first.deliveries.length, 1)
    assert.deepEqual(await ask(worker, 'work.consume', { consumer, slots: 2 }), { consumer, leaseMs: 10_000 })
    const second = await worker.notification('work.deliver')
    assert.deepEqual(
      second.deliveries.map(({ task }: { task: { id: string } }) => task.id),
      ['b'],
    )
    assert.deepEqual(await ask(worker, 'work.stop', { consumer }), {})
    assert.deepEqual(await ask(worker, 'work.stop', { consumer }), {})
    const { released } = await ask(worker, 'work.release', {
      leases: [
        { id: 'a', epoch: first.deliveries[0].epoch },
        { id: 'b', epoch: 99 },
      ],
    })
    assert.deepEqual(released, [
      { id: 'a', accepted: true },
      { id: 'b', accepted: false },
    ])
    const { tasks } = await worker.ask('task.get', { ids: ['a', 'b', 'c'] })
    assert.deepEqual(
      tasks.map(({ state, attempt }: { state: string; attempt: number }) => [state, attempt]),
      [
        ['queued', 0],
        ['running', 1],
        ['queued', 0],
      ],
    )
    assert.deepEqual(worker.lines, [])
  })

  test('gets payloads as text where it asks for that', async (context) => {
    const server = await openWireServer(context)
    const worker = await server.connect()
    await worker.ask('work.consume', { payload: 'text' })
    await worker.ask('task.submit', { tasks: [{ id: 'a', type: 'a', data: { x: ['"'] } }] })
    const { task } = (await notified(worker, 'work.deliver')).deliveries[0]
    assert.equal(task.dataText, '{"x":["\\""]}')
    assert.ok(!('data' in task))
  })

  test('is told when a task in its hands is cancelled', async (context) => {
    const server = await openWireServer(context)
    const worker = await server.connect()
    const { consumer } = await worker.ask('work.consume')
    await worker.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    const { epoch } = (await worker.notification('work.deliver')).deliveries[0]
    await worker.ask('task.cancel', { ids: ['a'] })
    assert.deepEqual(await notified(worker, 'work.revoke'), { consumer, leases: [{ id: 'a', epoch }] })
    const outcome = { id: 'a', epoch, kind: 'returned', value: 1 }
    assert.deepEqual((await worker.ask('work.settle', { outcomes: [outcome] })).settled, [
      { id: 'a', accepted: false, state: 'canceled' },
    ])
  })

  test('that leaves loses its tasks after the time of grace, to another one', async (context) => {
    const server = await openWireServer(context, { memory: { reconnectGraceMs: 20 } })
    const [first, second] = [await server.connect(), await server.connect()]
    await first.ask('work.consume')
    await first.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    const { epoch } = (await first.notification('work.deliver')).deliveries[0]
    first.destroy()
    await second.ask('work.consume')
    const [delivery] = (await second.notification('work.deliver')).deliveries
    assert.equal(delivery.task.id, 'a')
    assert.ok(delivery.epoch > epoch)
    assert.equal((await second.ask('task.get', { ids: ['a'] })).tasks[0].crashes, 1)
    assert.ok(server.logged.some(({ event }) => event === 'consumer.lost'))
  })

  test('that comes back in time goes on with its tasks', async (context) => {
    const server = await openWireServer(context)
    const first = await server.connect()
    await first.ask('work.consume')
    await first.ask('task.submit', { tasks: [{ id: 'a', type: 'a' }] })
    const { epoch } = (await first.notification('work.deliver')).deliveries[0]
    first.destroy()
    const again = await server.connect()
    const { consumer } = await again.ask('work.consume')
    assert.deepEqual((await again.ask('work.extend', { leases: [{ id: 'a', epoch }], consumer })).extended, [
      { id: 'a', accepted: true },
    ])
    const outcome = { id: 'a', epoch, kind: 'returned', value: 1 }
    assert.equal((await again.ask('work.settle', { outcomes: [outcome] })).settled[0].accepted, true)
  })
})

test('queue.list, worker.list and system.stats show what is there', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.submit', {
    tasks: [{ type: 'a' }, { type: 'a', delayMs: 60_000 }, { type: 'a', queue: 'q' }],
  })
  const { queues } = await ask(client, 'queue.list')
  assert.deepEqual(
    queues.map(({ queue, queued, scheduled }: Record<string, unknown>) => [queue, queued, scheduled]).sort(),
    [
      ['default', 1, 1],
      ['q', 1, 0],
    ],
  )
  const { consumer } = await client.ask('work.consume', {
    queues: ['q'],
    types: ['b'],
    slots: 3,
    prefetch: 2,
  })
  const { workers } = await ask(client, 'worker.list')
  assert.deepEqual(
    workers.map(({ connectedAt: _, ...rest }: { connectedAt: string }) => rest),
    [
      {
        consumer,
        worker: { id: 's1', pid: 0, host: '127.0.0.1' },
        queues: ['q'],
        types: ['b'],
        slots: 3,
        prefetch: 2,
        held: 0,
        delivered: 0,
        settled: 0,
      },
    ],
  )
  const stats = await ask(client, 'system.stats')
  assert.deepEqual([stats.engine, stats.server.connections, stats.server.pid], ['memory', 1, process.pid])
  assert.deepEqual(stats.queues, queues)
})

test('task.explain says why a task is not running, and null of an unknown one', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.submit', { tasks: [{ id: 'a', type: 'x', delayMs: 60_000 }] })
  const { explanation } = await ask(client, 'task.explain', { id: 'a' })
  assert.deepEqual([explanation.state, explanation.reasons[0].kind], ['scheduled', 'not-due'])
  assert.ok(Date.parse(explanation.reasons[0].until) > Date.now())
  await client.ask('work.consume', { queues: ['default'] })
  await client.ask('task.submit', { tasks: [{ id: 'b', type: 'x' }] })
  await client.notification('work.deliver')
  const [running] = (await ask(client, 'task.explain', { id: 'b' })).explanation.reasons
  assert.deepEqual(
    [running.kind, running.isConnected, typeof running.leaseUntil],
    ['running', true, 'string'],
  )
  assert.deepEqual(await ask(client, 'task.explain', { id: 'nobody' }), { explanation: null })
})

test('queue.pause, drain, resume, define and purge steer a queue', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const queue = 'mail'
  assert.equal((await ask(client, 'queue.pause', { queue })).settings.mode, 'paused')
  await client.ask('work.consume', { queues: [queue] })
  await client.ask('task.submit', { tasks: [{ id: 'a', type: 'x', queue }] })
  const { queues } = await ask(client, 'queue.list')
  assert.deepEqual([queues[0].settings.mode, queues[0].queued], ['paused', 1])
  const defaults = { backoff: [1_000, 2_000], maxAttempts: 2 }
  const { settings } = await ask(client, 'queue.define', { queue, defaults, tasksMax: 1 })
  assert.deepEqual(settings.defaults, {
    backoff: { kind: 'list', delaysMs: [1_000, 2_000] },
    maxAttempts: 2,
  })
  const full = await client.call('task.submit', { tasks: [{ type: 'x', queue }] })
  assert.deepEqual([full.error.data.name, full.error.code], ['QUEUE_FULL', -32005])
  assert.deepEqual(await ask(client, 'queue.purge', { queue, cursor: null }), { purged: 1, cursor: null })
  assert.equal((await ask(client, 'queue.drain', { queue })).settings.mode, 'draining')
  const refused = await client.call('task.submit', { tasks: [{ type: 'x', queue }] })
  assert.deepEqual([refused.error.data.name, refused.error.code], ['QUEUE_DRAINING', -32006])
  assert.equal((await ask(client, 'queue.resume', { queue })).settings.mode, 'open')
  const removed = await ask(client, 'queue.define', { queue, defaults: { backoff: null }, tasksMax: null })
  assert.deepEqual([removed.settings.defaults, removed.settings.tasksMax], [{ maxAttempts: 2 }, null])
  const wrong = await client.call('queue.define', { queue, tasksMax: -1 })
  assert.equal(wrong.error.data.name, 'INVALID_PARAMS')
})

test('who has admin on some queues steers those, and what he did is written down', async (context) => {
  const { tokens, access } = issue({ chief: { grants: [{ rights: ['admin'], queues: ['a-*'] }] } })
  const audited: AuditEntry[] = []
  const server = await openWireServer(context, {
    access,
    audit: { record: (entry) => void audited.push(entry) },
  })
  const client = await server.connect()
  await client.ask('session.hello', { token: tokens.chief })
  await client.ask('queue.define', { queue: 'a-mail', tasksMax: 5 })
  assert.equal((await client.call('queue.pause', { queue: 'b-mail' })).error.data.name, 'FORBIDDEN')
  assert.deepEqual(
    audited.map(({ result, act, queue, details }) => [result, act, queue, details]),
    [
      ['allowed', 'queue.define', 'a-mail', { change: { tasksMax: 5 } }],
      ['refused', 'queue.pause', undefined, undefined],
    ],
  )
})

test('cron.* keep schedules, tell their next ticks, and know unknown ones', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const yearly = {
    name: 'a',
    expression: '0 0 1 1 *',
    timezone: 'Asia/Tokyo',
    task: { type: 'sumar', data: [1, 2] },
  }
  const put = await ask(client, 'cron.put', yearly)
  assert.deepEqual([put.created, put.changed], [true, true])
  assert.match(put.next, /^\d{4}-12-31T15:00:00\.000Z$/)
  assert.equal((await ask(client, 'cron.put', yearly)).changed, false)
  const every = {
    name: 'b',
    every: 3_600_000,
    anchor: '2026-01-01T00:30:00Z',
    task: { type: 'b', ttlMs: 5_000 },
  }
  await ask(client, 'cron.put', { ...every, overlap: 'replace', catchUp: 'none', owner: 'me' })
  const { schedules, cursor } = await ask(client, 'cron.list', { next: 3 })
  assert.equal(cursor, null)
  const [a, b] = schedules
  assert.deepEqual(
    [a.expression, a.timezone, a.task, a.overlap, a.catchUp, a.next.length],
    ['0 0 1 1 *', 'Asia/Tokyo', { type: 'sumar', data: [1, 2] }, 'skip', 'last', 3],
  )
  assert.deepEqual(
    [b.every, b.anchor, b.task, b.overlap, b.catchUp, b.owner],
    [3_600_000, '2026-01-01T00:30:00.000Z', { type: 'b', data: null, ttlMs: 5_000 }, 'replace', 'none', 'me'],
  )
  assert.match(b.next[0], /:30:00\.000Z$/)
  assert.deepEqual(await ask(client, 'cron.pause', { name: 'a' }), { name: 'a', changed: true })
  assert.deepEqual(await ask(client, 'cron.resume', { name: 'a' }), { name: 'a', changed: true })
  const run = await ask(client, 'cron.run', { name: 'a', id: 'now' })
  assert.deepEqual(run, { id: 'now', state: 'queued', duplicate: false })
  const { tasks } = await client.ask('task.get', { ids: ['now'], data: true })
  assert.deepEqual([tasks[0].type, tasks[0].data, tasks[0].metadata], ['sumar', [1, 2], { cron: 'a' }])
  assert.deepEqual(await ask(client, 'cron.delete', { name: 'a' }), { name: 'a', deleted: true })
  assert.deepEqual(await ask(client, 'cron.delete', { name: 'a' }), { name: 'a', deleted: false })
  for (const method of ['cron.pause', 'cron.resume', 'cron.run']) {
    const { error } = await client.call(method, { name: 'a' })
    assert.equal(error.data.name, 'SCHEDULE_UNKNOWN', method)
  }
  for (const [wrong, field] of [
    [{ ...yearly, every: 5_000 }, 'expression'],
    [{ name: 'x', task: { type: 'a' } }, 'expression'],
    [{ ...every, timezone: 'UTC' }, 'timezone'],
    [{ ...yearly, anchor: '2026-01-01T00:00:00Z' }, 'anchor'],
    [{ ...yearly, timezone: 'Nowhere' }, 'timezone'],
    [{ ...yearly, task: { type: 'a', runAt: '2026-01-01T00:00:00Z' } }, 'runAt'],
  ] as const) {
    const { error } = await client.call('cron.put', wrong)
    assert.equal(error.data.name, 'INVALID_PARAMS', JSON.stringify(wrong))
    assert.match(error.message, new RegExp(field), JSON.stringify(wrong))
  }
})

test('worker.drain tells a worker to leave, and delivers nothing more to it', async (context) => {
  const server = await openWireServer(context)
  const [client, worker] = [await server.connect(), await server.connect()]
  await worker.ask('session.hello', { client: { worker: { id: 'w1', pid: 7, host: 'here' } } })
  const { consumer } = await worker.ask('work.consume', { queues: ['default'], slots: 5 })
  assert.deepEqual(await ask(client, 'worker.drain', { worker: 'w1' }), { consumers: 1 })
  assert.deepEqual(await notified(worker, 'work.drain'), { consumer })
  await client.ask('task.submit', { tasks: [{ id: 'a', type: 'x' }] })
  await worker.ask('work.consume', { consumer, slots: 9 })
  await worker.ask('session.ping')
  assert.deepEqual(worker.lines, [])
  assert.deepEqual(await ask(client, 'worker.drain', { worker: 'nobody' }), { consumers: 0 })
})
