/**
 * A hundred thousand messages that nobody should send: random bytes, and good messages that were damaged. The server does not die, answers
 * in JSON or closes, holds no more memory afterwards than before, and a well-behaved neighbour notices nothing.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { METHODS } from '../../../src/wire/protocol.ts'
import { eventually } from '../../support/eventually.ts'
import { createRandom, openRandom, type Random } from '../../support/random.ts'
import type { WireClient } from '../../support/wire-client.ts'
import { openWireServer } from '../../support/wire-server.ts'

const CASES = Number(process.env.CHASQUI_FUZZ_CASES ?? 100_000)
const CASES_A_CONNECTION = 200
const CONNECTIONS_AT_A_TIME = 4
/** The good ones among them leave some thousand tasks behind. */
const HEAP_GROWTH_MAX_BYTES = 24 * 1024 * 1024

setFlagsFromString('--expose_gc')
const collectGarbage = runInNewContext('gc') as () => void

// ---- what is sent -----------------------------------------------------------------------------------------

/** Words that mean something to somebody on the way. */
const WORDS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  ',',
  ':',
  '\n',
  '\r\n',
  ' ',
  '\0',
  '\ufeff',
  'ñ',
  '😀',
  '{\n',
  '{}',
  '[]',
  '[{}]',
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  '0.1',
  '""',
  '"jsonrpc":"2.0"',
  '"id":1',
  '"id":null',
  '"method":"task.submit"',
  '"params":{}',
  '"type":"a"',
  '"__proto__":{"type":"a"}',
  '"constructor":1',
  'GET / HTTP/1.1\r\n\r\n',
  '['.repeat(300),
  '{"a":'.repeat(300),
] as const

function randomBytes(random: Random): Buffer {
  const bytes = Buffer.alloc(random.below(200))
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(256)
  return bytes
}

function randomWords(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(30) }, () => random.pick(WORDS)).join(''))
}

const id = (random: Random) => `fuzz-${random.below(500)}`

/** Params that make sense, most of the time. */
function goodParams(random: Random): object {
  const lease = () => ({ id: id(random), epoch: random.below(1_000) })
  return random.pick<() => object>([
    () => ({ tasks: [{ id: id(random), type: 'a', data: [1, { x: 'ñ' }], delayMs: random.below(50) }] }),
    () => ({
      tasks: [{ type: 'a', maxAttempts: random.below(3), ttlMs: 1 + random.below(50) }],
      durability: 'relaxed',
    }),
    () => ({ ids: [id(random), id(random)], data: true }),
    () => ({ ids: [id(random)], timeoutMs: random.below(20) }),
    () => ({ state: 'queued', type: ['a'], limit: 1 + random.below(100) }),
    () => ({ filter: { type: 'a' } }),
    () => ({ watch: 'w1' }),
    () => ({
      slots: 1 + random.below(4),
      payload: random.pick(['json', 'text']),
      consumer: random.pick(['c1', undefined]),
    }),
    () => ({
      outcomes: [
        { ...lease(), kind: 'returned', value: { a: 1 } },
        { ...lease(), kind: 'threw', error: {} },
      ],
    }),
    () => ({ leases: [lease()], consumer: 'c1' }),
    () => ({ ...lease(), done: 1, lines: ['x', { level: 'warn', text: 'y' }] }),
    () => ({ id: id(random), after: 0, client: { name: 'x', worker: { id: 'w', pid: 1, host: 'h' } } }),
    () => ({}),
  ])()
}

const methods = Object.keys(METHODS)

function goodMessage(random: Random): string {
  const request = () =>
    JSON.stringify({
      jsonrpc: '2.0',
      id: random.pick([1, 'x', null, undefined, 2.5]),
      method: random.pick(methods),
      params: goodParams(random),
    })
  return random.pick([
    () => `${request()}\n`,
    () => `[${request()},${request()}]\n`,
    () => JSON.stringify({ id: id(random), type: 'a', data: random.below(9) }),
    () => JSON.stringify({ type: 'a', data: { deep: [[]] } }, null, 1),
  ])()
}

