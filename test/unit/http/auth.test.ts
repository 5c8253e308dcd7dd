/** Who may over HTTP: tokens, browser sessions, rights, pages of other origins, names that point here, strangers. */

import assert from 'node:assert/strict'
import { request } from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { Access } from '../../../src/distributor/access/access.ts'
import type { AuditEntry } from '../../../src/distributor/access/audit.ts'
import { LOGIN_FAILURES_FREE, STRANGERS_PER_ADDRESS_MAX } from '../../../src/task/limits.ts'
import { eventually } from '../../support/eventually.ts'
import { type Answer, body, type HttpServer, openHttpServer } from '../../support/http-server.ts'
import { issue } from '../../support/tokens.ts'

const EVERYTHING = { grants: [{ rights: ['admin' as const], queues: ['*'] }] }
const OF_ANA = { grants: [{ rights: ['submit' as const, 'read' as const], queues: ['ana-*'] }] }

/** The cookie and the CSRF token of a browser that has shown its token. */
async function login(
  { ask }: HttpServer,
  token: string,
): Promise<{ cookie: string; csrf: string; answer: Answer }> {
  const answer = await ask('POST', '/v1/session', { body: { token } })
  assert.equal(answer.status, 200, answer.text)
  const cookie = answer.headers.get('set-cookie')!.split(';')[0]!
  return { cookie, csrf: answer.body.csrf, answer }
}

test('without a token everything but health and the door is 401, with one what it grants', async (context) => {
  const { tokens, access } = issue({ boss: EVERYTHING, ana: OF_ANA })
  const { ask } = await openHttpServer(context, { access })
  for (const path of ['/v1/tasks', '/v1/tasks/x', '/v1/queues', '/v1/events', '/v1/stats']) {
    const refused = await ask('GET', path)
    assert.deepEqual([refused.status, refused.error], [401, 'UNAUTHENTICATED'], path)
    assert.match(refused.headers.get('www-authenticate')!, /^Bearer/)
  }
  for (const path of ['/healthz', '/readyz', '/', '/v1/session']) {
    assert.equal((await ask('GET', path)).status, 200, path)
  }
  assert.equal((await ask('GET', '/v1/queues', { token: tokens.boss! })).status, 200)
  const forbidden = await ask('GET', '/v1/queues', { token: tokens.ana! })
  assert.deepEqual([forbidden.status, forbidden.error], [403, 'FORBIDDEN'])
  assert.equal((await ask('GET', '/v1/queues', { token: `${tokens.boss}x` })).error, 'UNAUTHENTICATED')
  const basic = { authorization: `Basic ${Buffer.from(`x:${tokens.boss}`).toString('base64')}` }
  assert.equal((await ask('GET', '/v1/queues', { headers: basic })).error, 'UNAUTHENTICATED')
})

test('a task that may not be read does not exist', async (context) => {
  const { tokens, access } = issue({ boss: EVERYTHING, ana: OF_ANA })
  const { ask } = await openHttpServer(context, { access })
  const secret = { id: 'secret', type: 'x', queue: 'bea-1' }
  await body(ask('POST', '/v1/tasks', { body: secret, token: tokens.boss! }), 201)
  const token = tokens.ana!
  await body(ask('POST', '/v1/tasks', { body: { id: 'own', type: 'x', queue: 'ana-1' }, token }), 201)
  const hidden = await ask('GET', '/v1/tasks/secret', { token })
  const unknown = await ask('GET', '/v1/tasks/nobody', { token })
  assert.deepEqual([hidden.status, hidden.text], [unknown.status, unknown.text])
  const { tasks } = await body(ask('GET', '/v1/tasks', { token }))
  assert.deepEqual(
    tasks.map(({ id }: { id: string }) => id),
    ['own'],
  )
  const refused = await ask('POST', '/v1/tasks', { body: { ...secret, id: 'other' }, token })
  assert.deepEqual([refused.status, refused.error], [403, 'FORBIDDEN'])
  assert.equal((await ask('POST', '/v1/tasks/own/cancel', { token })).status, 403)
})

test('the same Idempotency-Key of two callers is two tasks', async (context) => {
  const { tokens, access } = issue({ boss: EVERYTHING, ana: OF_ANA })
  const { ask } = await openHttpServer(context, { access })
  const submit = (token: string) =>
    body(
      ask('POST', '/v1/tasks', {
        body: { type: 'x', queue: 'ana-1' },
        token,
        headers: { 'idempotency-key': 'k' },
      }),
      201,
    )
  assert.notEqual((await submit(tokens.boss!)).id, (await submit(tokens.ana!)).id)
})

