/** `--drain-notice` and `--proxy-protocol` as whoever starts a distributor meets them; no balancer needed. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chasqui } from '../cli/chasqui.ts'
import { connectFrom, eventsOf, eventuallySo, startFront } from './parts.ts'

test('a second signal does not wait for the notice to be over', async (context) => {
  const front = await startFront(context, ['--engine', 'memory', '--drain-notice', '1h'])
  front.child.kill('SIGTERM')
  await eventuallySo('it has given notice', () => eventsOf(front).includes('distributor.not-ready'))
  // Later than the echo of the first.
  await new Promise((resolve) => setTimeout(resolve, 500))
  front.child.kill('SIGTERM')
  assert.deepEqual(await front.exited, { code: 143, signal: null })
})

test('headers of balancers without addresses of balancers are refused in one sentence', async () => {
  const ended = await chasqui(['distributor', '--engine', 'memory', '--proxy-protocol', 'required'])
  assert.equal(ended.code, 1)
  assert.match(
    ended.stderr,
    /^chasqui: --proxy-protocol required needs --proxy-trusted: the addresses of the balancers, for whoever may send a header may pretend to be anybody\.\n$/,
  )
  const wrong = await chasqui(['distributor', '--engine', 'memory', '--proxy-trusted', '10.0.0.0/8,lb1'])
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /^chasqui: "lb1" is no address and no network like 10\.0\.0\.0\/8\.\n$/)
})

test('a client that is no balancer may connect directly, at its own address', async (context) => {
  const front = await startFront(context)
  const client = await connectFrom(context, { port: front.port, from: '127.0.0.9' })
  client.send('PROXY TCP4 192.0.2.7 127.0.0.1 1 5000\r\n')
  assert.equal((await client.next()).payload.code, 'PARSE_ERROR')
  assert.equal((await client.ask('session.ping')).peer, '127.0.0.9')
})
