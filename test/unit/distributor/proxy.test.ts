/** Connections that come through a balancer: whose header is believed, and what becomes of those who send none or nonsense. */

import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { Reception } from '../../../src/distributor/reception.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { PROXY_HEADER_MS } from '../../../src/task/limits.ts'
import { openLog } from '../../../src/telemetry/log.ts'
import { parseNetworks } from '../../../src/wire/networks.ts'
import { eventually } from '../../support/eventually.ts'
import { LOCAL_HEADER, tcp4Header, textHeader } from '../../support/proxy-headers.ts'
import { connectWire, type WireClient } from '../../support/wire-client.ts'
import { openWireServer, type WireServer } from '../../support/wire-server.ts'

const PING = '{"jsonrpc":"2.0","id":"p","method":"session.ping"}\n'

/** Trusts 127.0.0.2 only: a test chooses with its own address whether it is the balancer. */
function openServer(context: TestContext, required: boolean): Promise<WireServer> {
  return openWireServer(context, { proxy: { trusted: parseNetworks(['127.0.0.2']), required } })
}

async function peerOf(client: WireClient): Promise<string> {
  client.send(PING)
  const { result } = await client.next()
  return result.peer
}

const balancer = (server: WireServer) => server.connect('127.0.0.2')
const stranger = (server: WireServer) => server.connect('127.0.0.3')

describe('a trusted balancer', () => {
  for (const [version, header] of [
    ['1', textHeader('192.0.2.7', 40_000)],
    ['2', tcp4Header('192.0.2.7', 40_000)],
  ] as const) {
    test(`tells the address of its client (version ${version}), byte by byte or with the first message`, async (context) => {
      const server = await openServer(context, true)
      const whole = await balancer(server)
      whole.send(Buffer.concat([header, Buffer.from(PING)]))
      assert.deepEqual((await whole.next()).result, { ready: true, peer: '192.0.2.7' })
      const slow = await balancer(server)
      for (const byte of header) {
        slow.send(Buffer.from([byte]))
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal(await peerOf(slow), '192.0.2.7')
      const opened = server.logged.filter(({ event }) => event === 'session.opened')
      assert.deepEqual(
        opened.map(({ peer }) => peer),
        ['192.0.2.7', '192.0.2.7'],
      )
    })
  }

  test('sends bare tasks on behalf of a client that ends its side at once', async (context) => {
    const server = await openServer(context, true)
    const client = await balancer(server)
    client.send(Buffer.concat([tcp4Header('192.0.2.7', 1), Buffer.from('{"id":1,"type":"sumar"}')]))
    client.end()
    assert.equal((await client.next()).payload.id, '1')
    await client.closed()
  })

  test('that speaks for itself (LOCAL, UNKNOWN) is seen at its own address', async (context) => {
    const server = await openServer(context, true)
    for (const header of [LOCAL_HEADER, Buffer.from('PROXY UNKNOWN\r\n')]) {
      const client = await balancer(server)
      client.send(header)
      assert.equal(await peerOf(client), '127.0.0.2')
    }
  })

  test('gets one header only: a second one is nonsense', async (context) => {
    const server = await openServer(context, true)
    const client = await balancer(server)
    client.send(Buffer.concat([textHeader('192.0.2.7', 1), textHeader('192.0.2.8', 1)]))
    assert.equal((await client.next()).payload.code, 'PARSE_ERROR')
    assert.equal(await peerOf(client), '192.0.2.7')
  })

  test('must send a header where it is required, and hears so', async (context) => {
    const server = await openServer(context, true)
    const client = await balancer(server)
    client.send('{"type":"sumar"}')
    const { payload, message } = await client.next()
    assert.equal(payload.code, 'PROXY_HEADER')
    assert.equal(message, 'the PROXY header is missing')
    await client.ended()
    assert.equal((await server.engine.list({ limit: 1 })).tasks.length, 0)
    const [refused] = server.logged.filter(({ event }) => event === 'distributor.bad-proxy-header')
    assert.equal(refused?.msg, 'refused the balancer 127.0.0.2: the PROXY header is missing')
  })

  test('may leave it out where it is optional', async (context) => {
    const server = await openServer(context, false)
    assert.equal(await peerOf(await balancer(server)), '127.0.0.2')
    const proxied = await balancer(server)
    proxied.send(textHeader('192.0.2.7', 1))
    assert.equal(await peerOf(proxied), '192.0.2.7')
    const blank = await balancer(server)
    blank.send('\r\n\r\n')
    assert.equal(await peerOf(blank), '127.0.0.2')
  })

  for (const required of [true, false]) {
    test(`that sends half a header and ends, or a wrong one, is refused (required: ${required})`, async (context) => {
      const server = await openServer(context, required)
      for (const [bytes, sentence] of [
        [tcp4Header('192.0.2.7', 1).subarray(0, 20), /is not complete$/],
        [
          Buffer.from('PROXY TCP4 1.2.3.4\r\n'),
          /cannot be used: its line is not two addresses and two ports$/,
        ],
      ] as const) {
        const client = await balancer(server)
        client.send(bytes)
        client.end()
        assert.match((await client.next()).message, sentence)
        await client.closed()
      }
      assert.equal(server.distributor.connections, 0)
    })

    test(`that only looks whether the port is open leaves nothing in the log (required: ${required})`, async (context) => {
      const server = await openServer(context, required)
      const polite = await balancer(server)
      polite.end()
      await polite.closed()
      const rude = await balancer(server)
      rude.socket.resetAndDestroy()
      const check = await balancer(server)
      check.send(Buffer.concat([LOCAL_HEADER, Buffer.from(PING)]))
      await check.next()
      check.socket.resetAndDestroy()
      await eventually('all are gone', () => server.distributor.connections === 0)
      const noise = server.logged.filter(({ level }) => level !== 'debug')
      assert.deepEqual(
        noise.map(({ event }) => event),
        ['distributor.listening'],
      )
    })
  }
})

describe('a stranger', () => {
  for (const required of [true, false]) {
    test(`is who the socket says, and its header is nonsense (required: ${required})`, async (context) => {
      const server = await openServer(context, required)
      assert.equal(await peerOf(await stranger(server)), '127.0.0.3')
      const text = await stranger(server)
      text.send(textHeader('192.0.2.7', 1))
      assert.equal((await text.next()).payload.code, 'PARSE_ERROR')
      assert.equal(await peerOf(text), '127.0.0.3')
      const binary = await stranger(server)
      binary.send(tcp4Header('192.0.2.7', 1))
      // Its last bytes are the beginning of a line.
      binary.send(`\n${PING}`)
      const { result } = await binary.find('the answer to the ping', (message) => message.id === 'p')
      assert.equal(result.peer, '127.0.0.3')
    })
  }

  test('is not listened to differently where nobody sends headers', async (context) => {
    const server = await openWireServer(context)
    const client = await server.connect()
    client.send(textHeader('192.0.2.7', 1))
    assert.equal((await client.next()).payload.code, 'PARSE_ERROR')
    assert.equal(await peerOf(client), '127.0.0.1')
  })
})

test('connections that have not sent their header count, and are closed with the server', async (context) => {
  const server = await openWireServer(context, {
    proxy: { trusted: parseNetworks(['127.0.0.2']), required: false },
    limits: { connectionsMax: 1 },
  })
  const first = await balancer(server)
  await eventually('it is there', () => server.distributor.connections === 1)
  const second = await stranger(server)
  assert.equal((await second.next()).payload.code, 'TOO_MANY_CONNECTIONS')
  await server.distributor.close({ deadlineMs: 10_000 })
  await first.ended()
})

test('a server that is about to stop says so and works on', async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  assert.equal((await client.ask('session.ping')).ready, true)
  server.distributor.announceEnd()
  server.distributor.announceEnd()
  assert.equal((await client.ask('session.ping')).ready, false)
  assert.equal((await client.ask('system.stats')).server.ready, false)
  const later = await server.connect()
  const { receipts } = await later.ask('task.submit', { tasks: [{ type: 'sumar' }] })
  assert.equal(receipts[0].state, 'queued')
  assert.equal(server.logged.filter(({ event }) => event === 'distributor.not-ready').length, 1)
})

