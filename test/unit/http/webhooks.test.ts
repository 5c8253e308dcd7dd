/** Webhooks: signed, repeated until they are heard, not lost with a restart, and never sent where they must not go. */

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { WebhookCaller } from '../../../src/distributor/webhooks/caller.ts'
import { WebhookEngine } from '../../../src/distributor/webhooks/owed-calls.ts'
import { ForbiddenAddress, safePost } from '../../../src/distributor/webhooks/safe-call.ts'
import { readWebhookSecret, signedHeaders } from '../../../src/distributor/webhooks/signature.ts'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { systemClock } from '../../../src/task/clock.ts'
import { parseNetworks } from '../../../src/wire/networks.ts'
import { eventually } from '../../support/eventually.ts'
import { body, openHttpServer } from '../../support/http-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const SECRET = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const HERE = parseNetworks(['127.0.0.1'])
const DEADLINE_MS = 60_000

interface Heard {
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A receiver that answers with these statuses, one after the other; the last one stays. */
async function receiver(context: TestContext, ...statuses: readonly number[]) {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    request.on('end', () => {
      heard.push({ headers: request.headers, text })
      const status = statuses[Math.min(heard.length, statuses.length) - 1] ?? 204
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` }
}

async function openCaller(context: TestContext, engine: Engine, allowed = HERE) {
  const caller = await WebhookCaller.open({
    engine,
    clock: systemClock,
    log: { level: 'silent', event() {} },
    secret: readWebhookSecret(SECRET),
    allowed,
    leaseMs: 10_000,
  })
  context.after(() => caller.close(DEADLINE_MS))
  return caller
}

async function openServer(context: TestContext, allowed = HERE) {
  const inner = openMemoryEngine({})
  const engine = new WebhookEngine(inner, true)
  context.after(() => inner.close())
  const server = await openHttpServer(context, { engine })
  await openCaller(context, engine, allowed)
  return server
}

/** Of a failed call, by the task that owes it. */
async function callOf(engine: Engine, state: 'failed' | 'succeeded') {
  const { tasks } = await engine.list({ states: [state], queues: ['chasqui-webhooks'], limit: 10 })
  return tasks[0]
}

test('when the task is final the call comes, signed as Standard Webhooks says, with the record', async (context) => {
  const { ask, engine } = await openServer(context)
  const { heard, url } = await receiver(context, 204)
  const task = { id: 'w1', type: 'x', webhook: { url } }
  await body(ask('POST', '/v1/tasks', { body: task }), 201)
  assert.equal((await body(ask('POST', '/v1/tasks', { body: task }))).duplicate, true)
  await body(ask('POST', '/v1/tasks', { body: { id: 'other', type: 'x' } }), 201)
  await engine.cancel(['other', 'w1'])
  await eventually('the call', () => heard.length > 0, DEADLINE_MS)
  const [{ headers, text }] = heard as [Heard]
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
  const expected = createHmac('sha256', key).update(signed).digest('base64')
  assert.equal(headers['webhook-signature'], `v1,${expected}`)
  assert.ok(Math.abs(Date.now() / 1_000 - Number(headers['webhook-timestamp'])) < 60)
  const { type, data } = JSON.parse(text)
  assert.deepEqual([type, data.id, data.state], ['task.canceled', 'w1', 'canceled'])
  await eventually('that it is recorded', async () => (await callOf(engine, 'succeeded')) !== undefined)
  assert.equal(heard.length, 1)
})

test('the signature is that of the example in the specification', () => {
  const key = readWebhookSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  const sent = '{"test": 2432232314}'
  const headers = signedHeaders(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_000, sent)
  assert.equal(headers['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('who does not answer well is called again, with the same id, until he does', async (context) => {
  const { ask, engine } = await openServer(context)
  const { heard, url } = await receiver(context, 500, 302, 200)
  await body(ask('POST', '/v1/tasks', { body: { id: 'w', type: 'x', webhook: { url } } }), 201)
  await engine.cancel(['w'])
  await eventually('three calls', () => heard.length === 3, DEADLINE_MS)
  assert.equal(new Set(heard.map(({ headers }) => headers['webhook-id'])).size, 1)
  await eventually('that it is over', async () => (await callOf(engine, 'succeeded')) !== undefined)
  assert.equal(heard.length, 3, 'a redirect is not followed')
})

test('who is gone for good is not called again', async (context) => {
  const { ask, engine } = await openServer(context)
  const { heard, url } = await receiver(context, 410)
  await body(ask('POST', '/v1/tasks', { body: { id: 'w', type: 'x', webhook: { url } } }), 201)
  await engine.cancel(['w'])
  await eventually('that it failed', async () => (await callOf(engine, 'failed')) !== undefined, DEADLINE_MS)
  assert.equal(heard.length, 1)
})

test('private addresses are not called, whatever name or form they come in', async (context) => {
  const { ask, engine } = await openServer(context, parseNetworks([]))
  const { heard, url } = await receiver(context, 200)
  await body(ask('POST', '/v1/tasks', { body: { id: 'w', type: 'x', webhook: { url } } }), 201)
  await engine.cancel(['w'])
  await eventually('that it failed', async () => (await callOf(engine, 'failed')) !== undefined, DEADLINE_MS)
  assert.match((await callOf(engine, 'failed'))!.error!.message, /127\.0\.0\.1, which is no public address/)
  const { port } = new URL(url)
  const signal = new AbortController().signal
  const hosts = [
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '[::]',
    '127.1',
  ]
  const others = ['10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '[fe80::1]']
  for (const host of [...hosts, ...others, '[fd00::1]', '[64:ff9b::7f00:1]', '[::127.0.0.1]', '224.0.0.1']) {
    const call = {
      url: `http://${host}:${port}/`,
      headers: {},
      body: '{}',
      allowed: parseNetworks([]),
      signal,
    }
    await assert.rejects(safePost(call), ForbiddenAddress, host)
  }
  assert.equal(heard.length, 0)
})

