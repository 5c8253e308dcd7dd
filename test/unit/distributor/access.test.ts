/** Who gets in, who is sent away, what that costs, and what happens to those who are in when the tokens change. */

import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { Doorkeeper, networkOf } from '../../../src/distributor/access/doorkeeper.ts'
import { Rate } from '../../../src/distributor/access/rate.ts'
import { fitsPattern } from '../../../src/distributor/access/rights.ts'
import { createToken, isProof, readToken } from '../../../src/distributor/access/token.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import {
  AUDIT_STRANGERS_PER_MINUTE,
  LOGIN_FAILURES_FREE,
  LOGIN_WAIT_MAX_MS,
  STRANGERS_PER_ADDRESS_MAX,
} from '../../../src/task/limits.ts'
import { certificates } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { type Issued, issue } from '../../support/tokens.ts'
import { openWireServer, type WireServer, type WireServerOptions } from '../../support/wire-server.ts'

async function locked(t: TestContext, issued: Issued, options: WireServerOptions = {}): Promise<WireServer> {
  return openWireServer(t, { access: issued.access, ...options })
}

const ADMIN = { root: { roles: ['admin'] } }

test('a token lets in, and the server says under which name', async (t) => {
  const issued = issue(ADMIN)
  const wire = await (await locked(t, issued)).connect()
  assert.equal((await wire.ask('session.hello', { token: issued.tokens.root })).identity, 'root')
  const { receipts } = await wire.ask('task.submit', { tasks: [{ type: 'sumar' }] })
  assert.equal(receipts[0].state, 'queued')
})

test('no, empty, blank, wrong, cut, changed and expired tokens let nobody in, and the connection ends', async (t) => {
  const issued = issue({ ...ADMIN, old: { roles: ['admin'], expiresAt: '2026-01-31T12:00:00Z' } })
  const server = await locked(t, issued)
  const right = issued.tokens.root!
  const last = right.at(-1) === 'A' ? 'B' : 'A'
  const wrong = [
    '',
    ' ',
    '\t\n',
    'x',
    right.slice(0, -1),
    `${right.slice(0, -2)}${last}_`,
    ` ${right}`,
    createToken().token,
    issued.tokens.old!,
  ]
  for (const [index, token] of wrong.entries()) {
    // Each from an address of its own, so that nobody has to wait.
    const wire = await server.connect(`127.0.1.${index + 1}`)
    assert.equal(await wire.refusal('session.hello', { token }), 'UNAUTHENTICATED', JSON.stringify(token))
    await wire.ended()
  }
  const wire = await server.connect()
  assert.equal(await wire.refusal('task.submit', { tasks: [{ type: 'sumar' }] }), 'UNAUTHENTICATED')
  await wire.ended()
  const bare = await server.connect()
  bare.send('{"type":"sumar","data":[1]}')
  assert.equal((await bare.next()).payload.code, 'UNAUTHENTICATED')
  await bare.ended()
  assert.equal((await server.engine.inspect()).queues.length, 0)
})

test('a wrong token is told without a word of it, in answers and in logs', async (t) => {
  const issued = issue(ADMIN)
  const server = await locked(t, issued)
  const { token } = createToken()
  const wire = await server.connect()
  const reply = JSON.stringify(await wire.call('session.hello', { token }))
  await wire.ended()
  await eventually('the end is logged', () => server.logged.some(({ event }) => event === 'session.closed'))
  for (const text of [reply, JSON.stringify(server.logged)])
    assert.ok(!text.includes(readToken(token)!.secret))
})

test('bare tasks without a token are taken only where the file says so', async (t) => {
  const issued = issue(ADMIN, { anonymous: ['submitter'] })
  const server = await locked(t, issued)
  const wire = await server.connect()
  wire.send('{"type":"sumar","data":[1]}')
  assert.equal((await wire.next()).status, 'ok')
  assert.equal(await wire.refusal('task.list'), 'UNAUTHENTICATED')
})

test('the library shows its token, and gives up at once with a wrong one', async (t) => {
  const issued = issue(ADMIN)
  const server = await locked(t, issued)
  const url = `chasqui://127.0.0.1:${server.port}`
  const client = await connect(url, { token: issued.tokens.root! })
  t.after(() => client.close())
  await client.submit('sumar', [1])
  await assert.rejects(connect(url, { token: createToken().token }), { code: 'UNAUTHENTICATED' })
  const nameless = await connect(url)
  t.after(() => nameless.close())
  await assert.rejects(nameless.submit('sumar', [1]), { code: 'UNAUTHENTICATED' })
})

