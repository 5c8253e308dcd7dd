/** Clients that mean no good, or are just slow: what one request can make the server hold or wait for, and that the others do not notice. */

import assert from 'node:assert/strict'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Intake } from '../../../src/distributor/intake.ts'
import { eventually } from '../../support/eventually.ts'
import { body, type HttpServer, openHttpServer } from '../../support/http-server.ts'
import { issue } from '../../support/tokens.ts'

const DEADLINE_MS = 60_000

interface Raw {
  readonly socket: net.Socket
  text(): string
  until(what: string, isSo: (text: string, closed: boolean) => boolean): Promise<void>
}

/** A socket that says what it is told to, byte by byte. */
function raw(context: TestContext, { http }: HttpServer): Raw {
  const socket = net.connect({ port: http.port, host: '127.0.0.1' })
  let [text, closed] = ['', false]
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket
    .on('error', () => {})
    .on('close', () => {
      closed = true
    })
  context.after(() => socket.destroy())
  return {
    socket,
    text: () => text,
    until: (what, isSo) => eventually(what, () => isSo(text, closed), DEADLINE_MS),
  }
}

const HEAD = 'POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'

test('a request that is begun and not finished is told so and closed', async (context) => {
  const server = await openHttpServer(context, { limits: { messageStallMs: 300, helloMs: 300 } })
  for (const begun of ['GET /v1/ta', `${HEAD}content-length: 100\r\n\r\n{"type":`]) {
    const slow = raw(context, server)
    slow.socket.write(begun)
    await slow.until('the end', (text, closed) => closed || text.includes('MESSAGE_STALLED'))
    assert.match(slow.text(), /^HTTP\/1\.1 408 [\s\S]*"name":"MESSAGE_STALLED"/)
  }
  assert.equal((await server.ask('GET', '/healthz')).status, 200)
})

