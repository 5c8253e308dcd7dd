/** The TLS port of a distributor, from both ends: what works, and the sentence for what does not. */

import assert from 'node:assert/strict'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import type { Client } from '../../../src/client/client.ts'
import { type ConnectOptions, connect } from '../../../src/client/connect.ts'
import { parseNetworks } from '../../../src/wire/networks.ts'
import type { ServerTls } from '../../../src/wire/tls-policy.ts'
import { certificates, DAY_MS, HERE } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { FaultProxy } from '../../support/fault-proxy.ts'
import { tcp4Header } from '../../support/proxy-headers.ts'
import { WireClient } from '../../support/wire-client.ts'
import { openWireServer, type WireServer } from '../../support/wire-server.ts'

const nowMs = Date.now()

async function openTlsServer(
  t: TestContext,
  {
    own,
    isMutual = false,
    limits = {},
  }: { own?: { certPem: string; keyPem: string }; isMutual?: boolean; limits?: object } = {},
) {
  const { authority, server } = await certificates()
  const { certPem, keyPem } = own ?? server
  const serverTls: ServerTls = { cert: certPem, key: keyPem, ...(isMutual && { ca: authority.certPem }) }
  return openWireServer(t, { tls: serverTls, limits })
}

/** As a program of a user does. */
async function asClient(
  t: TestContext,
  { port }: WireServer,
  options: ConnectOptions = {},
  url = `chasquis://127.0.0.1:${port}`,
): Promise<Client> {
  const client = await connect(url, { connectTimeoutMs: 10_000, ...options })
  t.after(() => client.close())
  return client
}

