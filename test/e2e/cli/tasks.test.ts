/** Looking at tasks and changing them: get, wait, list, watch, cancel, retry, log, queues, workers, stats, check. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runLines } from '../../support/lines.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, main, startServer, startUp, startWorker } from './chasqui.ts'

interface WireRecord {
  readonly id: string
  readonly type: string
  readonly state: string
  readonly attempt: number
}

test('unknown tasks are exit code 4, and null in JSON', async (context) => {
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  for (const command of ['get', 'wait', 'cancel', 'retry', 'log']) {
    const ended = await chasqui([command, 'nobody', ...connect])
    assert.deepEqual([ended.code, ended.stdout], [4, ''], command)
    assert.match(ended.stderr, /There is no task nobody\./)
  }
  assert.deepEqual(await chasquiJson(['get', 'nobody', ...connect], { code: 4 }), [null])
})

test('a task is cancelled in every state, with the state really reached; what is done is left alone', async (context) => {
  const { connect } = await startUp(context)
  await chasquiJson(['submit', 'dormir', '{"ms":60000}', '--id', 'siesta', ...connect])
  await chasquiJson(['submit', 'sumar', '[1]', '--id', 'later', '--delay', '1h', ...connect])
  await chasqui(['submit', 'sumar', '[1]', '--id', 'done', '--wait', ...connect])
  const cancelled = await chasqui(['cancel', 'siesta', 'later', ...connect])
  assert.deepEqual([cancelled.code, cancelled.stdout], [0, 'siesta  canceled\nlater  canceled\n'])
  assert.deepEqual(await chasquiJson(['cancel', 'siesta', 'done', ...connect], { code: 7 }), [
    { id: 'siesta', state: 'canceled', changed: false },
    { id: 'done', state: 'succeeded', changed: false },
  ])
  const waited = await chasqui(['wait', 'siesta', 'done', ...connect])
  assert.equal(waited.code, 3)
  assert.match(waited.stdout, /^siesta {2}canceled.*\ndone {2}succeeded {2}1 {2}\(worker \d+, .*\)\n$/)
})

test('wait gives up at its deadline with exit code 5', async (context) => {
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  await chasquiJson(['submit', 'nobody-runs-this', '--id', 'a', ...connect])
  const [record] = await chasquiJson<WireRecord>(['wait', 'a', '--timeout', '100ms', ...connect], { code: 5 })
  assert.equal(record!.state, 'queued')
})

test('failed tasks are listed, and retried by id, by filter and all of them', async (context) => {
  const { connect } = await startUp(context)
  const failing = ['submit', 'sumar', '"x"', '--wait', ...connect]
  const [first] = await chasquiJson<WireRecord>(failing, { code: 3 })
  const [second] = await chasquiJson<WireRecord>(failing, { code: 3 })
  const listed = await chasquiJson<WireRecord>(['list', '--state', 'failed', '--type', 'sumar', ...connect])
  assert.deepEqual(
    listed.map(({ id }) => id),
    [second!.id, first!.id],
    'newest first',
  )
  const table = await chasqui(['list', '--state', 'failed', '--limit', '1', ...connect])
  assert.match(table.stdout, /^id +type +queue +state .*\n\S+ +sumar +default +failed +1\/5 .*INVALID_INPUT/)
  assert.match(table.stderr, /There are more: --limit\./)

  const byId = await chasqui(['retry', first!.id, ...connect])
  assert.deepEqual([byId.code, byId.stdout], [0, `${first!.id}  queued\n`])
  await chasquiJson(['wait', first!.id, ...connect], { code: 3 })
  assert.deepEqual(
    (await chasqui(['retry', '--type', 'other', ...connect])).stdout,
    '0 failed tasks are queued again\n',
  )
  assert.deepEqual(
    (await chasqui(['retry', '--all', ...connect])).stdout,
    '2 failed tasks are queued again\n',
  )
  assert.equal((await chasqui(['retry', ...connect])).code, 2)
  assert.equal((await chasqui(['retry', 'a', '--all', ...connect])).code, 2)
})

test('watch and log --follow show what happens and end with their task', async (context) => {
  const folder = temporaryFolder(context, 'modules')
  const definition = new URL('../../../src/task/definition.ts', import.meta.url).href
  writeFileSync(
    join(folder, 'chatty.ts'),
    `import { defineTask } from '${definition}'
     export const chatty = defineTask({ type: 'chatty', run: async (_: unknown, { log, progress }) => {
       log.info('begins')
       progress(1, 2, 'halves')
       log.warn('ends\\u001b[31m')
       return 'said'
     } })\n`,
  )
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  await chasquiJson(['submit', 'chatty', '--id', 'c', ...connect])
  const watch = runLines(context, process.execPath, [main, 'watch', 'c', '--json', ...connect])
  await watch.line('its state now', (line) => line.includes('"queued"'))
  const all = runLines(context, process.execPath, [
    main,
    'watch',
    '--state',
    'succeeded',
    '--json',
    ...connect,
  ])
  const log = runLines(context, process.execPath, [main, 'log', 'c', '--follow', ...connect])
  await startWorker(context, [join(folder, 'chatty.ts'), ...connect])

  assert.deepEqual(await watch.exited, { code: 0, signal: null })
  const events = watch.lines.map((line) => JSON.parse(line) as { state: string; at: string; watch?: string })
  assert.equal(events.at(-1)!.state, 'succeeded')
  assert.match(events[0]!.at, /^\d{4}-.*Z$/)
  assert.ok(events.every((event) => !('watch' in event)))
  assert.deepEqual(await log.exited, { code: 0, signal: null })
  assert.equal(log.lines.length, 2)
  assert.match(log.lines[0]!, /^\S+Z #1 info {2}begins$/)
  assert.match(log.lines[1]!, /^\S+Z #1 warn {2}ends$/, 'what a handler writes does not steer the terminal')
  // Nobody says when that one has begun to watch: tasks end until it sees one.
  while (!all.lines.some((line) => line.includes('"succeeded"'))) {
    assert.equal(all.child.exitCode, null)
    await chasquiJson(['submit', 'chatty', ...connect])
  }
  await all.kill('SIGINT')
})

test('queues, workers and stats tell what there is, for people and for programs', async (context) => {
  const { connect } = await startUp(context, { workers: 2 })
  await chasqui(['submit', 'sumar', '[1]', '--count', '10', '--wait', ...connect])
  await chasquiJson(['submit', 'nobody-runs-this', '--queue', 'other', ...connect])
  const queues = await chasquiJson<{ queue: string; queued: number; totals: { succeeded: number } }>([
    'queues',
    ...connect,
  ])
  assert.deepEqual(queues.map(({ queue, queued, totals }) => [queue, queued, totals.succeeded]).sort(), [
    ['default', 0, 10],
    ['other', 1, 0],
  ])
  assert.match(
    (await chasqui(['queues', ...connect])).stdout,
    /^queue +mode +queued +running .*\n.*\bdefault +open +0 +0 /,
  )
  const workers = await chasquiJson<{ worker: { pid: number }; settled: number }>(['workers', ...connect])
  assert.equal(workers.length, 2)
  assert.equal(workers[0]!.settled + workers[1]!.settled, 10)
  assert.match(
    (await chasqui(['workers', ...connect])).stdout,
    new RegExp(`^ *${workers[0]!.worker.pid} `, 'm'),
  )
  const [stats] = await chasquiJson<{ engine: string; durability: string; workers: unknown[] }>([
    'stats',
    ...connect,
  ])
  assert.deepEqual([stats!.engine, stats!.durability, stats!.workers.length], ['embedded', 'disk', 2])
  assert.match((await chasqui(['stats', ...connect])).stdout, /^engine +embedded, durability disk$/m)
})

test('check finds what does not work, and tasks that nobody takes', async (context) => {
  const server = await startServer(context, ['distributor', '--engine', 'memory'])
  await chasquiJson(['submit', 'nobody-runs-this', ...server.connect])
  const env = { CHASQUI_PROT: '1' }
  const good = await chasqui(['check', ...server.connect], { env })
  assert.equal(good.code, 0)
  assert.match(good.stdout, /^ok {2}node +v24\./m)
  assert.match(good.stdout, /^!! {2}configuration +CHASQUI_PROT is set and names no setting$/m)
  assert.match(good.stdout, /^ok {2}disk +.* free for /m)
  assert.match(good.stdout, /^ok {2}distributor +answers at chasqui:/m)
  assert.match(good.stdout, /^!! {2}workers +none is connected: tasks wait$/m)
  assert.match(
    good.stdout,
    /^!! {2}waiting +tasks of type "nobody-runs-this" wait in queue "default" \(1 queued in all\), and no worker takes them$/m,
  )
  await server.kill('SIGTERM')
  const bad = await chasquiJson<{ what: string; level: string }>(
    ['check', ...server.connect, '--connect-timeout', '200ms'],
    { code: 1 },
  )
  assert.equal(bad.find(({ what }) => what === 'distributor')!.level, 'problem')
  const settings = await chasquiJson<{ name: string; value: string; origin: string }>([
    'check',
    '--settings',
    '--lease',
    '5s',
  ])
  assert.deepEqual(
    settings.find(({ name }) => name === 'lease'),
    { name: 'lease', value: '5s', origin: '--lease' },
  )
})

test('colours only on a terminal, or where they are asked for', async (context) => {
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  await chasquiJson(['submit', 't', ...connect])
  const colour = '\u001b['
  assert.ok(!(await chasqui(['list', ...connect])).stdout.includes(colour))
  assert.ok((await chasqui(['list', ...connect], { env: { FORCE_COLOR: '1' } })).stdout.includes(colour))
  const both = await chasqui(['list', ...connect], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })
  assert.ok(!both.stdout.includes(colour))
})

test('explain says in sentences why a task is not running', async (context) => {
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  await chasqui(['submit', 't', '--id', 'a', '--queue', 'mail', ...connect])
  const said = await chasqui(['explain', 'a', ...connect])
  assert.equal(
    said.stdout,
    'a is queued (type t, queue mail)\n  No worker takes tasks of queue mail: no worker is connected.\n',
  )
  const [value] = await chasquiJson<{ reasons: object[] }>(['explain', 'a', '--json', ...connect])
  assert.deepEqual(value!.reasons, [
    {
      kind: 'no-worker',
      others: [],
      message: 'No worker takes tasks of queue mail: no worker is connected.',
    },
  ])
  assert.equal((await chasqui(['explain', 'nobody', ...connect])).code, 4)
})

test('a queue is paused, defined, drained, purged and shown', async (context) => {
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  const paused = await chasqui(['queues', 'pause', 'mail', ...connect])
  assert.equal(paused.stdout, 'queue mail is paused: it takes tasks and delivers none\n')
  await chasquiJson(['submit', 't', '--count', '600', '--queue', 'mail', ...connect])
  const define = [
    'queues',
    'define',
    'mail',
    '--attempts',
    '3',
    '--ttl',
    '1h',
    '--tasks-max',
    '600',
    '--backoff',
    '1s,10s',
  ]
  assert.equal((await chasqui([...define, ...connect])).code, 0)
  const shown = await chasqui(['queues', 'show', 'mail', ...connect])
  assert.deepEqual(shown.stdout.split('\n').slice(1), [
    '  attempts         3',
    '  back-off         1s, 10s',
    '  expires after    1h',
    '  at most          600 unfinished tasks',
    '',
  ])
  const unasked = await chasqui(['queues', 'purge', 'mail', ...connect])
  assert.deepEqual([unasked.code, unasked.stdout], [2, ''])
  assert.deepEqual(await chasquiJson(['queues', 'purge', 'mail', '--yes', ...connect]), [
    { queue: 'mail', purged: 600 },
  ])
  await chasqui(['queues', 'define', 'mail', '--tasks-max', 'none', ...connect])
  await chasqui(['queues', 'drain', 'mail', ...connect])
  const refused = await chasqui(['submit', 't', '--queue', 'mail', ...connect])
  assert.equal(refused.code, 6)
  assert.match(refused.stderr, /queue mail takes no new tasks: it is draining/)
  const [resumed] = await chasquiJson<{ settings: { mode: string } }>([
    'queues',
    'resume',
    'mail',
    ...connect,
  ])
  assert.equal(resumed!.settings.mode, 'open')
  assert.equal((await chasqui(['queues', 'stop', 'mail', ...connect])).code, 2)
})
