/** `chasqui submit`: what it prints, what it answers with its exit code, and that it holds little in memory. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, startServer, startUp, startWorker } from './chasqui.ts'

interface WireRecord {
  readonly id: string
  readonly state: string
  readonly result?: unknown
}

test('one task: its result alone on standard output with --wait, its receipt without', async (context) => {
  const { connect } = await startUp(context)
  assert.deepEqual(await chasqui(['submit', 'sumar', '[5,7]', '--wait', ...connect]), {
    code: 0,
    signal: null,
    stdout: '12\n',
    stderr: '',
  })
  const receipt = await chasqui(['submit', 'sumar', '[5,7]', '--id', 'mine', ...connect])
  assert.deepEqual([receipt.code, receipt.stdout], [0, 'mine  queued  (disk)\n'])
  await chasqui(['wait', 'mine', ...connect])
  const again = await chasqui(['submit', 'sumar', '[5,7]', '--id', 'mine', ...connect])
  assert.deepEqual([again.code, again.stdout], [0, 'mine  succeeded  (disk, duplicate)\n'])
  const [record] = await chasquiJson<WireRecord>(['submit', 'multiplicar', '[5,7]', '--wait', ...connect])
  assert.deepEqual([record!.state, record!.result], ['succeeded', 35])

  const failed = await chasqui(['submit', 'sumar', '"x"', '--wait', ...connect])
  assert.deepEqual([failed.code, failed.stdout], [3, ''])
  assert.match(failed.stderr, /failed .*INVALID_INPUT: .*expected a list of numbers/)
  const conflict = await chasqui(['submit', 'sumar', '[1]', '--id', 'mine', ...connect])
  assert.deepEqual([conflict.code, conflict.stdout], [6, ''])
  assert.match(conflict.stderr, /^refused: .*mine/)
  const late = await chasqui([
    'submit',
    'dormir',
    '{"ms":60000}',
    '--wait',
    '--deadline',
    '200ms',
    ...connect,
  ])
  assert.equal(late.code, 5)
})

test('data comes from the command line, a file or standard input; every option reaches the task', async (context) => {
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  const folder = temporaryFolder(context, 'data')
  writeFileSync(join(folder, 'data.json'), '{"from":\n"file"}')
  const dataOf = async (args: readonly string[], input?: string) => {
    const [receipt] = await chasquiJson<WireRecord>(
      ['submit', ...args, ...connect],
      input === undefined ? {} : { input },
    )
    const [record] = await chasquiJson<{ data: unknown }>(['get', receipt!.id, '--data', ...connect])
    return record!.data
  }
  assert.deepEqual(await dataOf(['t', `@${join(folder, 'data.json')}`]), { from: 'file' })
  assert.deepEqual(await dataOf(['t', '-'], '{"from":"input"}\n'), { from: 'input' })
  assert.equal(await dataOf(['t']), null)

  const options = [
    '--id',
    'full',
    '--queue',
    'slow',
    '--priority',
    '9',
    '--delay',
    '1h',
    '--ttl',
    '2h',
    '--key',
    'acme',
  ]
  const more = [
    '--attempts',
    '2',
    '--timeout',
    '30s',
    '--metadata',
    'a=1',
    '--metadata',
    'b=x=y',
    '--backoff',
    '1s,1m',
  ]
  await chasquiJson(['submit', 't', '{}', ...options, ...more, ...connect])
  const [full] = await chasquiJson<Record<string, unknown>>(['get', 'full', ...connect])
  const { id, queue, priority, state, maxAttempts, key, metadata } = full!
  assert.deepEqual(
    { id, queue, priority, state, maxAttempts, key, metadata },
    {
      id: 'full',
      queue: 'slow',
      priority: 9,
      state: 'scheduled',
      maxAttempts: 2,
      key: 'acme',
      metadata: { a: '1', b: 'x=y' },
    },
  )
  const delayMs = Date.parse(String(full!.runAt)) - Date.parse(String(full!.createdAt))
  assert.ok(Math.abs(delayMs - 3_600_000) < 1_000, String(delayMs))
  const [first] = await chasquiJson<WireRecord>(['submit', 't', '--dedupe-key', 'k', ...connect])
  const [second] = await chasquiJson<WireRecord & { duplicate: boolean }>([
    'submit',
    't',
    '--dedupe-key',
    'k',
    ...connect,
  ])
  assert.deepEqual([second!.id, second!.duplicate], [first!.id, true])
})

test('many tasks over several connections are counted, and spread over the workers', async (context) => {
  const { connect } = await startUp(context, { workers: 2, args: ['--concurrency', '1'] })
  const ended = await chasqui([
    'submit',
    'sumar',
    '[5,7]',
    '--count',
    '3000',
    '--clients',
    '3',
    '--wait',
    ...connect,
  ])
  assert.equal(ended.code, 0)
  assert.match(ended.stdout, /^3,000 tasks confirmed in .*\n3,000 succeeded after .*\n$/)
  assert.equal(ended.stderr, '', 'no progress bar where there is no terminal')
  const workers = await chasquiJson<{ settled: number }>(['workers', ...connect])
  assert.equal(workers.length, 2)
  assert.ok(
    workers.every(({ settled }) => settled > 0),
    JSON.stringify(workers),
  )
})

test('NDJSON: data or whole tasks, one a line; a line that is none is named', async (context) => {
  const { connect } = await startServer(context, ['distributor', '--engine', 'memory'])
  await startWorker(context, [...connect])
  const records = await chasquiJson<WireRecord>(['submit', 'sumar', '-', '--ndjson', '--wait', ...connect], {
    input: '[1,2]\n\n  \n[3,4]\r\n[5,6]',
  })
  // Lines go out in several lanes, so they may end in any order.
  assert.deepEqual(new Set(records.map(({ result }) => result)), new Set([3, 7, 11]))
  assert.equal(records.length, 3)
  const folder = temporaryFolder(context, 'ndjson')
  const file = join(folder, 'tasks.ndjson')
  writeFileSync(
    file,
    '{"type":"sumar","data":[1],"id":7,"priority":2}\n{"type":"multiplicar","data":[3,3]}\n{"type":"sumar","data":[2],"wrong":1}\n',
  )
  const mixed = await chasqui(['submit', `@${file}`, '--ndjson', '--wait', ...connect])
  assert.equal(mixed.code, 6)
  assert.match(mixed.stderr, /^refused: line 3: .*wrong/m)
  assert.match(mixed.stdout, /^2 tasks confirmed in .*, 1 refused\n2 succeeded after /)
  const [seven] = await chasquiJson<WireRecord & { priority: number }>(['get', '7', ...connect])
  assert.deepEqual([seven!.result, seven!.priority], [1, 2])
  const broken = await chasqui(['submit', 'sumar', '-', '--ndjson', ...connect], { input: '[1]\n[2\n[3]\n' })
  assert.equal(broken.code, 2)
  assert.match(broken.stderr, /^chasqui: line 2 of standard input is not JSON: /)
  const missing = await chasqui(['submit', 'sumar', '@/nowhere/at/all', '--ndjson', ...connect])
  assert.deepEqual(
    [missing.code, /^chasqui: \/nowhere\/at\/all cannot be read: /.test(missing.stderr)],
    [2, true],
  )
})

test('a long NDJSON source is submitted as it is read: memory does not grow with it', async (context) => {
  const { connect } = await startServer(context, [
    'distributor',
    '--engine',
    `embedded:${temporaryFolder(context, 's')}`,
  ])
  const LINES = 150_000
  const text = `${JSON.stringify({ name: 'x'.repeat(400) })}\n`
  async function* source(): AsyncGenerator<string> {
    for (let line = 0; line < LINES; line += 500) yield text.repeat(500)
  }
  const ended = await chasqui(['submit', 'large', '-', '--ndjson', ...connect], {
    input: source(),
    // Without a limit a heap grows because it can; with it, holding the 60 MB that come in would end the process.
    env: { NODE_OPTIONS: '--max-old-space-size=48' },
  })
  assert.equal(ended.code, 0, ended.stderr)
  assert.match(ended.stdout, /^150,000 tasks confirmed/)
})
