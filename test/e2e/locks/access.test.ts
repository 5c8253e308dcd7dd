/** Tokens as people use them: made, shown, revoked; what a run writes down, and what it must never write anywhere. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { runLines } from '../../support/lines.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, environment, main, startServer } from '../cli/chasqui.ts'

const MEMORY = ['--engine', 'memory']

async function until(what: string, isSo: () => boolean): Promise<void> {
  const untilMs = Date.now() + 20_000
  while (!isSo()) {
    assert.ok(Date.now() < untilMs, `did not happen: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function makeToken(file: string, name: string, ...rights: readonly string[]): Promise<string> {
  const [made] = await chasquiJson<{ token: string }>(['token', 'create', name, '--tokens', file, ...rights])
  return made!.token
}

async function openLocked(t: TestContext, ...more: readonly string[]) {
  const folder = temporaryFolder(t, 'tokens')
  const file = join(folder, 'tokens.json')
  const root = await makeToken(file, 'root', '--roles', 'admin')
  const server = await startServer(t, ['distributor', ...MEMORY, '--tokens', file, ...more])
  return { folder, file, root, server, as: (token: string) => ({ env: { CHASQUI_TOKEN: token } }) }
}

test('other machines are not served unless somebody is asked who he is, or it is said aloud', async (t) => {
  const refused = await chasqui(['distributor', '--port', '0', ...MEMORY, '--host', '0.0.0.0'])
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /^chasqui: --host 0\.0\.0\.0 serves other machines, and nobody would be asked who he is: give --tokens/,
  )
  assert.equal(refused.stderr.trim().split('\n').length, 1)
  const aloud = await startServer(t, [
    'distributor',
    ...MEMORY,
    '--host',
    '0.0.0.0',
    '--anonymous',
    'everywhere',
  ])
  assert.match(aloud.address, /^chasqui:\/\/0\.0\.0\.0:/)
})

test('tokens are made, used and revoked while everything runs', async (t) => {
  const { folder, file, root, server, as } = await openLocked(t)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const worker = await makeToken(file, 'hand', '--roles', 'worker')
  const shop = await makeToken(
    file,
    'shop',
    '--rights',
    'submit,read',
    '--queues',
    'default',
    '--expires',
    '90d',
  )
  const listed = await chasquiJson<{ name: string; expired: boolean }>(['token', 'list', '--tokens', file])
  assert.deepEqual(
    listed.map(({ name, expired }) => [name, expired]),
    [
      ['root', false],
      ['hand', false],
      ['shop', false],
    ],
  )
  await until('they are known', () => server.errorText.includes('the tokens file was read again: 3 tokens'))
  const written = join(folder, 'hand.token')
  writeFileSync(written, `${worker}\n`, { mode: 0o600 })
  const running = runLines(
    t,
    process.execPath,
    [main, 'worker', '--json', ...server.connect, '--token', `@${written}`],
    { env: environment() },
  )
  await running.line('that it takes tasks', (text) => text.startsWith('{"role":"worker"'))
  const [record] = await chasquiJson(['submit', 'sumar', '[5,7]', '--wait', ...server.connect], as(shop))
  assert.equal(record!.result, 12)
  const none = await chasqui(['list', ...server.connect])
  assert.match(none.stderr, /this needs a token/)
  const forbidden = await chasqui(['queues', ...server.connect], as(shop))
  assert.match(forbidden.stderr, /"shop" does not have the right to observe/)

  await chasquiJson(['token', 'revoke', 'hand', '--tokens', file])
  const { code } = await running.exited
  assert.equal(code, 1)
  assert.match(running.errorText, /the token is not known here, was revoked or has expired/)
  const client = await connect(server.address, { token: root })
  t.after(() => client.close())
  assert.deepEqual((await client.stats()).consumers, [])
})

test('two commands at a time do not lose a token, and a tokens file that is spoilt changes nothing', async (t) => {
  const { file, root, server, as } = await openLocked(t)
  const made = await Promise.all(
    [1, 2, 3].map((n) => chasqui(['token', 'create', `n${n}`, '--roles', 'viewer', '--tokens', file])),
  )
  const ok = made.filter(({ code }) => code === 0).length
  for (const { code, stderr } of made)
    if (code !== 0) assert.match(stderr, /another command is changing the tokens/)
  assert.equal((await chasquiJson(['token', 'list', '--tokens', file])).length, 1 + ok)
  writeFileSync(file, '{"version":1,"tokens":[{"id":"spoilt"')
  await until('the log says so', () =>
    server.errorText.includes('the tokens file cannot be used, what was in use stays'),
  )
  await chasquiJson(['queues', ...server.connect], as(root))
})

test('a token on the command line is not in the list of processes', {
  skip: !existsSync('/proc/self/cmdline') && 'needs /proc',
}, async (t) => {
  const { root, server } = await openLocked(t)
  const worker = runLines(
    t,
    process.execPath,
    [main, 'worker', '--json', ...server.connect, '--token', root],
    { env: environment() },
  )
  await worker.line('that it takes tasks', (text) => text.startsWith('{"role":"worker"'))
  assert.ok(!readFileSync(`/proc/${worker.child.pid}/cmdline`, 'utf8').includes(root))
  const shown = await chasqui(['check', '--settings', '--token', root])
  assert.ok(!shown.stdout.includes(root))
  assert.match(shown.stdout, /token\s+\(secret\)/)
})

test('`up` with tokens lets its own workers in', async (t) => {
  const folder = temporaryFolder(t, 'tokens')
  const file = join(folder, 'tokens.json')
  const root = await makeToken(file, 'root', '--roles', 'admin')
  const server = await startServer(t, [
    'up',
    ...MEMORY,
    '--workers',
    '1',
    '--drain',
    '500ms',
    '--tokens',
    file,
  ])
  const [record] = await chasquiJson(['submit', 'sumar', '[5,7]', '--wait', ...server.connect], {
    env: { CHASQUI_TOKEN: root },
  })
  assert.equal(record!.result, 12)
})

test('acts and refusals are in the audit log, a new file is begun on SIGHUP, and secrets and payloads are nowhere', async (t) => {
  const folder = temporaryFolder(t, 'audit')
  const audit = join(folder, 'audit.ndjson')
  const {
    file,
    folder: tokensFolder,
    root,
    server,
    as,
  } = await openLocked(t, '--audit', audit, '--log-level', 'debug')
  const viewer = await makeToken(file, 'viewer', '--roles', 'viewer')
  await until('the new token is known', () => server.errorText.includes('the tokens file was read again'))
  const payload = 'PLANTED-PAYLOAD-5f1c'
  const outputs: string[] = []
  const run = async (args: readonly string[], token?: string) => {
    const ended = await chasqui([...args, ...server.connect, '--json'], token === undefined ? {} : as(token))
    outputs.push(ended.stdout, ended.stderr)
    return ended
  }
  const wrong = root.replace(/.{6}$/, 'WRONG9')
  await run(['submit', 'eco', JSON.stringify(payload), '--id', 'planted'], root)
  assert.equal((await run(['cancel', 'planted'], viewer)).code, 1)
  assert.equal((await run(['cancel', 'planted'], root)).code, 0)
  assert.equal((await run(['cancel', 'planted'], wrong)).code, 1)
  assert.equal((await run(['cancel', 'planted'])).code, 1)
  const lines = () =>
    readFileSync(audit, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  await until('all is written', () => existsSync(audit) && lines().length >= 5)
  const facts = lines().map(({ result, act, who, code, ids }) => [result, act, who, code, ids])
  assert.deepEqual(facts, [
    ['allowed', 'tokens.changed', 'the tokens file', undefined, undefined],
    ['refused', 'task.cancel', 'viewer', 'FORBIDDEN', undefined],
    ['allowed', 'task.cancel', 'root', undefined, ['planted']],
    ['refused', 'session.hello', 'anonymous', 'UNAUTHENTICATED', undefined],
    ['refused', 'task.cancel', 'anonymous', 'UNAUTHENTICATED', undefined],
  ])
  assert.deepEqual(
    lines().map(({ from }) => from),
    ['local', '127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
  )
  assert.equal(statSync(audit).mode & 0o777, 0o600)

  renameSync(audit, `${audit}.1`)
  server.child.kill('SIGHUP')
  await until('a new file is there', () => existsSync(audit))
  await run(['cancel', 'planted'], viewer)
  await until('it is written to', () => lines().some(({ who }) => who === 'viewer'))

  const written = [folder, tokensFolder].flatMap((dir) =>
    readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8')),
  )
  const everything = [...written, ...outputs, server.errorText, ...server.lines]
  for (const text of everything) {
    for (const token of [root, viewer, wrong]) {
      assert.ok(!text.includes(token.slice(-43)), `a secret was written: ${text.slice(0, 200)}`)
    }
  }
  for (const text of [...written, server.errorText])
    assert.ok(!text.includes(payload), 'a payload was written')
})
