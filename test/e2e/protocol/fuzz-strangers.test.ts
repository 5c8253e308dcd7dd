/**
 * The same before authentication: strangers who say anything but a good token. None of them gets in, nothing is queued, memory stays where it was, and whoever is known
 * notices nothing.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { collectGarbage, heapBytes, rssText } from '../../support/memory.ts'
import { createRandom, openRandom, type Random } from '../../support/random.ts'
import { issue } from '../../support/tokens.ts'
import { openWireServer } from '../../support/wire-server.ts'
import { checkAnswer, damaged, nextCase } from './fuzz-messages.ts'

const CASES = Number(process.env.CHASQUI_FUZZ_CASES ?? 2_000)
const CASES_A_CONNECTION_MAX = 4
const AT_A_TIME = 16
const BATCH = 2_000
const HEAP_GROWTH_MAX_BYTES = 24 * 1024 * 1024
const DEADLINE_MS = 60_000

const { tokens, access } = issue({
  root: { roles: ['admin'] },
  old: { roles: ['admin'], expiresAt: '2026-01-31T12:00:00Z' },
})

/** A hello with a token that is nearly right, or long gone. */
function hello(random: Random): Buffer {
  const token = random.pick([tokens.root!, tokens.old!, '', ' ', 'chq_'])
  const wounded = token === tokens.root ? damaged(random, token).toString('latin1') : token
  // The wounds may have closed again.
  const shown = wounded === tokens.root ? `${wounded}x` : wounded
  const params = random.pick<object>([
    { token: shown },
    { token: [shown] },
    { token: shown, role: 'admin' },
    { client: shown },
  ])
  return Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id: 'h', method: 'session.hello', params })}\n`)
}

/** Of a network of its own for each: who tries wrong tokens waits, and so would all of them. */
function address(random: Random): string {
  return `127.${1 + random.below(250)}.${random.below(250)}.${1 + random.below(250)}`
}

test(`${CASES} messages of strangers`, async (context) => {
  const random = openRandom(context)
  const server = await openWireServer(context, { access, logLevel: 'error' })
  const known = await server.connect()
  await known.ask('session.hello', { token: tokens.root })
  await known.ask('task.submit', { tasks: [{ id: 'mine', type: 'x', queue: 'mine' }] })
  const seen = { connections: 0, answers: 0 }

  const one = async (seed: number): Promise<void> => {
    const dice = createRandom(seed)
    const cases = 1 + dice.below(CASES_A_CONNECTION_MAX)
    const bytes = Buffer.concat(
      Array.from({ length: cases }, () => (dice.next() < 0.3 ? hello(dice) : nextCase(dice))),
    )
    const client = await server.connect(address(dice))
    const cut = dice.next() < 0.5 ? bytes.length : dice.below(bytes.length + 1)
    client.send(bytes.subarray(0, cut))
    if (cut < bytes.length) {
      await new Promise((resolve) => setImmediate(resolve))
      if (client.socket.writable) client.send(bytes.subarray(cut))
    }
    client.end()
    await client.ended()
    for (const line of client.lines) {
      for (const reply of checkAnswer(line)) {
        seen.answers++
        const result = reply.result as { identity?: string } | undefined
        assert.ok(reply.status !== 'ok' && reply.method === undefined, `seed ${seed}: ${line}`)
        assert.ok(
          result === undefined || (result.identity ?? 'anonymous') === 'anonymous',
          `seed ${seed}: ${line}`,
        )
      }
    }
    client.destroy()
    seen.connections++
  }
  const batch = async (count: number) => {
    let left = count
    const lane = async () => {
      while (left > 0) {
        const seed = random.below(2 ** 32)
        const cases = createRandom(seed).below(CASES_A_CONNECTION_MAX) + 1
        left -= cases
        await one(seed)
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, lane))
    const [task] = (await known.ask('task.get', { ids: ['mine'] })).tasks
    assert.equal(task.state, 'queued')
    await eventually('the strangers are gone', () => server.distributor.connections === 1, DEADLINE_MS)
    collectGarbage()
  }
  // What is made once, and addresses that are remembered up to their limit, is there after the first.
  await batch(Math.min(BATCH, CASES / 2))
  const heapBefore = heapBytes()
  for (let sent = Math.min(BATCH, CASES / 2); sent < CASES; sent += BATCH)
    await batch(Math.min(BATCH, CASES - sent))
  const grown = heapBytes() - heapBefore
  context.diagnostic(`${JSON.stringify(seen)}, heap grew by ${Math.round(grown / 1024)} KiB, ${rssText()}`)
  assert.ok(grown < HEAP_GROWTH_MAX_BYTES, `the heap grew by ${grown} bytes`)
  assert.ok(seen.answers > CASES / 8, 'they were heard')
  const { tasks } = await server.engine.list({ limit: 10 })
  assert.deepEqual(
    tasks.map(({ id }) => id),
    ['mine'],
  )
  assert.deepEqual(server.logged, [])
})
