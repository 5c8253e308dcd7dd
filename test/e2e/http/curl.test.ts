/** The HTTP face as people and programs meet it: real processes, curl, TLS, and the examples of docs/http.md as they stand there. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificateFiles, certificates, HERE } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { ask } from '../../support/http-server.ts'
import { needProgram } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasqui, root, startServer, startUp, WITH_HTTP } from '../cli/chasqui.ts'

const { skip } = needProgram('curl')
const DEADLINE_MS = 60_000
const MEMORY = ['--engine', 'memory'] as const

interface Curled {
  readonly code: number | null
  readonly text: string
  readonly status: number
}

function curl(...args: readonly string[]): Curled {
  const run = spawnSync('curl', ['-s', '-m', '50', '-w', '\n%{http_code}', ...args], { encoding: 'utf8' })
  const lines = run.stdout.split('\n')
  return { code: run.status, status: Number(lines.pop()), text: lines.join('\n') }
}

test('every example of docs/http.md does what it says', { skip }, async (context) => {
  const up = await startUp(context, { args: [...WITH_HTTP] })
  const [, examples = ''] = /```bash\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/http.md'), 'utf8'))!
  const commands = examples
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.startsWith('curl '))
  assert.ok(commands.length >= 15)
  const said = new Map<string, string>()
  for (const command of commands) {
    // As it stands there, but for the port; and what is refused fails.
    const line = command
      .replaceAll('http://localhost:8080', up.http!)
      .replace(/^curl /, 'curl --fail-with-body ')
    const { status, stdout } = spawnSync('bash', ['-c', line], { encoding: 'utf8', timeout: DEADLINE_MS })
    assert.equal(status, 0, `${command}\n${stdout}`)
    said.set(command.replace(/ -H .*/, ''), stdout)
  }
  const of = (part: string) => JSON.parse([...said].find(([command]) => command.includes(part))![1])
  assert.equal(of('/a/wait').result, 3)
  assert.deepEqual(of('/a?data').data, [1, 2])
  assert.deepEqual(of('/c/cancel'), { id: 'c', state: 'canceled', changed: true })
  assert.equal(of('/readyz').ready, true)
})

test('every route stands in docs/http.md', async (context) => {
  const { http } = await startServer(context, ['distributor', ...MEMORY, ...WITH_HTTP])
  const { body } = await ask(http!, 'GET', '/openapi.json')
  const plain = (path: string) => path.replaceAll(/\{\w+\}/g, '{}')
  const text = plain(readFileSync(join(root, 'docs/http.md'), 'utf8'))
  for (const path of Object.keys(body.paths as object)) {
    const last = path.split('/').at(-1)!
    assert.ok(text.includes(plain(path)) || text.includes(`…/${last}`), `${path} is not in docs/http.md`)
  }
})

test('HTTPS with the certificates of the TCP port, and client certificates where they are asked for', {
  skip,
}, async (context) => {
  const files = await certificateFiles(context)
  const own = ['--tls-cert', files.cert, '--tls-key', files.key]
  const plain = await startServer(context, ['distributor', ...MEMORY, ...WITH_HTTP, ...own])
  assert.match(plain.http!, /^https:/)
  assert.deepEqual(curl('--cacert', files.ca, `${plain.http}/healthz`).status, 200)
  // 60: the certificate is not one that curl trusts.
  assert.equal(curl(`${plain.http}/healthz`).code, 60)
  const mutual = await startServer(context, [
    'distributor',
    ...MEMORY,
    ...WITH_HTTP,
    ...own,
    '--tls-ca',
    files.ca,
  ])
  const refused = curl('--cacert', files.ca, `${mutual.http}/v1/queues`)
  assert.equal(refused.status, 403)
  assert.match(refused.text, /"name":"TLS_FAILED".*client certificate/)
  const shown = ['--cert', files.clientCert, '--key', files.clientKey, '--cacert', files.ca]
  assert.equal(curl(...shown, `${mutual.http}/v1/queues`).status, 200)
  // Probes have none.
  assert.equal(curl('--cacert', files.ca, `${mutual.http}/readyz`).status, 200)
})