test('a call that is owed is made after a restart, and one that was begun before it is made again', async (context) => {
  const dir = temporaryFolder(context, 'store')
  const { heard, url } = await receiver(context, 200)
  const first = await openEmbeddedEngine({ dir })
  const caller = await openCaller(context, first)
  const submissions = ['before', 'after'].map((id) => ({
    ...{ id, type: 'x', queue: 'default', dataText: 'null', priority: 4, runAtMs: 0 },
    options: { webhook: { url } },
  }))
  await new WebhookEngine(first, true).submit(submissions, 'disk')
  await eventually(
    'that both are in hand',
    async () => {
      const { consumers } = await first.inspect()
      return consumers[0]?.held === 2
    },
    DEADLINE_MS,
  )
  await caller.close(DEADLINE_MS)
  // Nobody is there to hear of it.
  await first.cancel(['before'])
  await first.close()
  assert.equal(heard.length, 0)
  const second = await openEmbeddedEngine({ dir })
  context.after(() => second.close())
  await openCaller(context, second)
  await eventually('the call of what ended meanwhile', () => heard.length === 1, DEADLINE_MS)
  await second.cancel(['after'])
  await eventually('the other one', () => heard.length === 2, DEADLINE_MS)
  assert.deepEqual(
    heard.map(({ text }) => JSON.parse(text).data.id),
    ['before', 'after'],
  )
})

test('a server without a secret refuses such tasks, and takes the others', async (context) => {
  const inner = openMemoryEngine({})
  context.after(() => inner.close())
  const { ask } = await openHttpServer(context, { engine: new WebhookEngine(inner, false) })
  const webhook = { url: 'https://example.com/hook' }
  const refused = await ask('POST', '/v1/tasks', { body: { type: 'x', webhook } })
  assert.deepEqual([refused.status, refused.error], [501, 'NOT_SUPPORTED'])
  const tasks = [
    { id: 'a', type: 'x', webhook },
    { id: 'b', type: 'x' },
  ]
  const { receipts } = await body(ask('POST', '/v1/tasks', { body: { tasks } }))
  assert.deepEqual([receipts[0].error.name, receipts[1].state], ['NOT_SUPPORTED', 'queued'])
})

test('a URL that cannot be one is refused at the door', async (context) => {
  const { ask } = await openHttpServer(context)
  for (const url of [
    'ftp://example.com',
    'https://user:secret@example.com',
    'nonsense',
    '',
    `https://x/${'y'.repeat(3_000)}`,
  ]) {
    const refused = await ask('POST', '/v1/tasks', { body: { type: 'x', webhook: { url } } })
    assert.equal(refused.error, 'INVALID_PARAMS', url)
  }
  for (const webhook of [{}, 'https://example.com', { url: 'https://example.com', more: 1 }]) {
    assert.equal((await ask('POST', '/v1/tasks', { body: { type: 'x', webhook } })).error, 'INVALID_PARAMS')
  }
})

test('a secret that is none is refused without being repeated', () => {
  for (const text of ['', 'secret', 'whsec_', 'whsec_c2hvcnQ=']) {
    assert.throws(
      () => readWebhookSecret(text),
      (error: Error) => /--webhook-secret must be/.test(error.message),
    )
  }
})