/** A few wounds, anywhere. */
function damaged(random: Random, text: string): Buffer {
  let bytes = Buffer.from(text)
  for (let wounds = 1 + random.below(4); wounds > 0; wounds--) {
    const at = random.below(bytes.length + 1)
    const to = Math.min(bytes.length, at + random.below(20))
    bytes = random.pick([
      () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]),
      () => Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(WORDS)), bytes.subarray(at)]),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.from([random.below(256)]), bytes.subarray(to)]),
      () => bytes.subarray(0, at),
    ])()
  }
  return bytes
}

function nextCase(random: Random): Buffer {
  const kind = random.next()
  if (kind < 0.1) return randomBytes(random)
  if (kind < 0.2) return randomWords(random)
  if (kind < 0.4) return Buffer.from(goodMessage(random))
  // Mostly with their newline, so that one damaged message does not swallow the ones after it.
  return Buffer.concat([damaged(random, goodMessage(random)), Buffer.from(random.next() < 0.8 ? '\n' : '')])
}

// ---- what is checked --------------------------------------------------------------------------------------

async function torment(client: WireClient, random: Random): Promise<number> {
  const bytes = Buffer.concat(Array.from({ length: CASES_A_CONNECTION }, () => nextCase(random)))
  for (let from = 0; from < bytes.length; ) {
    const to = from + 1 + random.below(random.pick([3, 100, 5_000]))
    if (client.socket.writable) client.send(bytes.subarray(from, to))
    from = to
    // Sometimes in a packet of its own.
    if (random.next() < 0.05) await new Promise((resolve) => setImmediate(resolve))
  }
  client.end()
  await client.ended()
  for (const line of client.lines) {
    for (const reply of [JSON.parse(line)].flat()) {
      const isRpc = reply.jsonrpc === '2.0' && ('result' in reply || 'error' in reply || 'method' in reply)
      const isBare = ['ok', 'error'].includes(reply.status) && typeof reply.message === 'string'
      assert.ok(isRpc || isBare, line)
      // A bug is not an answer.
      assert.notEqual(reply.error?.data?.name ?? reply.payload?.code, 'INTERNAL', line)
    }
  }
  client.destroy()
  return client.lines.splice(0).length
}

test(`${CASES} bad messages`, async (context) => {
  const random = openRandom(context)
  const server = await openWireServer(context, {
    limits: { frameBytesMax: 100_000 },
    logLevel: 'warn',
    memory: { reconnectGraceMs: 10, retentionMs: 1_000, failedRetentionMs: 1_000 },
  })
  const neighbour = await server.connect()
  const tasks = Array.from({ length: 10 }, (_, n) => ({
    id: `n${n}`,
    type: 'n',
    queue: 'neighbour',
    data: n,
  }))
  await neighbour.ask('task.submit', { tasks })
  collectGarbage()
  const heapBefore = process.memoryUsage().heapUsed

  let answers = 0
  for (let sent = 0; sent < CASES; sent += CASES_A_CONNECTION * CONNECTIONS_AT_A_TIME) {
    const clients = await Promise.all(Array.from({ length: CONNECTIONS_AT_A_TIME }, () => server.connect()))
    const torments = clients.map((client) => torment(client, createRandom(random.below(2 ** 32))))
    // In the middle of it:
    const { tasks: seen } = await neighbour.ask('task.get', { ids: tasks.map((task) => task.id), data: true })
    assert.deepEqual(
      seen.map((task: { state: string; data: number }) => [task.state, task.data]),
      tasks.map(({ data }) => ['queued', data]),
    )
    for (const count of await Promise.all(torments)) answers += count
  }
  context.diagnostic(`${answers} answers`)
  assert.ok(answers > CASES, 'all of it was read')
  assert.deepEqual(
    server.logged.filter(({ level }) => level === 'error'),
    [],
  )

  await eventually('all other connections to be over', () => server.distributor.connections === 1)
  collectGarbage()
  const grown = process.memoryUsage().heapUsed - heapBefore
  context.diagnostic(`heap grew by ${Math.round(grown / 1024)} KiB`)
  assert.ok(grown < HEAP_GROWTH_MAX_BYTES, `the heap grew by ${grown} bytes`)
})