async function secureWire(
  t: TestContext,
  { port }: WireServer,
  options: tls.ConnectionOptions = {},
): Promise<WireClient> {
  const { authority } = await certificates()
  const socket = tls.connect({ port, host: '127.0.0.1', ca: authority.certPem, ...options })
  t.after(() => socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  return new WireClient(socket)
}

const failed = (message: RegExp) => ({ code: 'TLS_FAILED', message })

test('a task goes over TLS, and its receipt comes back', async (t) => {
  const { authority } = await certificates()
  const server = await openTlsServer(t)
  const client = await asClient(t, server, { tls: { ca: authority.certPem } })
  const task = await client.submit('sumar', [5, 7])
  assert.equal((await client.get([task.id]))[0]?.state, 'queued')
})

test('a bare task over TLS needs no newline, and a half closed connection still gets its answer', async (t) => {
  const wire = await secureWire(t, await openTlsServer(t))
  wire.send('{"type":"sumar","data":[1,2]}')
  assert.equal((await wire.next()).status, 'ok')
  wire.send('{"type":"sumar","data":[3,4]}')
  wire.end()
  assert.equal((await wire.next()).status, 'ok')
  await wire.closed()
})

test('replies of 8 MB come whole over TLS, though the peer reads slowly', async (t) => {
  const wire = await secureWire(t, await openTlsServer(t))
  const data = 'x'.repeat(1_000_000)
  const tasks = Array.from({ length: 8 }, (_, index) => ({ id: `t${index}`, type: 'eco', data }))
  for (const task of tasks) await wire.ask('task.submit', { tasks: [task] })
  wire.socket.pause()
  const reply = wire.ask('task.get', { ids: tasks.map(({ id }) => id), data: true })
  setTimeout(() => wire.socket.resume(), 50)
  const { tasks: records } = await reply
  assert.deepEqual(
    records.map((record: { data: string }) => record.data.length),
    tasks.map(() => data.length),
  )
})

test('a server that nobody trusted signed is not talked to', async (t) => {
  const server = await openTlsServer(t)
  await assert.rejects(asClient(t, server), failed(/signed by nobody that is trusted here: name .* --tls-ca/))
})

test('a certificate for another host is not talked to, unless its name is said', async (t) => {
  const { authority } = await certificates()
  const own = await authority.issue({ name: 'other', hosts: ['queue.example'] })
  const server = await openTlsServer(t, { own })
  const ca = authority.certPem
  await assert.rejects(
    asClient(t, server, { tls: { ca } }),
    failed(/its certificate is for DNS:queue\.example, not for 127\.0\.0\.1/),
  )
  await assert.rejects(
    asClient(t, server, { tls: { ca, serverName: 'wrong.example' } }),
    failed(/DNS:queue\.example/),
  )
  await asClient(t, server, { tls: { ca, serverName: 'queue.example' } })
})

test('a certificate that has expired, or is not valid yet, is not talked to', async (t) => {
  const { authority } = await certificates()
  const times: readonly [object, RegExp][] = [
    [{ fromMs: nowMs - 9 * DAY_MS, untilMs: nowMs - DAY_MS }, /its certificate has expired/],
    [{ fromMs: nowMs + DAY_MS }, /its certificate is not valid yet/],
  ]
  for (const [time, sentence] of times) {
    const own = await authority.issue({ name: 'localhost', hosts: HERE, ...time })
    const server = await openTlsServer(t, { own })
    await assert.rejects(asClient(t, server, { tls: { ca: authority.certPem } }), failed(sentence))
  }
})

test('a plain client on a TLS port is told so, in plain text', async (t) => {
  const server = await openTlsServer(t)
  await assert.rejects(
    asClient(t, server, {}, `chasqui://127.0.0.1:${server.port}`),
    failed(/this port speaks TLS: connect with chasquis:\/\//),
  )
  const socket = net.connect({ port: server.port, host: '127.0.0.1' })
  const bare = new WireClient(socket)
  bare.send('{"type":"sumar","data":[1]}')
  const answer = await bare.next()
  assert.equal(answer.status, 'error')
  assert.equal(answer.payload.code, 'TLS_FAILED')
  await bare.closed()
  assert.equal((await server.engine.inspect()).queues.length, 0)
})

test('a TLS client on a plain port is told so at both ends', async (t) => {
  const { authority } = await certificates()
  const server = await openWireServer(t)
  await assert.rejects(
    asClient(t, server, { tls: { ca: authority.certPem } }),
    failed(/does not speak TLS: write chasqui:\/\//),
  )
  await eventually('the server says so', () =>
    server.logged.some(({ event, code }) => event === 'session.cut-off' && code === 'TLS_FAILED'),
  )
})

test('certificates for an address without TLS are refused, not ignored', async (t) => {
  const { authority } = await certificates()
  const server = await openWireServer(t)
  await assert.rejects(
    asClient(t, server, { tls: { ca: authority.certPem } }, `chasqui://127.0.0.1:${server.port}`),
    { code: 'CONFIG_INVALID', message: /write chasquis:\/\// },
  )
})

test('where clients must show a certificate, only one of the right authority gets in', async (t) => {
  const { authority, client, server: own } = await certificates()
  const server = await openTlsServer(t, { isMutual: true })
  const ca = authority.certPem
  await asClient(t, server, { tls: { ca, cert: client.certPem, key: client.keyPem } })

  const { makeAuthority } = await import('../../../src/app/dev-certificates.ts')
  const stranger = await (await makeAuthority('Stranger', nowMs)).issue({ name: 'ana' })
  const old = await authority.issue({ name: 'ana', fromMs: nowMs - 9 * DAY_MS, untilMs: nowMs - DAY_MS })
  const refusals: readonly [object, RegExp][] = [
    [{}, /asks for a client certificate, and yours is not accepted: none was shown/],
    [{ cert: stranger.certPem, key: stranger.keyPem }, /yours is not accepted: /],
    [{ cert: old.certPem, key: old.keyPem }, /yours is not accepted: it has expired/],
    // Of the right authority, but for servers.
    [{ cert: own.certPem, key: own.keyPem }, /yours is not accepted: it is not meant for clients/],
  ]
  for (const [shown, sentence] of refusals) {
    await assert.rejects(asClient(t, server, { tls: { ca, ...shown } }), failed(sentence))
  }
  assert.equal(server.logged.filter(({ event }) => event === 'session.opened').length, 1)
})

test('what a client without its certificate sends is not even read', async (t) => {
  const server = await openTlsServer(t, { isMutual: true })
  const wire = await secureWire(t, server)
  wire.send('{"type":"sumar","data":[1,2]}')
  assert.equal((await wire.next()).payload.code, 'TLS_FAILED')
  await wire.closed()
  assert.equal((await server.engine.inspect()).queues.length, 0)
})

test('TLS 1.1 and ciphers without authenticated encryption are refused', async (t) => {
  const server = await openTlsServer(t)
  const old: tls.ConnectionOptions = {
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'ALL@SECLEVEL=0',
  }
  await assert.rejects(secureWire(t, server, old))
  const weak: tls.ConnectionOptions = {
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256',
  }
  await assert.rejects(secureWire(t, server, weak))
  const good = await secureWire(t, server, { maxVersion: 'TLSv1.2' })
  assert.equal((good.socket as tls.TLSSocket).getCipher().name, 'ECDHE-ECDSA-AES128-GCM-SHA256')
})

test('a stranger that never finishes his handshake is gone after the deadline, and counted until then', async (t) => {
  const server = await openTlsServer(t, { limits: { handshakeMs: 150, connectionsMax: 2 } })
  const silent = net.connect({ port: server.port, host: '127.0.0.1' })
  const half = net.connect({ port: server.port, host: '127.0.0.1' })
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
  const closed = [silent, half].map(
    (socket) => new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve())),
  )
  await Promise.all(closed)
  assert.equal(server.logged.filter(({ event }) => event === 'session.opened').length, 0)
  const wire = await secureWire(t, server)
  assert.equal((await wire.ask('session.hello')).server.name, 'chasqui')
})

test('a stranger that leaves in the middle of his handshake is not counted until the deadline', async (t) => {
  const server = await openTlsServer(t, { limits: { connectionsMax: 1 } })
  // It leaves when it sees the certificate, which it does not trust.
  await assert.rejects(asClient(t, server))
  await eventually('it is gone', () => server.logged.some(({ event }) => event === 'distributor.turned-away'))
  const wire = await secureWire(t, server)
  assert.equal((await wire.ask('session.hello')).server.name, 'chasqui')
})

test('connections that are in their handshake count as connections', async (t) => {
  const server = await openTlsServer(t, { limits: { connectionsMax: 1 } })
  const silent = net.connect({ port: server.port, host: '127.0.0.1' })
  t.after(() => silent.destroy())
  await new Promise<void>((resolve) => silent.once('connect', () => resolve()))
  const second = new WireClient(net.connect({ port: server.port, host: '127.0.0.1' }))
  assert.equal((await second.next()).payload.code, 'TOO_MANY_CONNECTIONS')
})

test('new certificates are used for new connections, and open ones go on', async (t) => {
  const { authority } = await certificates()
  const server = await openTlsServer(t)
  const before = await secureWire(t, server)
  const renewed = await authority.issue({ name: 'renewed', hosts: HERE })
  server.distributor.renewTls({ cert: renewed.certPem, key: renewed.keyPem })
  const after = await secureWire(t, server)
  const name = ({ socket }: WireClient) => (socket as tls.TLSSocket).getPeerCertificate().subject.CN
  assert.equal(name(before), 'localhost')
  assert.equal(name(after), 'renewed')
  for (const wire of [before, after]) assert.equal((await wire.ask('session.hello')).server.name, 'chasqui')
})

test('coming back costs no full handshake, and sessions do not outlive the certificates', async (t) => {
  const { authority, server: own } = await certificates()
  const server = await openTlsServer(t)
  const first = await secureWire(t, server)
  const session = await new Promise<Buffer>((resolve) =>
    (first.socket as tls.TLSSocket).once('session', resolve),
  )
  const again = await secureWire(t, server, { session })
  assert.equal((again.socket as tls.TLSSocket).isSessionReused(), true)
  server.distributor.renewTls({ cert: own.certPem, key: own.keyPem, ca: authority.certPem })
  const late = await secureWire(t, server, { session })
  assert.equal((late.socket as tls.TLSSocket).isSessionReused(), false)
})

test('a client whose server got a bad certificate waits for a better one instead of giving up', async (t) => {
  const { authority, server: own } = await certificates()
  const bad = await authority.issue({
    name: 'localhost',
    hosts: HERE,
    fromMs: nowMs - 9 * DAY_MS,
    untilMs: nowMs - DAY_MS,
  })
  const server = await openTlsServer(t)
  const proxy = await FaultProxy.open({ port: server.port })
  t.after(() => proxy.close())
  const url = `chasquis://127.0.0.1:${proxy.port}`
  const client = await asClient(t, server, { tls: { ca: authority.certPem } }, url)
  server.distributor.renewTls({ cert: bad.certPem, key: bad.keyPem })
  // The connection breaks; new ones meet the bad certificate.
  proxy.reset()
  const submitted = client.submit('sumar', [1, 2])
  await eventually('it came and left again', () =>
    server.logged.some(({ event }) => event === 'distributor.turned-away'),
  )
  server.distributor.renewTls({ cert: own.certPem, key: own.keyPem })
  assert.equal((await submitted).receipt?.state, 'queued')
})

test('a balancer that passes TLS through says before it who the client is', async (t) => {
  const { authority, server: own } = await certificates()
  const proxy = { trusted: parseNetworks(['127.0.0.1']), required: true }
  const server = await openWireServer(t, { tls: { cert: own.certPem, key: own.keyPem }, proxy })
  const header = tcp4Header('192.0.2.7', 40_000)
  const greet = async (raw: net.Socket) => {
    const socket = tls.connect({ socket: raw, host: '127.0.0.1', ca: authority.certPem })
    t.after(() => socket.destroy())
    const wire = new WireClient(socket)
    assert.equal((await wire.ask('session.ping')).peer, '192.0.2.7')
  }
  const connected = async () => {
    const raw = net.connect({ port: server.port, host: '127.0.0.1', noDelay: true })
    await new Promise((resolve) => raw.once('connect', resolve))
    return raw
  }
  const alone = await connected()
  alone.write(header)
  await eventually('the header is read', () => server.distributor.connections === 1)
  await greet(alone)
  // The header and the first bytes of TLS in one packet.
  const together = await connected()
  together.cork()
  together.write(header)
  const greeted = greet(together)
  setImmediate(() => together.uncork())
  await greeted
})