test('a browser shows its token once; then its cookie reads, and writes only with the CSRF token', async (context) => {
  const { tokens, access } = issue({ boss: EVERYTHING })
  const server = await openHttpServer(context, { access })
  const { ask } = server
  assert.deepEqual((await ask('GET', '/v1/session')).body.needsToken, true)
  const { cookie, csrf, answer } = await login(server, tokens.boss!)
  const attributes = answer.headers.get('set-cookie')!
  for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/']) assert.ok(attributes.includes(attribute))
  assert.ok(!attributes.includes(tokens.boss!), 'the token itself is in no cookie')
  assert.deepEqual([answer.body.identity, answer.body.rights], ['boss', ['admin']])
  assert.equal((await ask('GET', '/v1/queues', { headers: { cookie } })).status, 200)
  const again = await body(ask('GET', '/v1/session', { headers: { cookie } }))
  assert.deepEqual([again.csrf, again.needsToken], [csrf, false])
  const task = { body: { type: 'x' } }
  for (const headers of [{ cookie }, { cookie, 'x-csrf-token': 'guess' }, { cookie, 'x-csrf-token': '' }]) {
    assert.equal((await ask('POST', '/v1/tasks', { ...task, headers })).error, 'FORBIDDEN')
  }
  const headers = { cookie, 'x-csrf-token': csrf }
  assert.equal((await ask('POST', '/v1/tasks', { ...task, headers })).status, 201)
  assert.equal((await ask('DELETE', '/v1/session', { headers: { cookie } })).error, 'FORBIDDEN')
  assert.equal((await ask('DELETE', '/v1/session', { headers })).status, 204)
  assert.equal((await ask('GET', '/v1/queues', { headers: { cookie } })).error, 'UNAUTHENTICATED')
})

test('where nobody is asked there is no cookie, and the page hears that it needs no token', async (context) => {
  const { ask } = await openHttpServer(context)
  const session = await ask('GET', '/v1/session')
  assert.deepEqual(session.body, {
    identity: 'anonymous',
    needsToken: false,
    rights: ['admin'],
    csrf: null,
    expiresAt: null,
  })
  const shown = await ask('POST', '/v1/session', { body: { token: 'whatever' } })
  assert.deepEqual([shown.status, shown.headers.get('set-cookie')], [200, null])
})

test('wrong tokens make the address wait, at both doors and over TCP', async (context) => {
  const { tokens, access } = issue({ boss: EVERYTHING })
  const { ask, connect } = await openHttpServer(context, { access })
  const entries = Array.from({ length: LOGIN_FAILURES_FREE + 1 }, (_, index) => index)
  for (const index of entries) {
    const token = `wrong-${index}`
    const refused =
      index % 2 === 0 ? ask('POST', '/v1/session', { body: { token } }) : ask('GET', '/v1/tasks', { token })
    assert.equal((await refused).status, 401)
  }
  const waits = await ask('GET', '/v1/tasks', { token: tokens.boss! })
  assert.deepEqual([waits.status, waits.error], [429, 'RETRY_AFTER'])
  assert.equal(waits.headers.get('retry-after'), '1')
  const wire = await connect()
  assert.equal(await wire.refusal('session.hello', { token: tokens.boss! }), 'RETRY_AFTER')
  await eventually(
    'that the token is looked at again',
    async () => {
      return (await ask('GET', '/v1/tasks', { token: tokens.boss! })).status === 200
    },
    60_000,
  )
})

test('revoking a token ends its browser sessions, its streams and its waits', async (context) => {
  const { tokens, access, file } = issue({ boss: EVERYTHING })
  const server = await openHttpServer(context, { access })
  const { ask, http, url } = server
  const { cookie } = await login(server, tokens.boss!)
  await body(ask('POST', '/v1/tasks', { body: { id: 'w', type: 'x' }, token: tokens.boss! }), 201)
  const waiting = ask('GET', '/v1/tasks/w/wait?timeoutMs=600000', { token: tokens.boss! })
  const stream = await fetch(`${url}/v1/events`, { headers: { cookie } })
  assert.equal(stream.status, 200)
  const heard = stream.text()
  access.renew({ ...file, tokens: [] })
  http.recheckAccess()
  assert.equal((await waiting).error, 'UNAUTHENTICATED')
  assert.match(await heard, /event: end\n/)
  assert.equal((await ask('GET', '/v1/queues', { headers: { cookie } })).error, 'UNAUTHENTICATED')
})

test('logging out ends the streams of that session, and of no other', async (context) => {
  const { tokens, access } = issue({ boss: EVERYTHING })
  const server = await openHttpServer(context, { access })
  const [one, two] = [await login(server, tokens.boss!), await login(server, tokens.boss!)]
  const gone = new AbortController()
  const open = (cookie: string) =>
    fetch(`${server.url}/v1/events`, { headers: { cookie }, signal: gone.signal })
  const [ofOne, ofTwo] = [await open(one.cookie), await open(two.cookie)]
  const other = ofTwo.text().then(
    () => 'ended',
    () => 'was still open',
  )
  const headers = { cookie: one.cookie, 'x-csrf-token': one.csrf }
  assert.equal((await server.ask('DELETE', '/v1/session', { headers })).status, 204)
  assert.match(await ofOne.text(), /event: end\n/)
  gone.abort()
  assert.equal(await other, 'was still open')
})