test('a token that is revoked ends its connections, and their watches and waits, within seconds', async (t) => {
  const issued = issue({ ...ADMIN, ana: { roles: ['admin'] } })
  const server = await locked(t, issued)
  const [root, ana] = [await server.connect(), await server.connect()]
  await root.ask('session.hello', { token: issued.tokens.root })
  await ana.ask('session.hello', { token: issued.tokens.ana })
  await ana.ask('task.watch', {})
  issued.access.renew({ ...issued.file, tokens: issued.file.tokens.filter(({ name }) => name !== 'ana') })
  server.distributor.recheckAccess()
  await root.ask('task.submit', { tasks: [{ type: 'secret' }] })
  const last = await ana.next()
  assert.equal(last.error?.data.name, 'UNAUTHENTICATED')
  await ana.ended()
  assert.deepEqual(ana.lines, [])
  assert.equal(
    await server.connect().then((wire) => wire.refusal('session.hello', { token: issued.tokens.ana })),
    'UNAUTHENTICATED',
  )
  await root.ask('queue.list')
})

test('a connection belongs to the token that it came with: another one is refused, and that is its end', async (t) => {
  const issued = issue({ ...ADMIN, ana: { roles: ['viewer'] } })
  const wire = await (await locked(t, issued)).connect()
  await wire.ask('session.hello', { token: issued.tokens.ana })
  assert.equal(await wire.refusal('session.hello', { token: issued.tokens.root }), 'UNAUTHENTICATED')
  await wire.ended()
})

test('rights that change end the connection, and the next one has the new ones', async (t) => {
  const issued = issue({ ana: { roles: ['admin'] } })
  const server = await locked(t, issued)
  const ana = await server.connect()
  await ana.ask('session.hello', { token: issued.tokens.ana })
  issued.access.renew({
    ...issued.file,
    tokens: issued.file.tokens.map((token) => ({ ...token, roles: ['viewer'] })),
  })
  server.distributor.recheckAccess()
  assert.equal((await ana.next()).error?.data.name, 'SHUTTING_DOWN')
  const again = await server.connect()
  await again.ask('session.hello', { token: issued.tokens.ana })
  assert.equal(await again.refusal('task.submit', { tasks: [{ type: 'x' }] }), 'FORBIDDEN')
})

test('a token that expires ends its connections by itself', async (t) => {
  const clock = new VirtualClock(Date.parse('2026-01-31T11:59:58Z'))
  const issued = issue({ ana: { roles: ['admin'], expiresAt: '2026-01-31T12:00:00Z' } })
  const server = await locked(t, issued, { clock })
  const ana = await server.connect()
  await ana.ask('session.hello', { token: issued.tokens.ana })
  await clock.advance(1_000)
  await ana.ask('queue.list')
  await clock.advance(2_000)
  assert.equal((await ana.next()).error?.data.name, 'UNAUTHENTICATED')
})

test('a client certificate is an identity by its subject, and a token may be shown on top', async (t) => {
  const { authority, client, server: own } = await certificates()
  const issued = issue(ADMIN, { certificates: [{ subject: 'CN=ana', roles: ['viewer'], limits: {} }] })
  const server = await locked(t, issued, {
    tls: { cert: own.certPem, key: own.keyPem, ca: authority.certPem },
  })
  const url = `chasquis://127.0.0.1:${server.port}`
  const tls = { ca: authority.certPem, cert: client.certPem, key: client.keyPem }
  const viewer = await connect(url, { tls })
  t.after(() => viewer.close())
  await viewer.list({ limit: 1 })
  await assert.rejects(viewer.submit('sumar', [1]), { code: 'FORBIDDEN' })
  const root = await connect(url, { tls, token: issued.tokens.root! })
  t.after(() => root.close())
  await root.submit('sumar', [1])
})

test('a stranger has little time and little room: a slow one, a silent one and a giant message are cut off', async (t) => {
  const issued = issue(ADMIN)
  const server = await locked(t, issued, { limits: { helloMs: 200 } })
  const silent = await server.connect()
  assert.equal((await silent.next()).payload.code, 'UNAUTHENTICATED')
  await silent.ended()
  const slow = await server.connect()
  const drip = setInterval(() => slow.send('{"a":'), 20)
  t.after(() => clearInterval(drip))
  await slow.ended()
  clearInterval(drip)
  const giant = await server.connect()
  giant.send(
    `{"jsonrpc":"2.0","id":1,"method":"session.hello","params":{"client":"${'x'.repeat(20_000)}"}}\n`,
  )
  assert.equal((await giant.next()).payload.code, 'FRAME_TOO_LARGE')
  await giant.ended()
  const known = await server.connect()
  await known.ask('session.hello', { token: issued.tokens.root })
  const { receipts } = await known.ask('task.submit', { tasks: [{ type: 'x', data: 'x'.repeat(1_000_000) }] })
  assert.equal(receipts[0].state, 'queued')
})