test('a body that says that it is too long, or is it without saying so, is refused before it is held', async (context) => {
  const server = await openHttpServer(context, { limits: { frameBytesMax: 100_000 } })
  const honest = raw(context, server)
  honest.socket.write(`${HEAD}content-length: 999999999\r\n\r\n`)
  await honest.until('the refusal', (text) => text.includes('FRAME_TOO_LARGE'))
  assert.match(honest.text(), /^HTTP\/1\.1 413 [\s\S]*connection: close/i)
  const endless = raw(context, server)
  endless.socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'x'.repeat(0x1_0000)}\r\n`
  endless.socket.write(chunk)
  endless.socket.write(chunk)
  await endless.until('the refusal', (text) => text.includes('FRAME_TOO_LARGE'))
})

test('bodies that are not complete are bounded together, and their memory comes back', async (context) => {
  const server = await openHttpServer(context, { limits: { intakeBytesMax: 100_000 } })
  const part = `${HEAD}content-length: 90000\r\n\r\n${'x'.repeat(60_000)}`
  const one = raw(context, server)
  one.socket.write(part)
  const { intake } = server.distributor.grounds
  await eventually('that it is held', () => !hasRoom(intake, 50_000), DEADLINE_MS)
  const two = raw(context, server)
  two.socket.write(part)
  await two.until('the refusal', (text) => text.includes('RETRY_AFTER'))
  assert.match(two.text(), /^HTTP\/1\.1 429 [\s\S]*retry-after: \d/i)
  one.socket.destroy()
  await eventually('that it is given back', () => hasRoom(intake, 99_000), DEADLINE_MS)
  assert.equal((await server.ask('POST', '/v1/tasks', { body: { type: 'x' } })).status, 201)
})

function hasRoom(intake: Intake, bytes: number): boolean {
  const fits = intake.change(0, bytes)
  intake.change(bytes, 0)
  return fits
}

test('who does not read his answer is let go', async (context) => {
  const server = await openHttpServer(context, { limits: { slowReaderMs: 300 } })
  const tasks = Array.from({ length: 20 }, (_, index) => ({
    id: `big-${index}`,
    type: 'x',
    data: 'x'.repeat(1_000_000),
  }))
  for (const task of tasks) await body(server.ask('POST', '/v1/tasks', { body: task }), 201)
  const deaf = raw(context, server)
  deaf.socket.pause()
  deaf.socket.write('GET /v1/tasks?data=true HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await eventually('that it is answered', () => server.http.requests === 1, DEADLINE_MS)
  await eventually('that the server has let it go', () => server.http.requests === 0, DEADLINE_MS)
  deaf.socket.resume()
  await deaf.until('the end', (_, closed) => closed)
  assert.ok(deaf.text().length < 20_000_000)
})

test('a wait ends when nobody is there any more to hear of it', async (context) => {
  const server = await openHttpServer(context)
  await body(server.ask('POST', '/v1/tasks', { body: { id: 'w', type: 'x' } }), 201)
  const gone = new AbortController()
  const asked = server.ask('GET', '/v1/tasks/w/wait?timeoutMs=3600000', { signal: gone.signal })
  await eventually('that it waits', () => server.http.requests === 1, DEADLINE_MS)
  gone.abort()
  await assert.rejects(asked)
  await eventually('that nobody waits', () => server.http.requests === 0, DEADLINE_MS)
})

test('one address waits for so many tasks at a time', async (context) => {
  const server = await openHttpServer(context, { limits: { waitsMax: 2 } })
  await body(
    server.ask('POST', '/v1/tasks', { body: { tasks: ['a', 'b', 'c'].map((id) => ({ id, type: 'x' })) } }),
  )
  const waiting = server.ask('POST', '/v1/tasks/wait', { body: { ids: ['a', 'b'] } })
  await eventually('that it waits', () => server.http.requests === 1, DEADLINE_MS)
  const refused = await server.ask('GET', '/v1/tasks/c/wait')
  assert.deepEqual([refused.status, refused.error], [429, 'TOO_MANY_SUBSCRIPTIONS'])
  await server.engine.cancel(['a', 'b'])
  assert.equal((await waiting).status, 200)
})

test('connections beyond the limit are closed', async (context) => {
  const server = await openHttpServer(context, { limits: { connectionsMax: 2 } })
  const sockets = [raw(context, server), raw(context, server)]
  await eventually('both', () => server.http.connections === 2, DEADLINE_MS)
  const third = raw(context, server)
  await third.until('the end', (_, closed) => closed)
  assert.equal(third.text(), '')
  for (const { socket } of sockets) socket.destroy()
  await eventually('room', () => server.http.connections === 0, DEADLINE_MS)
  assert.equal((await server.ask('GET', '/healthz')).status, 200)
})

test('what is no HTTP is told so, or closed, and nobody else notices', async (context) => {
  const server = await openHttpServer(context)
  for (const bytes of [
    '\x16\x03\x01\x02\x00\x01',
    '{"type":"sumar"}\n',
    'GET / HTTP/9.9\r\n\r\n',
    '\0\0\0\0\r\n\r\n',
  ]) {
    const odd = raw(context, server)
    odd.socket.write(Buffer.from(bytes, 'latin1'))
    odd.socket.end()
    await odd.until('the end', (text, closed) => closed || text.includes('\r\n\r\n'))
    assert.match(odd.text(), /^(HTTP\/1\.1 400 |$)/)
  }
  const long = raw(context, server)
  long.socket.write(`GET /${'x'.repeat(40_000)} HTTP/1.1\r\n`)
  await long.until('the refusal', (text) => text.includes('FRAME_TOO_LARGE'))
  assert.equal((await server.ask('GET', '/healthz')).status, 200)
})

test('before somebody has said who he is, only a small body is read of him', async (context) => {
  const { access } = issue({ boss: { grants: [{ rights: ['admin'], queues: ['*'] }] } })
  const server = await openHttpServer(context, { access })
  const token = 'x'.repeat(20_000)
  const refused = await server.ask('POST', '/v1/session', { body: { token } })
  assert.deepEqual([refused.status, refused.error], [413, 'FRAME_TOO_LARGE'])
  // Elsewhere nothing at all: the answer comes before the body.
  const stranger = raw(context, server)
  stranger.socket.write(`${HEAD}content-length: 4000000\r\n\r\n{`)
  await stranger.until('the refusal', (text) => text.includes('UNAUTHENTICATED'))
})

test('closing answers waits, and ends idle connections at once', async (context) => {
  const server = await openHttpServer(context)
  await body(server.ask('POST', '/v1/tasks', { body: { id: 'w', type: 'x' } }), 201)
  const waiting = server.ask('GET', '/v1/tasks/w/wait?timeoutMs=3600000')
  await eventually('that it waits', () => server.http.requests === 1, DEADLINE_MS)
  await server.http.close({ deadlineMs: DEADLINE_MS })
  const told = await waiting
  assert.deepEqual([told.status, told.error], [503, 'SHUTTING_DOWN'])
  await assert.rejects(server.ask('GET', '/healthz'))
})

test('one address reads eight long answers at a time; the others wait their turn', async (context) => {
  const server = await openHttpServer(context)
  await body(server.ask('POST', '/v1/tasks', { body: { id: 'a', type: 'x' } }), 201)
  const answers = await Promise.all(Array.from({ length: 100 }, () => server.ask('GET', '/v1/tasks/a')))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
})
