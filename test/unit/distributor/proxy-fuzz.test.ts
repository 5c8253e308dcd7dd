/** Damaged PROXY headers over real connections, cut anywhere: each ends in an answer or a close, a neighbour notices nothing, nothing is left behind. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNetworks } from '../../../src/wire/networks.ts'
import { eventually } from '../../support/eventually.ts'
import { damaged, LOCAL_HEADER, tcp4Header, textHeader } from '../../support/proxy-headers.ts'
import { createRandom, openRandom } from '../../support/random.ts'
import { openWireServer } from '../../support/wire-server.ts'

/** Half of them with a header that is required. */
const CONNECTIONS = Number(process.env.CHASQUI_FUZZ_CASES ?? 2_000) / 2
const AT_A_TIME = 8
const PING = '{"jsonrpc":"2.0","id":"p","method":"session.ping"}\n'
const HEADERS = [
  textHeader('192.0.2.7', 40_000),
  textHeader('2001:db8::7', 40_000),
  tcp4Header('192.0.2.7', 40_000),
  LOCAL_HEADER,
]

for (const required of [true, false]) {
  test(`${CONNECTIONS} connections with damaged headers (required: ${required})`, async (context) => {
    const { next } = openRandom(context)
    const server = await openWireServer(context, {
      proxy: { trusted: parseNetworks(['127.0.0.2']), required },
      logLevel: 'warn',
    })
    const neighbour = await server.connect('127.0.0.3')
    const seen = { refused: 0, answered: 0, silent: 0 }

    const one = async (seed: number) => {
      const random = createRandom(seed)
      const bytes = Buffer.concat([damaged(random, random.pick(HEADERS)), Buffer.from(`\n${PING}`)])
      const client = await server.connect('127.0.0.2')
      let at = 0
      while (at < bytes.length) {
        const length = 1 + random.below(bytes.length)
        client.send(bytes.subarray(at, at + length))
        at += length
        await new Promise((resolve) => setImmediate(resolve))
      }
      client.end()
      await client.ended()
      const replies = client.lines.map((line) => JSON.parse(line))
      if (replies.some(({ id }) => id === 'p')) seen.answered++
      else if (replies.some(({ payload }) => payload?.code === 'PROXY_HEADER')) seen.refused++
      else seen.silent++
      assert.ok(replies.length > 0, `seed ${seed}: ${bytes.toString('hex')} was not answered`)
      client.destroy()
    }
    let left = CONNECTIONS
    const lane = async () => {
      while (left-- > 0) {
        await one(Math.floor(next() * 2 ** 32))
        assert.equal((await neighbour.ask('session.ping')).peer, '127.0.0.3')
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, lane))
    context.diagnostic(JSON.stringify(seen))
    assert.ok(seen.refused > 0 && seen.answered > 0, JSON.stringify(seen))
    await eventually('only the neighbour is left', () => server.distributor.connections === 1)
    const unexpected = server.logged.filter(({ event }) => event !== 'distributor.bad-proxy-header')
    assert.deepEqual(unexpected, [])
  })
}
