/**
 * Requests that nobody should send, over HTTP: good ones that were damaged anywhere, in the line, the headers or the body, with a token and without. Each connection is answered or closed, none
 * with a bug, nobody without a token gets in, a neighbour notices nothing, and memory stays where it was.
 */

import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { COMMAND_ROUTES } from '../../../src/distributor/http/routes.ts'
import { openHttpServer } from '../../support/http-server.ts'
import { collectGarbage, heapBytes, rssText } from '../../support/memory.ts'
import { createRandom, openRandom, type Random } from '../../support/random.ts'
import { issue } from '../../support/tokens.ts'
import { damaged, goodParams } from './fuzz-messages.ts'

const CASES = Number(process.env.CHASQUI_FUZZ_CASES ?? 1_000)
const AT_A_TIME = 8
const BATCH = 2_000
const HEAP_GROWTH_MAX_BYTES = 32 * 1024 * 1024
const DEADLINE_MS = 60_000

const { tokens, access } = issue({ root: { roles: ['admin'] } })

/** As text, with its head and its body. */
function goodRequest(random: Random, isKnown: boolean): string {
  const { verb, path } = random.pick([
    ...COMMAND_ROUTES,
    { verb: 'POST', path: '/v1/tasks' },
    { verb: 'GET', path: '/healthz' },
  ])
  const body = verb === 'GET' ? '' : JSON.stringify(goodParams(random))
  const head = [
    `${verb} ${path.replace(':id', `fuzz-${random.below(100)}`)}${random.pick(['', '', '?limit=5', '?data', '?cursor=%00'])} HTTP/1.1`,
    'host: localhost',
    'connection: close',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(isKnown ? [`authorization: Bearer ${tokens.root}`] : []),
    ...random.pick([
      [],
      ['idempotency-key: a'],
      ['traceparent: 00-ff'],
      ['expect: 100-continue'],
      ['transfer-encoding: chunked'],
      ['cookie: a=b; a'],
    ]),
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

function send(port: number, localAddress: string, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
    const timer = setTimeout(
      () => reject(new Error(`no answer and no end: ${bytes.toString('latin1')}`)),
      DEADLINE_MS,
    )
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
    })
    socket
      .on('error', () => {})
      .once('close', () => {
        clearTimeout(timer)
        resolve(text)
      })
    socket.once('end', () => socket.destroy())
    socket.end(bytes)
  })
}

test(`${CASES} damaged requests`, async (context) => {
  const random = openRandom(context)
  const server = await openHttpServer(context, {
    access,
    logLevel: 'error',
    memory: { retentionMs: 1_000, failedRetentionMs: 1_000 },
  })
  const { port } = new URL(server.url)
  const seen: Record<string, number> = {}
  const one = async (seed: number) => {
    const dice = createRandom(seed)
    const isKnown = dice.next() < 0.5
    const text = goodRequest(dice, isKnown)
    const bytes = dice.next() < 0.1 ? Buffer.from(text) : damaged(dice, text)
    const address = `127.${1 + dice.below(200)}.${dice.below(250)}.${1 + dice.below(250)}`
    const answer = (await send(Number(port), address, bytes)).replace('HTTP/1.1 100 Continue\r\n\r\n', '')
    const [, status = 'closed'] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
    seen[status] = (seen[status] ?? 0) + 1
    assert.ok(answer === '' || status !== 'closed', `seed ${seed}: ${answer}`)
    assert.ok(
      status !== '500' && !answer.includes('"INTERNAL"'),
      `seed ${seed}: ${bytes.toString('latin1')}\n${answer}`,
    )
    // Health is for everybody, and so is whether a page may ask.
    const isOpen = answer.includes('{"alive":true}') || status === '204'
    if (!isKnown && /^2/.test(status))
      assert.ok(isOpen, `seed ${seed}: ${bytes.toString('latin1')}\n${answer}`)
  }
  const batch = async (count: number) => {
    let left = count
    const lane = async () => {
      while (left-- > 0) await one(random.below(2 ** 32))
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, lane))
    assert.equal((await server.ask('GET', '/v1/queues', { token: tokens.root! })).status, 200)
    collectGarbage()
  }
  const first = Math.min(BATCH, CASES / 2)
  await batch(first)
  const heapBefore = heapBytes()
  for (let sent = first; sent < CASES; sent += BATCH) await batch(Math.min(BATCH, CASES - sent))
  const grown = heapBytes() - heapBefore
  context.diagnostic(`${JSON.stringify(seen)}, heap grew by ${Math.round(grown / 1024)} KiB, ${rssText()}`)
  assert.ok(grown < HEAP_GROWTH_MAX_BYTES, `the heap grew by ${grown} bytes`)
  assert.ok((seen['200'] ?? 0) > 0 && (seen['400'] ?? 0) > 0 && (seen['401'] ?? 0) > 0, JSON.stringify(seen))
  assert.deepEqual(server.logged, [])
})
