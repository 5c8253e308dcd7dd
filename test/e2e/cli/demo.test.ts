/** What a newcomer does first: `npm start`. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { runLines } from '../../support/lines.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, environment, root, startServer } from './chasqui.ts'

test('the demo plays both tests, shows confirmations, results and workers, and ends with 0', async (context) => {
  const folder = temporaryFolder(context, 'demo')
  const args = ['up', '--demo', '--once', '--port', '0', '--http-port', '0', '--engine', `embedded:${folder}`]
  for (const round of ['the first time', 'again on the same store']) {
    const { code, stdout, stderr } = await chasqui(args)
    assert.equal(code, 0, `${round}: ${stderr}`)
    assert.match(stdout, /^Test 1: three clients, one after the other$/m)
    assert.match(stdout, /^Test 2: three clients at once$/m)
    assert.equal(stdout.match(/→ ok Tarea [0-9a-f-]{36} recibida y encolada$/gm)!.length, 12)
    assert.equal(
      stdout.match(/^ {2}[0-9a-f-]{36} +[123] +\d+ +(sumar|multiplicar) \[[\d,]+\] = \d+/gm)!.length,
      12,
    )
    assert.match(stdout, /^ {2}All 12 results are right\.$/m)
    const spread = [...stdout.matchAll(/^ {2}worker (\d+) +█+ (\d+)$/gm)].map(([, , count]) => Number(count))
    assert.equal(spread.length, 2, 'both workers were used')
    assert.equal(spread[0]! + spread[1]!, 12)
    // The seed's evidence: lines of the workers, with time and PID.
    assert.equal(
      stderr.match(/^\S+Z \d+ info {2}task [0-9a-f-]{36} (sumar|multiplicar) attempt 1 succeeded/gm)!.length,
      12,
    )
  }
})

test('a result that is missing makes the demo end with 1', async () => {
  const { code, stderr } = await chasqui(
    ['up', '--demo', '--once', '--port', '0', '--http', 'off', '--engine', 'memory'],
    {
      // The handlers are not those of the demo.
      env: { CHASQUI_QUEUES: 'another' },
    },
  )
  assert.equal(code, 1, stderr)
})

test('without --once it stays up and says what to try, with the address that works', async (context) => {
  const server = await startServer(context, ['up', '--demo', '--engine', 'memory'])
  // Standard output is for programs here, so it says nothing but results.
  await server.line('the last result', () => server.lines.length === 13)
  const [record] = await chasquiJson<{ result: unknown }>([
    'submit',
    'sumar',
    '[5,7]',
    '--wait',
    ...server.connect,
  ])
  assert.equal(record!.result, 12)
})

test('npm start installs what is missing, builds and runs with the pinned Node, whatever Node starts it', async (context) => {
  const folder = temporaryFolder(context, 'start')
  const started = runLines(context, 'npm', [
    'start',
    '--prefix',
    root,
    '--',
    '--once',
    '--port',
    '0',
    '--http-port',
    '0',
    '--engine',
    `embedded:${join(folder, 'data')}`,
  ])
  assert.deepEqual(await started.exited, { code: 0, signal: null })
  assert.ok(started.lines.includes('  All 12 results are right.'))
  // The second time there is nothing to do.
  const bootstrap = spawnSync(process.execPath, [join(root, 'scripts/bootstrap.mjs')], {
    env: environment(),
    encoding: 'utf8',
  })
  assert.deepEqual([bootstrap.status, bootstrap.stdout, bootstrap.stderr], [0, '', ''])
})