describe('a balancer that dawdles', () => {
  /** One connection through a reception whose clock is the test's. */
  async function arrive(context: TestContext, required: boolean) {
    const clock = new VirtualClock()
    const reception = new Reception({
      proxy: { trusted: parseNetworks(['127.0.0.1']), required },
      clock,
      log: openLog({ level: 'silent' }),
      lingerMs: 2_000,
    })
    const server = net.createServer({ allowHalfOpen: true }, (socket) => reception.receive(socket, () => {}))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = await connectWire((server.address() as net.AddressInfo).port)
    context.after(() => {
      client.destroy()
      server.close()
    })
    await eventually('it is there', () => reception.count === 1)
    return { clock, client, reception }
  }

  test('with a header that it must send, or has begun, is told so and closed', async (context) => {
    for (const [required, beginning] of [
      [true, ''],
      [true, 'PROXY '],
      [false, 'PROXY '],
    ] as const) {
      const { clock, client, reception } = await arrive(context, required)
      client.send(beginning)
      // What was sent must have been taken before time goes on.
      await new Promise((resolve) => setTimeout(resolve, 20))
      await clock.advance(PROXY_HEADER_MS - 1)
      assert.deepEqual(client.lines, [])
      await clock.advance(1)
      assert.match((await client.next()).message, /was not complete within 5000 ms$/)
      await client.ended()
      assert.equal(reception.count, 1, 'it may still read the reason')
      await clock.advance(2_000)
      await eventually('it is gone', () => reception.count === 0)
    }
  })

  test('where no header is required may be silent for ever', async (context) => {
    const { clock, reception } = await arrive(context, false)
    await clock.advance(86_400_000)
    assert.equal(reception.count, 1)
  })
})