test('one address may have so many strangers at a time; others, and those who are known, come in', async (t) => {
  const issued = issue(ADMIN)
  const server = await locked(t, issued)
  const known = await server.connect()
  await known.ask('session.hello', { token: issued.tokens.root })
  const strangers = await Promise.all(
    Array.from({ length: STRANGERS_PER_ADDRESS_MAX }, () => server.connect()),
  )
  await eventually('all are in', () => server.distributor.connections === STRANGERS_PER_ADDRESS_MAX + 1)
  const late = await server.connect()
  assert.equal((await late.next()).payload.code, 'TOO_MANY_CONNECTIONS')
  await late.ended()
  const other = await server.connect('127.0.0.2')
  await other.ask('session.hello', { token: issued.tokens.root })
  await known.ask('queue.list')
  strangers[0]!.destroy()
  await eventually('one has left', () => server.distributor.connections === STRANGERS_PER_ADDRESS_MAX + 1)
  await (await server.connect()).ask('session.hello', { token: issued.tokens.root })
})

test('a thousand strangers with half a message each leave no memory behind', async (t) => {
  const issued = issue(ADMIN)
  const server = await locked(t, issued, { limits: { helloMs: 300 } })
  const half = `{"jsonrpc":"2.0","id":1,"method":"session.hello","params":{"client":"${'x'.repeat(15_000)}`
  const flood = async (count: number) => {
    const sockets = Array.from({ length: count }, (_, index) => {
      const localAddress = `127.0.${2 + (index % 50)}.${1 + (index % 200)}`
      const socket = net.connect({ port: server.port, host: '127.0.0.1', localAddress })
      socket.on('error', () => {}).write(half)
      return new Promise<void>((resolve) => socket.resume().once('close', () => resolve()))
    })
    await Promise.all(sockets)
  }
  await flood(200)
  const before = process.memoryUsage().rss
  for (let round = 0; round < 5; round++) await flood(200)
  await eventually('all are gone', () => server.distributor.connections === 0)
  const grownBytes = process.memoryUsage().rss - before
  assert.ok(grownBytes < 64 * 1024 * 1024, `memory has grown by ${grownBytes} bytes`)
})

test('wrong tokens make an address wait, longer each time, whatever it shows then; another one need not', () => {
  const clock = new VirtualClock(1_000_000)
  const door = new Doorkeeper(clock)
  for (let index = 0; index < LOGIN_FAILURES_FREE; index++) door.failed('10.0.0.1')
  assert.equal(door.waitMs('10.0.0.1'), 0)
  const waits: number[] = []
  for (let index = 0; index < 10; index++) {
    door.failed('10.0.0.1')
    waits.push(door.waitMs('10.0.0.1'))
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, LOGIN_WAIT_MAX_MS])
  assert.equal(door.waitMs('10.0.0.2'), 0)
})

test('a stranger does not fill the audit log: so many refusals a minute are written, and the next one says how many were not', async (t) => {
  const clock = new VirtualClock(60_000_000)
  const audited: { who: string; alsoRefused?: number }[] = []
  const issued = issue({ ...ADMIN, ana: { roles: ['viewer'] } })
  const audit = { record: (entry: { who: string }) => void audited.push(entry) }
  const server = await locked(t, issued, { clock, audit })
  const refuse = async (times: number) => {
    for (let n = 0; n < times; n++) {
      const wire = await server.connect('127.0.0.3')
      assert.equal(await wire.refusal('queue.list'), 'UNAUTHENTICATED')
      wire.destroy()
    }
  }
  await refuse(AUDIT_STRANGERS_PER_MINUTE + 7)
  assert.equal(audited.length, AUDIT_STRANGERS_PER_MINUTE)
  // Who is known is always written down.
  const ana = await server.connect('127.0.0.3')
  await ana.ask('session.hello', { token: issued.tokens.ana })
  assert.equal(await ana.refusal('task.submit', { tasks: [{ type: 'x' }] }), 'FORBIDDEN')
  assert.equal(audited.at(-1)!.who, 'ana')
  await clock.advance(60_000)
  await refuse(1)
  assert.equal(audited.at(-1)!.alsoRefused, 7)
})

