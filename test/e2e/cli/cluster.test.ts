/** `npm run cluster`: the whole architecture on one machine, started, proven and taken away again. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { processesOf } from '../../support/leftovers.ts'
import { runLines } from '../../support/lines.ts'
import { needCluster, needHaproxy } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { environment, root } from './chasqui.ts'

/** Five processes start, on a machine that runs other tests. */
const UP_DEADLINE_MS = 90_000
const script = join(root, 'scripts/cluster.mjs')
const skip = needCluster().skip || needHaproxy().skip

/** All that it starts has this folder in its environment, its command line or its title. */
function folderFor(context: TestContext): { folder: string; env: Record<string, string> } {
  const folder = temporaryFolder(context, 'all')
  // PostgreSQL runs as a user of its own where this is root.
  spawnSync('chmod', ['755', folder])
  return { folder, env: environment({ TMPDIR: folder }) }
}

async function nothingLeft(folder: string): Promise<void> {
  await eventually('its processes are gone', () => processesOf(basename(folder)).length === 0)
  assert.deepEqual(readdirSync(folder), [])
}

test('with --once it plays the tests of the seed, shows what is stored, and leaves nothing', {
  skip,
}, async (context) => {
  const { folder, env } = folderFor(context)
  const run = runLines(context, process.execPath, [script, '--once'], { env })
  const { code } = await run.exited
  const said = run.lines.join('\n')
  assert.equal(code, 0, `${said}\n${run.errorText}`)
  for (const part of [
    /^Test 1: three clients, one after the other$/m,
    /^Test 2: three clients at once$/m,
    /^ {2}client 3 {2}multiplicar \[.*\] +→ ok Tarea .* recibida y encolada$/m,
    /^In PostgreSQL: select .* from chasqui\.tasks /m,
    /^ {2}[0-9a-f-]{36} {2}sumar \[.*\] +succeeded \d+ {2}\(worker \d+\)$/m,
    /^In s3:\/\/chasqui\?endpoint=/m,
    /^ {2}task_[0-9a-f-]{36}\.json {2}succeeded \d+$/m,
  ])
    assert.match(said, part)
  assert.match(said, /All 12 results are right, in PostgreSQL and among the objects\.$/)
  await nothingLeft(folder)
})

test('it uses servers that the environment names, and ends with whoever started it', {
  skip,
}, async (context) => {
  const { databaseUrl, amqpUrl, objects, env: keys } = await (await openBed(context)).cluster()
  const names = {
    CHASQUI_DATABASE_URL: databaseUrl,
    CHASQUI_AMQP_URL: amqpUrl,
    CHASQUI_OBJECTS: objects,
    ...keys,
  }
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const { folder, env } = folderFor(context)
    const run = runLines(context, process.execPath, [script], { env: { ...env, ...names } })
    await run.line('that it stays up', (line) => line.startsWith('It stays up'), UP_DEADLINE_MS)
    const roles = processesOf(basename(folder)).filter((line) =>
      /main\.js (distributor|worker)|haproxy/.test(line),
    )
    assert.ok(roles.length >= 5, roles.join('\n'))
    assert.ok(!processesOf(basename(folder)).some((line) => /beam|postgres |radosgw/.test(line)))
    run.child.kill(signal)
    assert.deepEqual(
      await run.exited,
      signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal },
    )
    await nothingLeft(folder)
  }
})

test('it says in one sentence which server is missing and how to get it', { skip }, async (context) => {
  const { folder, env } = folderFor(context)
  const child = spawn(process.execPath, [script, '--once'], {
    env: { ...env, PATH: join(folder, 'nothing') },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 1)
  assert.equal(
    said,
    'cluster: RabbitMQ not found: run npm run setup (Debian, as root; it installs rabbitmq-server), or install what is missing yourself, or name one that runs in CHASQUI_AMQP_URL.\n',
  )
  await nothingLeft(folder)
})
