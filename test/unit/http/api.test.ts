/** The routes of tasks, queues and workers over a real server: what they answer, and with which status. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { body, openHttpServer } from '../../support/http-server.ts'

test('one task is a 201 with its receipt and where it is found; the same id again a 200; other content a 409', async (context) => {
  const { ask } = await openHttpServer(context)
  const task = { id: 'a/1 ñ', type: 'sumar', data: [5, 7] }
  const made = await ask('POST', '/v1/tasks', { body: task })
  assert.equal(made.status, 201)
  assert.deepEqual(made.body, { id: 'a/1 ñ', state: 'queued', duplicate: false, durability: 'memory' })
  assert.equal(made.headers.get('location'), '/v1/tasks/a%2F1%20%C3%B1')
  const record = await body(ask('GET', `${made.headers.get('location')}?data=true`))
  assert.deepEqual([record.id, record.state, record.data], ['a/1 ñ', 'queued', [5, 7]])
  const again = await ask('POST', '/v1/tasks', { body: task })
  assert.deepEqual([again.status, again.body.duplicate], [200, true])
  const other = await ask('POST', '/v1/tasks', { body: { ...task, data: [5, 8] } })
  assert.deepEqual([other.status, other.error], [409, 'ID_CONFLICT'])
})

test('many tasks are answered one by one, the refused ones among them', async (context) => {
  const { ask } = await openHttpServer(context)
  const tasks = [{ id: 'good', type: 'x' }, { type: 7 }]
  const { receipts } = await body(ask('POST', '/v1/tasks', { body: { tasks, durability: 'relaxed' } }))
  assert.deepEqual([receipts[0].id, receipts[1].error.name], ['good', 'INVALID_PARAMS'])
  const refused = await ask('POST', '/v1/tasks', { body: { tasks: [{ type: 7 }] } })
  assert.deepEqual([refused.status, refused.error], [400, 'INVALID_PARAMS'])
})

test('an Idempotency-Key makes repeating harmless, for the same caller and content only', async (context) => {
  const { ask } = await openHttpServer(context)
  const submit = (key: string, task: object) =>
    ask('POST', '/v1/tasks', { body: task, headers: { 'idempotency-key': key } })
  const first = await submit('k1', { type: 'x', data: 1 })
  const second = await submit('k1', { type: 'x', data: 1 })
  assert.deepEqual([first.status, second.status], [201, 200])
  assert.equal(second.body.id, first.body.id)
  assert.match(first.body.id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal((await submit('k1', { type: 'x', data: 2 })).error, 'ID_CONFLICT')
  assert.notEqual((await submit('k2', { type: 'x', data: 1 })).body.id, first.body.id)
  // Whoever names his task himself has said which one it is.
  assert.equal((await submit('k1', { id: 'own', type: 'x' })).body.id, 'own')
  const many = await submit('k3', { tasks: [{ type: 'x' }, { type: 'x' }] } as object)
  assert.equal(new Set(many.body.receipts.map((receipt: { id: string }) => receipt.id)).size, 2)
  assert.equal((await submit('k'.repeat(257), { type: 'x' })).error, 'INVALID_PARAMS')
})

test('the trace of a request is that of its tasks, where they bring none of their own', async (context) => {
  const { ask } = await openHttpServer(context)
  const [request, own] = ['b7ad6b7169203331', '00f067aa0ba902b7'].map(
    (span) => `00-0af7651916cd43dd8448eb211c80319c-${span}-01`,
  ) as [string, string]
  const tasks = [
    { id: 'none', type: 'x', metadata: { tenant: 'ana' } },
    { id: 'own', type: 'x', metadata: { traceparent: own } },
    { type: 'x', metadata: 'wrong' },
  ]
  const headers = { traceparent: request, tracestate: 'vendor=1' }
  const { receipts } = await body(ask('POST', '/v1/tasks', { body: { tasks }, headers }))
  assert.equal(receipts[2].error.name, 'INVALID_PARAMS')
  assert.deepEqual((await body(ask('GET', '/v1/tasks/none'))).metadata, { tenant: 'ana', ...headers })
  assert.deepEqual((await body(ask('GET', '/v1/tasks/own'))).metadata, { traceparent: own })
  await ask('POST', '/v1/tasks', { body: { id: 'broken', type: 'x' }, headers: { traceparent: 'nonsense' } })
  assert.equal((await body(ask('GET', '/v1/tasks/broken'))).metadata, undefined)
})

test('tasks are listed by state, type and queue, a page at a time', async (context) => {
  const { ask } = await openHttpServer(context)
  const tasks = ['a', 'b', 'c'].map((id, index) => ({ id, type: `t${index % 2}`, queue: 'q' }))
  await body(ask('POST', '/v1/tasks', { body: { tasks: [...tasks, { id: 'other', type: 't0' }] } }))
  const ids = async (query: string) =>
    (await body(ask('GET', `/v1/tasks?${query}`))).tasks.map(({ id }: { id: string }) => id)
  assert.deepEqual(await ids('queue=q'), ['c', 'b', 'a'])
  assert.deepEqual(await ids('type=t0&queue=q'), ['c', 'a'])
  assert.deepEqual(await ids('state=succeeded&state=failed'), [])
  assert.deepEqual(await ids('queue=q&queue=default&limit=2'), ['other', 'c'])
  const { cursor } = await body(ask('GET', '/v1/tasks?queue=q&limit=2'))
  assert.deepEqual(await ids(`queue=q&limit=2&cursor=${encodeURIComponent(cursor)}`), ['a'])
  for (const query of ['limit=0', 'limit=x', 'state=gone', 'bogus=1', 'data=perhaps']) {
    assert.equal((await ask('GET', `/v1/tasks?${query}`)).error, 'INVALID_PARAMS', query)
  }
})

test('a wait answers when the task is final, at its deadline with the state reached', async (context) => {
  const { ask, engine } = await openHttpServer(context)
  await body(ask('POST', '/v1/tasks', { body: { id: 'w', type: 'x' } }), 201)
  const early = await body(ask('GET', '/v1/tasks/w/wait?timeoutMs=0'))
  assert.equal(early.state, 'queued')
  const waiting = body(ask('GET', '/v1/tasks/w/wait'))
  const all = body(ask('POST', '/v1/tasks/wait', { body: { ids: ['w', 'nobody'] } }))
  await engine.cancel(['w'])
  assert.equal((await waiting).state, 'canceled')
  const { tasks } = await all
  assert.deepEqual([tasks[0].state, tasks[1]], ['canceled', null])
  assert.equal((await ask('GET', '/v1/tasks/nobody/wait')).error, 'TASK_UNKNOWN')
})

test('tasks are cancelled and retried, one or many', async (context) => {
  const { ask } = await openHttpServer(context)
  await body(
    ask('POST', '/v1/tasks', {
      body: {
        tasks: [
          { id: 'a', type: 'x' },
          { id: 'b', type: 'x' },
        ],
      },
    }),
  )
  const canceled = await body(ask('POST', '/v1/tasks/a/cancel'))
  assert.deepEqual(canceled, { id: 'a', state: 'canceled', changed: true })
  const both = await body(ask('POST', '/v1/tasks/cancel', { body: { ids: ['a', 'b', 'c'] } }))
  assert.deepEqual(
    both.tasks.map((change: { changed: boolean } | null) => change?.changed ?? null),
    [false, true, null],
  )
  const retried = await body(ask('POST', '/v1/tasks/a/retry'))
  assert.deepEqual(retried, { id: 'a', state: 'queued', changed: true })
  const rest = await body(ask('POST', '/v1/tasks/retry', { body: { filter: { type: 'x' } } }))
  assert.deepEqual(rest, { tasks: [], more: false })
  assert.equal((await ask('POST', '/v1/tasks/c/retry')).status, 404)
  assert.equal((await ask('POST', '/v1/tasks/retry', { body: {} })).error, 'INVALID_PARAMS')
  assert.equal((await ask('POST', '/v1/tasks/cancel')).error, 'INVALID_PARAMS')
})

test('queues, workers, stats and the log of a task are those of the wire', async (context) => {
  const { ask, connect } = await openHttpServer(context)
  await body(ask('POST', '/v1/tasks', { body: { id: 'l', type: 'x' } }), 201)
  const worker = await connect()
  await worker.ask('session.hello', { client: { worker: { id: 'w1', pid: 7, host: 'here' } } })
  await worker.ask('work.consume', {})
  const { deliveries } = await worker.notification('work.deliver')
  await worker.ask('work.log', { id: 'l', epoch: deliveries[0].epoch, lines: [{ text: 'una línea' }] })
  const { lines } = await body(ask('GET', '/v1/tasks/l/log'))
  assert.deepEqual([lines.length, lines[0].text], [1, 'una línea'])
  assert.deepEqual((await body(ask('GET', '/v1/tasks/l/log?after=1'))).lines, [])
  const wire = await worker.ask('queue.list')
  assert.deepEqual(await body(ask('GET', '/v1/queues')), wire)
  const { workers } = await body(ask('GET', '/v1/workers'))
  assert.equal(workers[0].worker.id, 'w1')
  const stats = await body(ask('GET', '/v1/stats'))
  assert.deepEqual([stats.engine, stats.server.version], ['memory', '1.2.3'])
})

test('a task is explained, and an unknown one is a 404', async (context) => {
  const { ask } = await openHttpServer(context)
  await body(ask('POST', '/v1/tasks', { body: { id: 'e/1', type: 'x' } }), 201)
  const { id, reasons } = await body(ask('GET', '/v1/tasks/e%2F1/explain'))
  assert.deepEqual([id, reasons[0].kind], ['e/1', 'no-worker'])
  const unknown = await ask('GET', '/v1/tasks/nobody/explain')
  assert.deepEqual([unknown.status, unknown.error], [404, 'TASK_UNKNOWN'])
})

test('queues are steered by their name in the path', async (context) => {
  const { ask } = await openHttpServer(context)
  assert.equal((await body(ask('POST', '/v1/queues/mail%2F1/pause'))).settings.mode, 'paused')
  const defined = await body(ask('POST', '/v1/queues/mail%2F1/define', { body: { tasksMax: 1 } }))
  assert.deepEqual([defined.queue, defined.settings.tasksMax], ['mail/1', 1])
  const task = { type: 'x', queue: 'mail/1' }
  await body(ask('POST', '/v1/tasks', { body: task }), 201)
  const full = await ask('POST', '/v1/tasks', { body: task })
  assert.deepEqual([full.status, full.error], [429, 'QUEUE_FULL'])
  assert.ok(Number(full.headers.get('retry-after')) >= 1)
  assert.deepEqual(await body(ask('POST', '/v1/queues/mail%2F1/purge', { body: {} })), {
    purged: 1,
    cursor: null,
  })
  await body(ask('POST', '/v1/queues/mail%2F1/drain'))
  const drained = await ask('POST', '/v1/tasks', { body: task })
  assert.deepEqual([drained.status, drained.error], [409, 'QUEUE_DRAINING'])
  const wrong = await ask('POST', '/v1/queues/mail/define', {
    body: { queue: 'other', defaults: { ttl: 1 } },
  })
  assert.deepEqual([wrong.status, wrong.error], [400, 'INVALID_PARAMS'])
})

test('a result that looks like the end of its own list arrives whole', async (context) => {
  const { ask, connect } = await openHttpServer(context)
  await body(ask('POST', '/v1/tasks', { body: { id: 'n', type: 'x' } }), 201)
  const worker = await connect()
  await worker.ask('work.consume', {})
  const { deliveries } = await worker.notification('work.deliver')
  const outcome = { id: 'n', epoch: deliveries[0].epoch, kind: 'returned', value: { list: [1.5, ']}'] } }
  await worker.ask('work.settle', { outcomes: [outcome] })
  assert.deepEqual((await body(ask('GET', '/v1/tasks/n'))).result, { list: [1.5, ']}'] })
})

test('what cannot be understood is an error of the table, and the next request is none of its business', async (context) => {
  const { ask } = await openHttpServer(context)
  const deep = `{"type":"x","data":${'['.repeat(200)}${']'.repeat(200)}}`
  const bad: readonly [unknown, Record<string, string>, number, string][] = [
    ['{"type":', {}, 400, 'PARSE_ERROR'],
    ['', {}, 400, 'PARSE_ERROR'],
    ['[]', {}, 400, 'INVALID_PARAMS'],
    ['{"type":"x","bogus":1}', {}, 400, 'INVALID_PARAMS'],
    [deep, {}, 400, 'TOO_DEEP'],
    ['type=x', { 'content-type': 'application/x-www-form-urlencoded' }, 400, 'INVALID_REQUEST'],
    [`{"type":"${'x'.repeat(5 * 1024 * 1024)}"}`, {}, 413, 'FRAME_TOO_LARGE'],
  ]
  for (const [sent, headers, status, name] of bad) {
    const got = await ask('POST', '/v1/tasks', { body: sent, headers })
    assert.deepEqual([got.status, got.error], [status, name], String(sent).slice(0, 40))
  }
  const unknown = await ask('GET', '/v1/nothing')
  assert.deepEqual([unknown.status, unknown.error], [404, 'METHOD_NOT_FOUND'])
  assert.equal((await ask('POST', '/v1/tasks', { body: { type: 'x' } })).status, 201)
})

test('tasks are found by time and by a text in their id; pages end early rather than late', async (context) => {
  const clock = new VirtualClock(Date.parse('2026-01-31T12:00:00Z'))
  const engine = openMemoryEngine({ clock })
  context.after(() => engine.close())
  const { ask } = await openHttpServer(context, { engine })
  for (const minute of [0, 10, 20, 30]) {
    const tasks = ['order', 'invoice'].map((what) => ({ id: `${what}-${minute}`, type: 'x' }))
    await body(ask('POST', '/v1/tasks', { body: { tasks } }))
    await clock.advance(600_000)
  }
  const many = Array.from({ length: 2_500 }, (_, index) => ({ id: `noise-${index}`, type: 'x' }))
  await body(ask('POST', '/v1/tasks', { body: { tasks: many } }))
  const all = async (query: string) => {
    const [ids, pages]: [string[], number[]] = [[], []]
    for (let cursor: string | null = ''; cursor !== null; ) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page = await body(ask('GET', `/v1/tasks?${query}${more}`))
      pages.push(page.tasks.length)
      ids.push(...page.tasks.map(({ id }: { id: string }) => id))
      cursor = page.cursor
    }
    return { ids, pages }
  }
  const found = await all('text=ORDER')
  assert.deepEqual(found.ids, ['order-30', 'order-20', 'order-10', 'order-0'])
  assert.ok(found.pages.length > 1, 'the first page ends after as many rows as one request may look at')
  const between = 'createdAfter=2026-01-31T12:10:00Z&createdBefore=2026-01-31T12:30:00Z'
  assert.deepEqual((await all(between)).ids, ['invoice-20', 'order-20', 'invoice-10', 'order-10'])
  const few = await all(`${between}&limit=3&text=order`)
  assert.deepEqual(few.ids, ['order-20', 'order-10'])
  const { pages } = await all('createdAfter=2026-01-31T12:39:00Z&limit=1000')
  assert.equal(pages.length, 3)
  assert.equal((await ask('GET', '/v1/tasks?createdAfter=yesterday')).error, 'INVALID_PARAMS')
})
