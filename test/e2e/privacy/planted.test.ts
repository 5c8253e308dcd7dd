/**
 * Secrets are planted in a real system, and then looked for in everything that it wrote, sent, showed and is called by: plain text of encrypted
 * tasks, tokens, encryption keys, TLS keys, passwords in addresses.
 */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createProgram } from '../../../src/cli/program.ts'
import { connect } from '../../../src/client/connect.ts'
import { encryption } from '../../../src/sealing/encryption.ts'
import { keyFile } from '../../../src/sealing/key-file.ts'
import { certificateFiles } from '../../support/certificates.ts'
import { runLines } from '../../support/lines.ts'
import { openRecordingProxy } from '../../support/recording-proxy.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import {
  chasqui,
  chasquiJson,
  environment,
  main,
  startServer,
  startWorker,
  WITH_HTTP,
  workersReady,
} from '../cli/chasqui.ts'

const PLAIN = 'PLANTED-PLAIN-4c1d'
const HANDLERS = join(import.meta.dirname, 'planted-handlers.ts')

/** All files below a folder, as bytes read one to one. */
function written(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => statSync(join(folder, name)).isFile())
  return new Map(files.map((name) => [name, readFileSync(join(folder, name), 'latin1')]))
}

/** The forms in which somebody could read it. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')]
}

function nowhere(secrets: Readonly<Record<string, string>>, places: ReadonlyMap<string, string>): void {
  for (const [name, secret] of Object.entries(secrets)) {
    assert.ok(secret.length >= 8, name)
    for (const [place, text] of places) {
      for (const form of formsOf(secret)) assert.ok(!text.includes(form), `${name} is in ${place}`)
    }
  }
}

async function makeToken(file: string, name: string, role: string): Promise<string> {
  const [made] = await chasquiJson<{ token: string }>([
    'token',
    'create',
    name,
    '--tokens',
    file,
    '--roles',
    role,
  ])
  return made!.token
}

test('the plain text of encrypted tasks is nowhere between those who submit and those who run', async (t) => {
  const folder = temporaryFolder(t, 'planted')
  const inFolder = (name: string) => join(folder, name)
  for (const name of ['own', 'server']) mkdirSync(inFolder(name))
  const keys = inFolder('own/keys.json')
  await chasquiJson(['keys', 'create', 'k1', '--encryption-keys', keys])
  const server = await startServer(t, [
    'distributor',
    '--engine',
    `embedded:${inFolder('server/store')}`,
    '--objects',
    `file:${inFolder('server/objects')}`,
    '--audit',
    inFolder('server/audit.ndjson'),
    '--log-level',
    'debug',
    ...WITH_HTTP,
  ])
  const recording = await openRecordingProxy(t, Number(new URL(server.address).port))
  const way = ['--connect', recording.url]
  const own = [...way, '--encryption-keys', keys]
  const worker = await startWorker(t, [HANDLERS, ...own, '--log-level', 'debug', '--concurrency', '2'])

  const [echoed] = await chasquiJson(['submit', 'echo', '-', '--id', 'echo', '--wait', ...own], {
    input: JSON.stringify({ secret: PLAIN }),
  })
  assert.deepEqual(echoed!.result, { secret: PLAIN })
  await using client = await connect(recording.url, { use: [encryption(keyFile(keys))] })
  const types = ['throws', 'strict', 'stray', 'dies', 'in-process']
  const last = { maxAttempts: 1, maxCrashes: 0 }
  for (const type of types) await client.submit(type, { secret: PLAIN }, { ...last, id: type })
  const ends = await client.wait(types, { timeoutMs: 120_000 })
  const messages = ends.map((record) => record!.error!.message)
  assert.match(messages[0]!, /thrown about PLANTED-PLAIN/)
  assert.match(messages[1]!, /does not fit its schema/)
  assert.match(messages[2]!, /astray about PLANTED-PLAIN/)
  assert.match(messages[3]!, /ended by SIGKILL/)
  assert.match(messages[4]!, /astray about PLANTED-PLAIN/)

  // Those with the keys can read all of it.
  const [read] = await chasquiJson(['get', 'throws', '--data', ...own])
  assert.deepEqual(read!.data, { secret: PLAIN })
  const lines = await chasquiJson<{ text: string }>(['log', 'echo', ...own])
  assert.match(lines[0]!.text, /PLANTED-PLAIN/)
  // Submitted once more it is a duplicate, and no conflict.
  const [again] = await chasquiJson(['submit', 'echo', '-', '--id', 'echo', ...own], {
    input: JSON.stringify({ secret: PLAIN }),
  })
  assert.equal(again!.duplicate, true)

  // What others are shown, who have none.
  const shown = new Map<string, string>()
  for (const args of [
    ['get', 'echo', '--data'],
    ['get', 'throws', '--json'],
    ['log', 'echo'],
  ]) {
    const { stdout, stderr } = await chasqui([...args, ...way])
    shown.set(`chasqui ${args.join(' ')}`, stdout + stderr)
  }
  assert.match(shown.get('chasqui get echo --data')!, /\$sealed.*1\.k1\./)
  for (const path of ['/metrics', '/v1/tasks', '/v1/tasks/throws', '/v1/tasks/echo?data=true']) {
    const answer = await fetch(`${server.http}${path}`)
    shown.set(path, await answer.text())
  }
  const archive = inFolder('server/archive')
  const files = () =>
    [...written(inFolder('server'))].map(([name, text]): [string, string] => [`file ${name}`, text])
  const running = new Map(files())
  assert.ok([...running.keys()].some((name) => name.endsWith('-wal')))
  assert.ok([...running.keys()].some((name) => name.includes('task_echo.json')))
  await worker.kill('SIGTERM')
  await server.kill('SIGTERM')
  await chasqui(['export', '--to', archive, '--engine', `embedded:${inFolder('server/store')}`])
  assert.ok(existsSync(archive))
  const places = new Map([
    ...running,
    ...files(),
    ...shown,
    ['the wire', recording.text()],
    ['the log of the distributor', server.errorText + server.lines.join('\n')],
    ['the log of the worker', worker.errorText + worker.lines.join('\n')],
  ])
  // The places are the right ones: what is not secret is in them.
  for (const place of ['the wire', 'the log of the worker']) assert.match(places.get(place)!, /echo/)
  const { keys: secret } = JSON.parse(readFileSync(keys, 'utf8')) as { keys: { k1: string } }
  nowhere(
    { 'the plain text': PLAIN, 'the encryption key': Buffer.from(secret.k1, 'base64').toString('latin1') },
    places,
  )
  nowhere({ 'the encryption key as text': secret.k1 }, places)
})

test('tokens, keys and passwords are in no log, error, help text, audit log, title or list of processes', async (t) => {
  const folder = temporaryFolder(t, 'planted')
  const inFolder = (name: string) => join(folder, name)
  for (const name of ['own', 'server']) mkdirSync(inFolder(name))
  const { ca, cert, key } = await certificateFiles(t)
  const tokens = inFolder('own/tokens.json')
  const root = await makeToken(tokens, 'root', 'admin')
  const hand = await makeToken(tokens, 'hand', 'worker')
  const keys = inFolder('own/keys.json')
  await chasquiJson(['keys', 'create', 'k1', '--encryption-keys', keys])
  const sealing = (JSON.parse(readFileSync(keys, 'utf8')) as { keys: { k1: string } }).keys.k1
  const password = 'PLANTED-PASSWORD-77'
  const wrong = root.replace(/.{8}$/, 'PLANTEDX')
  const secrets = {
    'the token of root': root.slice(-43),
    'the token of the worker': hand.slice(-43),
    'a wrong token': wrong.slice(-43),
    'the encryption key': sealing,
    'the key of TLS': readFileSync(key, 'utf8').split('\n')[1]!,
    'a password': password,
  }
  const places = new Map<string, string>()

  const server = await startServer(t, [
    'distributor',
    '--engine',
    `embedded:${inFolder('server/store')}`,
    '--tokens',
    tokens,
    '--audit',
    inFolder('server/audit.ndjson'),
    '--tls-cert',
    cert,
    '--tls-key',
    key,
    '--log-level',
    'debug',
    ...WITH_HTTP,
  ])
  const trust = [...server.connect, '--tls-ca', ca]
  const env = environment({ CHASQUI_ENCRYPTION_KEYS: keys, PLANTED: password })
  const worker = runLines(
    t,
    process.execPath,
    [main, 'worker', HANDLERS, '--json', ...trust, '--token', hand, '--log-level', 'debug'],
    { env },
  )
  await worker.line('that it takes tasks', (line) => line.startsWith('{"role":"worker"'))
  const run = async (args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const { stdout, stderr, code } = await chasqui(args, { env: { CHASQUI_TOKEN: root, ...more } })
    places.set(`chasqui ${args.join(' ')}`.replaceAll(wrong, '…').replaceAll(password, '…'), stdout + stderr)
    return code
  }
  const withKeys = { CHASQUI_ENCRYPTION_KEYS: keys }
  assert.equal(await run(['submit', 'environment', 'null', '--wait', ...trust], withKeys), 0)
  await run(['submit', 'environment-apart', 'null', '--wait', ...trust], withKeys)
  await run(['list', '--json', ...trust], withKeys)
  await run(['stats', '--json', ...trust])
  await run(['check', ...trust], withKeys)
  assert.equal(await run(['list', ...trust], { CHASQUI_TOKEN: wrong }), 1)
  assert.equal(await run(['list', ...trust, '--token', wrong]), 1)
  assert.notEqual(await run(['list', '--connect', `chasqui://ana:${password}@localhost:5000`]), 0)
  assert.notEqual(await run(['list', '--connect', `chasqui://ana:${password}`]), 0)

  // Every way to say a password wrongly.
  const cluster = ['distributor', '--engine', 'cluster', '--port', '0']
  const [database, amqp] = [`postgres://ana:${password}@127.0.0.1:1/x`, `amqp://ana:${password}@127.0.0.1:1`]
  const wrongly = [
    [database, amqp],
    [`postgres://ana:a@${password}@127.0.0.1:1/x`, amqp],
    [`mysql://ana:${password}@127.0.0.1/x`, `amqp://ana:${password}`],
  ] as const
  const refusals = wrongly.map(async (urls) => {
    const flags = ['--database-url', urls[0], '--amqp-url', urls[1]]
    assert.notEqual(await run([...cluster, ...flags]), 0)
  })
  await Promise.all(refusals)
  await run(['check', '--settings', '--database-url', wrongly[1][0], '--amqp-url', wrongly[2][1]])
  await run(['check', '--settings'], { CHASQUI_DATABASE_URL: database, CHASQUI_AMQP_URL: amqp })
  const spoilt = inFolder('own/spoilt.json')
  for (const [text, ...args] of [
    [`{"token":"${wrong}" "port":1}`, 'list', '--config', spoilt],
    [`{"databaseUrl":"${database}",,}`, 'list', '--config', spoilt],
    [`{"token":"${wrong}`, 'token', 'list', '--tokens', spoilt],
    [`{"keys":{"k1":"${sealing}"},,}`, 'list', '--encryption-keys', spoilt, ...trust],
    [
      JSON.stringify({ version: 1, write: 'k1', keys: { k1: `${sealing}AAAA` } }),
      'list',
      '--encryption-keys',
      spoilt,
      ...trust,
    ],
  ] as const) {
    writeFileSync(spoilt, text, { mode: 0o600 })
    assert.notEqual(await run(args), 0, text)
  }

  // Help is made from the settings of nobody; but it must not become the place where they show.
  process.env.CHASQUI_DATABASE_URL = database
  t.after(() => delete process.env.CHASQUI_DATABASE_URL)
  for (const command of createProgram().commands)
    places.set(`help of ${command.name()}`, command.helpInformation())
  await run(['worker', '--help'], { CHASQUI_DATABASE_URL: database, CHASQUI_AMQP_URL: amqp, ...withKeys })
  for (const { child, name } of [
    { child: server.child, name: 'distributor' },
    { child: worker.child, name: 'worker' },
  ]) {
    if (!existsSync('/proc/self/cmdline')) continue
    for (const part of ['cmdline', 'comm'])
      places.set(`${part} of the ${name}`, readFileSync(`/proc/${child.pid}/${part}`, 'utf8'))
  }
  for (const path of ['/metrics', '/healthz', '/readyz', '/openapi.json', '/v1/tasks']) {
    const url = `${server.http}${path}`
    const answer = await fetch(url, { headers: { authorization: `Bearer ${wrong}` } }).catch(() => null)
    if (answer !== null) places.set(path, JSON.stringify([...answer.headers]) + (await answer.text()))
  }
  // What `up` knows its workers hear, but not on their command lines.
  const up = await startServer(t, ['up', '--engine', 'memory', '--workers', '1', '--database-url', database])
  const [hired] = await workersReady(up, 1)
  if (existsSync('/proc/self/cmdline')) {
    places.set('cmdline of up', readFileSync(`/proc/${up.pid}/cmdline`, 'utf8'))
    const ofHired = readFileSync(`/proc/${hired!.worker.pid}/cmdline`, 'utf8')
    assert.match(ofHired, /worker/)
    places.set('cmdline of its worker', ofHired)
  }
  await up.kill('SIGTERM')
  await worker.kill('SIGTERM')
  await server.kill('SIGTERM')
  for (const [name, text] of written(inFolder('server'))) places.set(`file ${name}`, text)
  places.set('the log of the distributor', server.errorText + server.lines.join('\n'))
  places.set('the log of the worker', worker.errorText + worker.lines.join('\n'))
  assert.match(places.get('file audit.ndjson')!, /"result":"refused"/)
  nowhere(secrets, places)
})

test('the file of keys: made private, refused when it is not, rotated while everything runs', async (t) => {
  const folder = temporaryFolder(t, 'keys')
  const path = join(folder, 'keys.json')
  const own = ['--encryption-keys', path]
  const server = await startServer(t, ['distributor', '--engine', 'memory'])
  assert.deepEqual(await chasquiJson(['keys', 'create', 'k1', ...own]), [{ id: 'k1', encrypts: true }])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await startWorker(t, [HANDLERS, ...server.connect, ...own])
  const submit = (id: string) =>
    chasquiJson(['submit', 'echo', '"x"', '--id', id, '--wait', ...server.connect, ...own])
  const sealed = async (id: string) =>
    JSON.stringify((await chasquiJson(['get', id, '--data', ...server.connect]))[0]!.data)
  assert.equal((await submit('first'))[0]!.result, 'x')
  assert.match(await sealed('first'), /1\.k1\./)
  // The worker is not restarted: it meets a key that it does not know, and looks again.
  assert.deepEqual(await chasquiJson(['keys', 'create', 'k2', ...own]), [
    { id: 'k1', encrypts: false },
    { id: 'k2', encrypts: true },
  ])
  assert.equal((await submit('second'))[0]!.result, 'x')
  assert.match(await sealed('second'), /1\.k2\./)
  const [again] = await chasquiJson(['submit', 'echo', '"x"', '--id', 'first', ...server.connect, ...own])
  assert.equal(again!.duplicate, true)

  await chasquiJson(['keys', 'create', 'k3', '--standby', ...own])
  assert.deepEqual(await chasquiJson(['keys', 'use', 'k3', ...own]), [
    { id: 'k1', encrypts: false },
    { id: 'k2', encrypts: false },
    { id: 'k3', encrypts: true },
  ])
  const refused = async (args: readonly string[], why: RegExp) => {
    const { code, stderr } = await chasqui([...args, ...own])
    assert.equal(code, 2, stderr)
    assert.match(stderr, why)
  }
  await refused(['keys', 'remove', 'k3'], /is the key that encrypts: let another one do that first/)
  await refused(['keys', 'create', 'k1'], /there is a key "k1" already/)
  await refused(['keys', 'use', 'k9'], /there is no key "k9"/)
  await chasquiJson(['keys', 'remove', 'k1', ...own])
  const [lost] = await chasquiJson<{ unreadable: { code: string }; state: string }>([
    'get',
    'first',
    ...server.connect,
    ...own,
  ])
  assert.deepEqual([lost!.state, lost!.unreadable.code], ['succeeded', 'KEY_UNKNOWN'])
  const text = await chasqui(['get', 'first', ...server.connect, ...own])
  assert.match(
    text.stdout,
    /unread +KEY_UNKNOWN: the result of task first is encrypted with key "k1", which is not here/,
  )

  writeFileSync(join(folder, 'open.json'), readFileSync(path), { mode: 0o644 })
  const open = await chasqui(['list', ...server.connect, '--encryption-keys', join(folder, 'open.json')])
  assert.equal(open.code, 2)
  assert.match(open.stderr, /others may read it \(mode 644\): chmod 600/)
})
