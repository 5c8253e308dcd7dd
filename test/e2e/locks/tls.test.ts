/** TLS as people use it: through the commands, with the clients that every machine has, and with certificates that change. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { certificateFiles, certificates, HERE } from '../../support/certificates.ts'
import { needProgram } from '../../support/real-parts.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, startServer, startWorker } from '../cli/chasqui.ts'

const openssl = needProgram('openssl', 'version')
const python = needProgram('python3')
const MEMORY = ['--engine', 'memory']

async function openTls(t: TestContext, { isMutual = false } = {}) {
  const files = await certificateFiles(t)
  const own = ['--tls-cert', files.cert, '--tls-key', files.key]
  const server = await startServer(t, [
    'distributor',
    ...MEMORY,
    ...own,
    ...(isMutual ? ['--tls-ca', files.ca] : []),
  ])
  const port = Number(new URL(server.address.replace('chasquis:', 'https:')).port)
  const trust = ['--tls-ca', files.ca]
  const proof = ['--tls-cert', files.clientCert, '--tls-key', files.clientKey]
  return { files, server, port, trust, proof }
}

test('a distributor with a certificate says chasquis://, and commands and workers use it', async (t) => {
  const { server, trust } = await openTls(t)
  assert.match(server.address, /^chasquis:\/\/127\.0\.0\.1:\d+$/)
  await startWorker(t, [...server.connect, ...trust])
  const [record] = await chasquiJson(['submit', 'sumar', '[5,7]', '--wait', ...server.connect, ...trust])
  assert.equal(record!.result, 12)
  const without = await chasqui(['stats', ...server.connect])
  assert.equal(without.code, 1)
  assert.match(
    without.stderr,
    /^chasqui: no TLS with 127\.0\.0\.1:\d+: its certificate is signed by nobody that is trusted here.*\n$/,
  )
})

test('with mutual TLS a command shows its certificate, and without one hears what is missing', async (t) => {
  const { server, trust, proof } = await openTls(t, { isMutual: true })
  await chasquiJson(['queues', ...server.connect, ...trust, ...proof])
  const without = await chasqui(['queues', ...server.connect, ...trust])
  assert.match(
    without.stderr,
    /this server asks for a client certificate, and yours is not accepted: none was shown/,
  )
})

test('openssl s_client is a client', openssl, async (t) => {
  const { port, files } = await openTls(t)
  const target = [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-CAfile',
    files.ca,
    '-quiet',
    '-verify_return_error',
  ]
  const child = spawn('openssl', [...target, '-servername', 'localhost'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  atEnd(t, () => child.kill('SIGKILL'))
  child.stdin.write('{"type":"sumar","data":[5,7]}\n')
  const answer = await new Promise<string>((resolve) =>
    child.stdout.setEncoding('utf8').once('data', resolve),
  )
  assert.equal(JSON.parse(answer).status, 'ok')
  child.stdin.end()
  const old = spawnSync('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_1'], { input: '' })
  assert.notEqual(old.status, 0)
})

test(
  'openssl s_client takes up its session again, in TLS 1.3 and 1.2, and shows its certificate',
  openssl,
  async (t) => {
    const { port, files } = await openTls(t, { isMutual: true })
    const folder = temporaryFolder(t, 'session')
    const run = (version: string, name: string, more: readonly string[]) => {
      const place = [
        's_client',
        '-connect',
        `127.0.0.1:${port}`,
        '-CAfile',
        files.ca,
        version,
        '-verify_return_error',
      ]
      const proof = ['-cert', files.clientCert, '-key', files.clientKey, '-ign_eof', ...more]
      const session = join(folder, name)
      const file = more.includes('-sess_in') ? [session] : ['-sess_out', session]
      // Half open: the answer comes after the end of what is asked.
      const child = spawn('openssl', [...place, ...proof, ...file], { stdio: ['pipe', 'pipe', 'pipe'] })
      atEnd(t, () => child.kill('SIGKILL'))
      return new Promise<string>((resolve) => {
        let said = ''
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          said += text
          // Told once it is answered: by then the tickets of TLS 1.3 have come, too.
          if (said.includes('"status":"ok"')) child.kill('SIGTERM')
        })
        child.once('close', () => resolve(said))
        child.stdin.write('{"type":"sumar","data":[5,7]}\n')
      })
    }
    for (const version of ['-tls1_3', '-tls1_2']) {
      const first = await run(version, version, [])
      assert.match(first, /^New, TLSv1\.[23], Cipher is /m)
      assert.match(first, /"status":"ok"/)
      const again = await run(version, version, ['-sess_in'])
      assert.match(again, /^Reused, TLSv1\.[23], Cipher is /m)
      assert.match(again, /"status":"ok"/)
    }
  },
)

const PYTHON = `
import json, socket, ssl, sys
port, ca, cert, key = int(sys.argv[1]), *sys.argv[2:5]
context = ssl.create_default_context(cafile=ca)
if cert: context.load_cert_chain(cert, key)
with socket.create_connection(("localhost", port)) as raw:
    with context.wrap_socket(raw, server_hostname="localhost") as s:
        s.sendall(b'{"type":"sumar","data":[5,7]}')
        print(s.version(), json.loads(s.makefile().readline())["status"])
`

test(
  'the ssl module of Python is a client, with a certificate of its own where one is asked for',
  python,
  async (t) => {
    const { port, files } = await openTls(t, { isMutual: true })
    const run = (cert: string, key: string) =>
      spawnSync('python3', ['-c', PYTHON, String(port), files.ca, cert, key], { encoding: 'utf8' })
    assert.equal(run(files.clientCert, files.clientKey).stdout, 'TLSv1.3 ok\n')
    assert.equal(run('', '').stdout, 'TLSv1.3 error\n')
  },
)

test('a certificate that is replaced is used within seconds, or at once on SIGHUP, and open connections stay', async (t) => {
  const { server, port, files, trust } = await openTls(t)
  const { authority } = await certificates()
  const ca = readFileSync(files.ca)
  const nameNow = () =>
    new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca }, () => {
        resolve(socket.getPeerCertificate().subject.CN as string)
        socket.destroy()
      })
      socket.on('error', reject)
    })
  const until = async (name: string) => {
    const untilMs = Date.now() + 20_000
    while ((await nameNow()) !== name) assert.ok(Date.now() < untilMs, `no certificate for ${name} yet`)
  }
  const replace = async (name: string) => {
    const made = await authority.issue({ name, hosts: HERE })
    writeFileSync(files.cert, made.certPem)
    writeFileSync(files.key, made.keyPem)
  }
  const worker = await startWorker(t, [...server.connect, ...trust])
  assert.equal(await nameNow(), 'localhost')
  await replace('second')
  await until('second')
  await replace('third')
  server.child.kill('SIGHUP')
  await until('third')
  // What cannot be used is not used, and the log says why.
  writeFileSync(files.key, 'spoilt')
  server.child.kill('SIGHUP')
  const untilMs = Date.now() + 20_000
  while (!server.errorText.includes('what was in use stays')) {
    assert.ok(Date.now() < untilMs, 'the log says nothing')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.match(server.errorText, /holds no private key in PEM form/)
  assert.equal(await nameNow(), 'third')
  // The worker was connected all the time, so it has lost nothing and logged nothing of the kind.
  const [record] = await chasquiJson(['submit', 'sumar', '[1,2]', '--wait', ...server.connect, ...trust])
  assert.equal(record!.result, 3)
  assert.doesNotMatch(worker.errorText, /no tasks come/)
})

test('`up` with a certificate connects its own workers, whatever host the certificate is for', async (t) => {
  const files = await certificateFiles(t)
  const { authority } = await certificates()
  const other = await authority.issue({ name: 'q', hosts: ['queue.example'] })
  writeFileSync(files.cert, other.certPem)
  writeFileSync(files.key, other.keyPem)
  const own = ['--tls-cert', files.cert, '--tls-key', files.key]
  const server = await startServer(t, ['up', ...MEMORY, '--workers', '1', '--drain', '500ms', ...own])
  const trust = ['--tls-ca', files.ca, '--tls-server-name', 'queue.example']
  const [record] = await chasquiJson(['submit', 'sumar', '[5,7]', '--wait', ...server.connect, ...trust])
  assert.equal(record!.result, 12)
})

test('settings of TLS that cannot be used end the distributor with one sentence', async (t) => {
  const files = await certificateFiles(t)
  const { cert, key, ca, clientKey, folder } = files
  copyFileSync(cert, join(folder, 'copy.pem'))
  const mistakes: readonly [readonly string[], RegExp][] = [
    [['--tls-cert', cert], /--tls-cert needs its private key: give --tls-key, too/],
    [['--tls-key', key], /--tls-key needs the certificate that it belongs to/],
    [['--tls-ca', ca], /--tls-ca asks clients for certificates, which needs TLS/],
    [['--tls-cert', cert, '--tls-key', clientKey], /is not the key of the certificate/],
    [
      ['--tls-cert', join(folder, 'none.pem'), '--tls-key', key],
      /the file of --tls-cert .*none\.pem does not exist/,
    ],
  ]
  for (const [args, sentence] of mistakes) {
    const { code, stderr } = await chasqui(['distributor', '--port', '0', ...MEMORY, ...args])
    assert.match(stderr, sentence)
    assert.equal(stderr.trim().split('\n').length, 1)
    assert.equal(code, 1)
  }
})

test('`cert dev` makes what a distributor and its clients need, keys for their owner only, and writes over nothing', async (t) => {
  const dir = join(temporaryFolder(t, 'cert'), 'made')
  await chasquiJson(['cert', 'dev', '--dir', dir, '--host', 'queue.internal'])
  assert.deepEqual(readdirSync(dir).sort(), [
    'ca-key.pem',
    'ca.pem',
    'client-key.pem',
    'client.pem',
    'server-key.pem',
    'server.pem',
  ])
  for (const name of ['ca-key.pem', 'client-key.pem', 'server-key.pem']) {
    assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600)
  }
  const file = (name: string) => join(dir, name)
  const own = [
    '--tls-cert',
    file('server.pem'),
    '--tls-key',
    file('server-key.pem'),
    '--tls-ca',
    file('ca.pem'),
  ]
  const server = await startServer(t, ['distributor', ...MEMORY, ...own])
  const proof = [
    '--tls-ca',
    file('ca.pem'),
    '--tls-cert',
    file('client.pem'),
    '--tls-key',
    file('client-key.pem'),
  ]
  await chasquiJson(['queues', ...server.connect, ...proof])
  await chasquiJson(['queues', ...server.connect, ...proof, '--tls-server-name', 'queue.internal'])
  const before = readFileSync(file('ca-key.pem'), 'utf8')
  const again = await chasqui(['cert', 'dev', '--dir', dir])
  assert.match(again.stderr, /is there already and is not written over/)
  assert.equal(readFileSync(file('ca-key.pem'), 'utf8'), before)
})