test('an IPv6 network is one address', () => {
  assert.equal(networkOf('10.0.0.1'), '10.0.0.1')
  assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), networkOf('2001:db8:1:2::9'))
  assert.notEqual(networkOf('2001:db8:1:2::9'), networkOf('2001:db8:1:3::9'))
  assert.equal(networkOf('::1'), '0:0:0:0::/64')
})

test('while an address waits, the right token is not looked at either', async (t) => {
  const issued = issue(ADMIN)
  const server = await locked(t, issued)
  for (let index = 0; index <= LOGIN_FAILURES_FREE; index++) {
    const wire = await server.connect()
    assert.equal(await wire.refusal('session.hello', { token: createToken().token }), 'UNAUTHENTICATED')
  }
  const wire = await server.connect()
  const { error } = await wire.call('session.hello', { token: issued.tokens.root })
  assert.equal(error.data.name, 'RETRY_AFTER')
  assert.ok(error.data.retryAfterMs > 0 && error.data.retryAfterMs <= 250)
})

test('an identity that submits more than its rate hears RETRY_AFTER, and the client sends again by itself', async (t) => {
  const issued = issue({ ana: { roles: ['client'], limits: { tasksPerSecond: 20 } } })
  const server = await locked(t, issued)
  const wire = await server.connect()
  await wire.ask('session.hello', { token: issued.tokens.ana })
  const tasks = Array.from({ length: 30 }, (_, index) => ({ id: `t${index}`, type: 'x' }))
  const { receipts } = await wire.ask('task.submit', { tasks })
  const taken = receipts.filter((receipt: { error?: unknown }) => receipt.error === undefined)
  assert.ok(taken.length >= 20 && taken.length < 30, `${taken.length} were taken`)
  const { error } = receipts.at(-1)
  assert.equal(error.name, 'RETRY_AFTER')
  assert.ok(error.retryAfterMs > 0)
  const client = await connect(`chasqui://127.0.0.1:${server.port}`, { token: issued.tokens.ana! })
  t.after(() => client.close())
  const handles = await Promise.all(
    tasks.map(({ id, type }) => client.submit(type, null, { id: `again-${id}` })),
  )
  assert.equal(handles.length, 30)
})

test('a rate keeps one second of what was not used, and one large entry passes', () => {
  const clock = new VirtualClock(0)
  const rate = new Rate({ bytesPerSecond: 1_000 }, clock)
  assert.equal(rate.take(5_000), 0)
  assert.equal(rate.take(1), 4_001)
})

test('patterns of queues fit whole names, and a thousand stars cost no time', () => {
  const fits: readonly [string, string, boolean][] = [
    ['*', 'anything', true],
    ['a-*', 'a-b', true],
    ['a-*', 'a', false],
    ['a-*', 'ba-b', false],
    ['*-mail', 'a-mail', true],
    ['*-mail', 'a-mails', false],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'acb', false],
    ['aba*aba', 'aba', false],
    ['a.c', 'abc', false],
    ['', '', true],
  ]
  for (const [pattern, text, expected] of fits)
    assert.equal(fitsPattern(pattern, text), expected, `${pattern} ${text}`)
  assert.equal(fitsPattern(`${'*a'.repeat(1_000)}*b`, 'a'.repeat(10_000)), false)
})

test('each token is compared once, in constant time, whether its id is known or not', (t) => {
  const { access, tokens } = issue(ADMIN)
  const [, id] = tokens.root!.split('_')
  const compared = t.mock.method(crypto, 'timingSafeEqual')
  syncBuiltinESMExports()
  t.after(() => {
    compared.mock.restore()
    syncBuiltinESMExports()
  })
  const wrong = createToken().token
  for (const token of [tokens.root!, wrong, `chq_${id}_${wrong.slice(-43)}`]) {
    compared.mock.resetCalls()
    assert.equal(access.byToken(token, Date.now()) !== null, token === tokens.root)
    assert.equal(compared.mock.callCount(), 1)
  }
})

test('a token proves itself by its secret only', () => {
  const { token, id, ...proof } = createToken()
  const read = readToken(token)!
  assert.equal(read.id, id)
  assert.equal(isProof(read.secret, proof), true)
  assert.equal(isProof('', proof), false)
  assert.equal(isProof(read.secret, { ...proof, hash: '' }), false)
  assert.ok(!JSON.stringify(proof).includes(read.secret))
  assert.notEqual(createToken().token, createToken().token)
})