test('pages of other origins get nothing, unless they are named', async (context) => {
  const { ask, url } = await openHttpServer(context, { face: { origins: ['https://tasks.example.com'] } })
  const from = (origin: string) => ask('POST', '/v1/tasks', { body: { type: 'x' }, headers: { origin } })
  for (const origin of ['http://evil.example', 'null', 'http://localhost.evil.example']) {
    const refused = await from(origin)
    assert.deepEqual([refused.status, refused.error], [403, 'FORBIDDEN'], origin)
    assert.equal(refused.headers.get('access-control-allow-origin'), null)
  }
  assert.equal((await from(url)).status, 201)
  const named = await from('https://tasks.example.com')
  assert.equal(named.status, 201)
  assert.equal(named.headers.get('access-control-allow-origin'), 'https://tasks.example.com')
  assert.equal(named.headers.get('access-control-allow-credentials'), null)
  const preflight = await ask('OPTIONS', '/v1/tasks', {
    headers: { origin: 'https://tasks.example.com', 'access-control-request-method': 'POST' },
  })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers')!, /authorization/)
})

test('a form of another page cannot submit: only JSON that says so is read', async (context) => {
  const { ask } = await openHttpServer(context)
  const headers = { 'content-type': 'text/plain' }
  const sent = await ask('POST', '/v1/tasks', { body: '{"type":"x"}', headers })
  assert.deepEqual([sent.status, sent.error], [400, 'INVALID_REQUEST'])
})

test('a name that somebody made point here opens nothing where nobody is asked', async (context) => {
  const { http } = await openHttpServer(context)
  const { access } = issue({ boss: EVERYTHING })
  const locked = await openHttpServer(context, { access })
  const as = (port: number, host: string) =>
    new Promise<number>((resolve, reject) => {
      const sent = request(
        { port, host: '127.0.0.1', path: '/v1/session', headers: { host } },
        (response) => {
          response.resume()
          resolve(response.statusCode!)
        },
      )
      sent.on('error', reject).end()
    })
  assert.equal(await as(http.port, 'rebound.example'), 403)
  assert.equal(await as(http.port, 'localhost.rebound.example'), 403)
  for (const host of [`localhost:${http.port}`, '127.0.0.1', '[::1]:8080']) {
    assert.equal(await as(http.port, host), 200, host)
  }
  // Whoever has to show a token may come by any name.
  assert.equal(await as(locked.http.port, 'tasks.example.com'), 200)
})

test('refusals are in the audit log, and the token is not', async (context) => {
  const { tokens, access } = issue({ ana: OF_ANA })
  const entries: AuditEntry[] = []
  const { ask } = await openHttpServer(context, { access, audit: { record: (entry) => entries.push(entry) } })
  await ask('POST', '/v1/tasks/x/cancel', { token: tokens.ana! })
  await ask('POST', '/v1/session', { body: { token: 'wrong' } })
  const [cancel, session] = entries as [AuditEntry, AuditEntry]
  assert.deepEqual(
    [cancel.act, cancel.who, cancel.code, cancel.from],
    ['POST /v1/tasks/:id/cancel', 'ana', 'FORBIDDEN', '127.0.0.1'],
  )
  assert.deepEqual([session.act, session.code], ['POST /v1/session', 'UNAUTHENTICATED'])
  assert.ok(!JSON.stringify(entries).includes(tokens.ana!))
})

test('an address has so many connections on which nobody said who he is, and no more', async (context) => {
  const { tokens, access } = issue({ boss: EVERYTHING })
  const { ask, http, distributor } = await openHttpServer(context, { access })
  const { doorkeeper } = distributor.grounds.locks
  const sockets: net.Socket[] = []
  context.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let index = 0; index < STRANGERS_PER_ADDRESS_MAX; index++) {
    const socket = net.connect(http.port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
  }
  await eventually(
    'that the door is full',
    () => {
      const hasRoom = doorkeeper.enter('127.0.0.1')
      if (hasRoom) doorkeeper.leave('127.0.0.1')
      return !hasRoom
    },
    60_000,
  )
  await assert.rejects(ask('GET', '/healthz'))
  // One of them shows a token: there is room for one more.
  const welcome = sockets[0]!
  welcome.write(`GET /v1/queues HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${tokens.boss}\r\n\r\n`)
  await new Promise((resolve) => welcome.once('data', resolve))
  assert.equal((await ask('GET', '/healthz')).status, 200)
})

test('who is in no file is nobody, with or without an empty token', async (context) => {
  const { file } = issue({ boss: EVERYTHING })
  const { ask } = await openHttpServer(context, { access: new Access({ file }) })
  for (const token of ['', ' ', 'undefined']) {
    const answer = await ask('POST', '/v1/session', { body: { token } })
    assert.deepEqual([answer.status, answer.error], [401, 'UNAUTHENTICATED'], JSON.stringify(token))
  }
})