test('a certificate that is replaced is used by the next connection, and a login over TLS gets a cookie for TLS', {
  skip,
}, async (context) => {
  const files = await certificateFiles(context)
  const tokens = join(temporaryFolder(context, 'tokens'), 'tokens.json')
  const made = await chasqui(['token', 'create', 'boss', '--roles', 'admin', '--tokens', tokens, '--json'])
  assert.equal(made.code, 0, made.stderr)
  const { token } = JSON.parse(made.stdout) as { token: string }
  const { http } = await startServer(context, [
    ...['distributor', ...MEMORY, ...WITH_HTTP, '--tokens', tokens],
    ...['--tls-cert', files.cert, '--tls-key', files.key],
  ])
  const login = curl(
    ...['--cacert', files.ca, '-D', '-', '-H', 'content-type: application/json'],
    ...['-d', JSON.stringify({ token }), `${http}/v1/session`],
  )
  assert.match(login.text, /set-cookie: __Host-chasqui_session=[^;]+;.*Secure/i)
  assert.match(login.text, /strict-transport-security/i)
  const other = await (await certificates()).authority.issue({ name: 'renewed', hosts: HERE })
  writeFileSync(files.key, other.keyPem)
  writeFileSync(files.cert, other.certPem)
  await eventually(
    'that the new certificate is shown',
    () =>
      /subject:.*renewed/i.test(spawnSync('curl', ['-vsk', `${http}/healthz`], { encoding: 'utf8' }).stderr),
    DEADLINE_MS,
  )
})

test('a taken port of HTTP is one sentence, and nothing is left behind', async (context) => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  context.after(() => taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as net.AddressInfo
  for (const command of ['distributor', 'up']) {
    const ended = await chasqui([command, ...MEMORY, '--port', '0', '--http-port', String(port)])
    assert.equal(ended.code, 1)
    const lines = ended.stderr.trimEnd().split('\n')
    assert.match(
      lines.at(-1)!,
      new RegExp(`^chasqui: port ${port} on 127\\.0\\.0\\.1 is already taken: .* --http-port\\.$`),
    )
  }
})

test('who is told to stop says on /readyz that it is not ready, goes on answering, and ends', async (context) => {
  const server = await startServer(context, ['distributor', ...MEMORY, ...WITH_HTTP, '--drain-notice', '2s'])
  assert.equal((await ask(server.http!, 'GET', '/readyz')).status, 200)
  const ended = server.kill('SIGTERM')
  let drained: string[] = []
  await eventually(
    'that it is not ready',
    async () => {
      const { body } = await ask(server.http!, 'GET', '/readyz')
      drained = body.reasons.map(({ reason }: { reason: string }) => reason)
      return !body.ready
    },
    DEADLINE_MS,
  )
  assert.deepEqual(drained, ['draining'])
  assert.equal((await ask(server.http!, 'GET', '/v1/queues')).status, 200)
  await ended
  assert.deepEqual(await server.exited, { code: 0, signal: null })
  await assert.rejects(ask(server.http!, 'GET', '/healthz'))
})

test('an origin that is none is refused at the start', async () => {
  const { code, stderr } = await chasqui([
    'distributor',
    ...MEMORY,
    '--port',
    '0',
    '--http-origins',
    'example.com',
  ])
  assert.equal(code, 1)
  assert.match(stderr, /--http-origins must name origins like https:\/\/tasks\.example\.com/)
})

test('a webhook comes from a real system, with the secret of a file that stands nowhere else', async (context) => {
  const secret = `whsec_${'c2VjcmV0'.repeat(5)}`
  const file = join(temporaryFolder(context, 'secret'), 'secret')
  writeFileSync(file, `${secret}\n`)
  const heard: { readonly id: string; readonly body: string }[] = []
  const receiver = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      heard.push({ id: String(request.headers['webhook-id']), body })
      response.writeHead(204).end()
    })
  }).listen(0, '127.0.0.1')
  context.after(() => {
    receiver.closeAllConnections()
    receiver.close()
  })
  await new Promise((resolve) => receiver.once('listening', resolve))
  const { port } = receiver.address() as net.AddressInfo
  const flags = ['--webhook-secret', `@${file}`, '--webhook-allow', '127.0.0.1']
  const up = await startUp(context, { args: [...WITH_HTTP, ...flags] })
  const task = { id: 'w', type: 'sumar', data: [5, 7], webhook: { url: `http://127.0.0.1:${port}/` } }
  assert.equal((await ask(up.http!, 'POST', '/v1/tasks', { body: task })).status, 201)
  await eventually('the call', () => heard.length > 0, DEADLINE_MS)
  const { type, data } = JSON.parse(heard[0]!.body)
  assert.deepEqual([type, data.id, data.result], ['task.succeeded', 'w', 12])
  assert.ok(!up.errorText.includes(secret))
})
