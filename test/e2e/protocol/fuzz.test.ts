/**
 * A hundred thousand messages that nobody should send: random bytes, and good messages that were damaged. The server does not die, answers
 * in JSON or closes, holds no more memory afterwards than before, and a well-behaved neighbour notices nothing.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { collectGarbage, heapBytes, rssText } from '../../support/memory.ts'
import { createRandom, openRandom, type Random } from '../../support/random.ts'
import type { WireClient } from '../../support/wire-client.ts'
import { openWireServer } from '../../support/wire-server.ts'
import { checkAnswer, nextCase } from './fuzz-messages.ts'

const CASES = Number(process.env.CHASQUI_FUZZ_CASES ?? 100_000)
const CASES_A_CONNECTION = 200
const CONNECTIONS_AT_A_TIME = 4
/** The good ones among them leave some thousand tasks behind. */
const HEAP_GROWTH_MAX_BYTES = 24 * 1024 * 1024

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
  for (const line of client.lines) checkAnswer(line)
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
  const heapBefore = heapBytes()

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
  const grown = heapBytes() - heapBefore
  context.diagnostic(`heap grew by ${Math.round(grown / 1024)} KiB, ${rssText()}`)
  assert.ok(grown < HEAP_GROWTH_MAX_BYTES, `the heap grew by ${grown} bytes`)
})
