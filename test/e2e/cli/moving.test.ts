/** `chasqui export` and `import` as a user runs them, with kills, pipes and little memory. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import { type TestContext, test } from 'node:test'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { linesOf } from '../../support/archives.ts'
import { fillRichStore, RICH_IDS } from '../../support/rich-store.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, environment, main, startServer } from './chasqui.ts'

interface Places {
  readonly from: string
  readonly to: string
  readonly file: string
}

async function places(context: TestContext): Promise<Places> {
  const folder = temporaryFolder(context, 'moving')
  const places = { from: join(folder, 'from'), to: join(folder, 'to'), file: join(folder, 'tasks.ndjson') }
  await fillRichStore(places.from, new VirtualClock())
  return places
}

const engine = (dir: string) => ['--engine', `embedded:${dir}`]

test('a store moves through a file, and the counts are said', async (context) => {
  const { from, to, file } = await places(context)
  const exported = await chasqui(['export', ...engine(from), '--to', file])
  assert.equal(exported.code, 0, exported.stderr)
  assert.equal(exported.stdout, '')
  assert.match(
    exported.stderr,
    /^exported to \S+tasks\.ndjson in .*: 14 tasks: 2 scheduled, 8 queued, 1 succeeded, 1 failed, 1 canceled, 1 expired\nsha256 [0-9a-f]{64}\n$/,
  )
  const checked = await chasqui(['import', '--from', file, '--check', ...engine(to)])
  assert.match(checked.stdout, /^\S+tasks\.ndjson is whole: 14 tasks: .*; sha256 [0-9a-f]{64}\n$/)
  assert.equal(existsSync(to), false, 'to check is not to write')

  const imported = await chasqui(['import', '--from', file, ...engine(to)])
  assert.equal(imported.code, 0, imported.stderr)
  assert.match(
    imported.stdout,
    /^14 tasks imported into embedded:\S+ in .*\ncounted there now: 14 tasks: 2 scheduled, 8 queued, 1 succeeded, 1 failed, 1 canceled, 1 expired\n$/,
  )
  const [again] = await chasquiJson(['import', '--from', file, ...engine(to)])
  assert.deepEqual([again!.written, again!.present, again!.other], [0, 14, 0])
})

test('a store moves through a pipe', async (context) => {
  const { from, to } = await places(context)
  const run = (args: readonly string[]) => spawn(process.execPath, [main, ...args], { env: environment() })
  const [writer, reader] = [
    run(['export', '--to', '-', '--json', ...engine(from)]),
    run(['import', '--from', '-', ...engine(to)]),
  ]
  atEnd(context, () => [writer, reader].map((child) => child.kill('SIGKILL')))
  const texts = { summary: '', answer: '' }
  writer.stderr.on('data', (text) => (texts.summary += text))
  reader.stdout.on('data', (text) => (texts.answer += text))
  const [[wrote], [read]] = await Promise.all([
    once(writer, 'close'),
    once(reader, 'close'),
    pipeline(writer.stdout, reader.stdin),
  ])
  assert.deepEqual([wrote, read], [0, 0])
  assert.equal(JSON.parse(texts.summary).tasks, RICH_IDS.length)
  assert.match(texts.answer, /^14 tasks imported /)
})

test('an export whose reader goes away has failed', async (context) => {
  const { from } = await places(context)
  const writer = spawn(process.execPath, [main, 'export', '--to', '-', ...engine(from)], {
    env: environment(),
  })
  let said = ''
  writer.stderr.on('data', (text) => (said += text))
  writer.stdout.destroy()
  const [code] = await once(writer, 'close')
  assert.equal(code, 1)
  assert.match(said, /^chasqui: standard output cannot be written: .*EPIPE\.\n/)
})

test('kill -9 in the middle of an import, and its repetition', async (context) => {
  const { from, to, file } = await places(context)
  const many = await openEmbeddedEngine({ dir: from })
  const count = 3_000
  await many.submit(
    Array.from({ length: count }, (_, at) => submission(`many-${at}`)),
    'disk',
  )
  await many.close()
  await chasqui(['export', ...engine(from), '--to', file])
  const lines = linesOf(file)

  const child = spawn(process.execPath, [main, 'import', '--from', '-', ...engine(to)], {
    env: environment(),
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  atEnd(context, () => child.kill('SIGKILL'))
  // More than three pages, and no end: the import has written some of it and waits for the rest.
  child.stdin.write(
    lines
      .slice(0, 1_800)
      .map((line) => `${line}\n`)
      .join(''),
  )
  const written = await untilRows(join(to, 'chasqui.db'), 1_500)
  child.kill('SIGKILL')
  await once(child, 'close')
  assert.ok(written < count, `${written} tasks were written`)

  const refused = await chasqui(['distributor', '--port', '0', ...engine(to)])
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /is half imported: repeat the chasqui import, or keep what is there with chasqui import --keep-partial\./,
  )
  const [summary] = await chasquiJson(['import', '--from', file, ...engine(to)])
  const tasks = lines.length - 2
  assert.ok(tasks >= count)
  assert.equal(summary!.tasks, tasks)
  assert.ok((summary!.present as number) >= 1_500)
  assert.equal((summary!.present as number) + (summary!.written as number), tasks)
  const server = await startServer(context, ['distributor', ...engine(to)])
  const [stats] = await chasquiJson<{ queues: { queue: string; queued: number; scheduled: number }[] }>([
    'stats',
    ...server.connect,
  ])
  assert.ok(stats!.queues.find(({ queue }) => queue === 'default')!.queued >= count)
})

async function untilRows(path: string, count: number): Promise<number> {
  const deadlineMs = Date.now() + 30_000
  for (;;) {
    assert.ok(Date.now() < deadlineMs, `${count} tasks in ${path}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (!existsSync(path)) continue
    const file = new DatabaseSync(path, { readOnly: true })
    try {
      const rows = Number(file.prepare('select count(*) n from task').get()!.n)
      if (rows >= count) return rows
    } catch {
      // The tables are not made yet.
    } finally {
      file.close()
    }
  }
}

test('what cannot be done is one sentence and an exit code, and changes nothing', async (context) => {
  const { from, to, file } = await places(context)
  const server = await startServer(context, ['distributor', ...engine(from)])
  const refusals: [args: string[], code: number, sentence: RegExp][] = [
    [
      ['export', ...engine(from), '--to', file],
      1,
      /^chasqui: the store in \S+ is in use by process \d+ on .*: stop it first, or use another folder\.\n$/,
    ],
    [['import', ...engine(from), '--keep-partial'], 1, /is in use by process/],
    [['export', ...engine(to), '--to', file], 1, /^chasqui: there is no store in \S+to\.\n$/],
    [
      ['export', '--engine', 'memory', '--to', file],
      1,
      /^chasqui: the memory engine keeps nothing that could be moved\.\n$/,
    ],
    [
      ['export', '--engine', server.address, '--to', file],
      1,
      /^chasqui: tasks are moved where their store is: stop the distributor at /,
    ],
    [['import', ...engine(to), '--from', file], 1, /^chasqui: \S+tasks\.ndjson cannot be read: ENOENT/],
    [
      ['import', ...engine(to)],
      2,
      /^chasqui: Say what to import, with --from FILE, or --keep-partial alone\.\n$/,
    ],
    [['export', ...engine(to)], 2, /required option '--to <file>' not specified/],
  ]
  for (const [args, code, sentence] of refusals) {
    const ended = await chasqui(args)
    assert.match(ended.stderr, sentence, args.join(' '))
    assert.equal(ended.code, code, args.join(' '))
  }
  assert.equal(existsSync(file), false)
  assert.equal(existsSync(to), false)
  await server.kill('SIGTERM')

  await chasqui(['export', ...engine(from), '--to', file])
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('"id":"plain"', '"id":"pl4in"'))
  const altered = await chasqui(['import', ...engine(to), '--from', file])
  assert.equal(altered.code, 1)
  assert.match(
    altered.stderr,
    /^chasqui: line \d+ of \S+tasks\.ndjson was altered, or a line before it is missing\.\n$/,
  )
  assert.equal(existsSync(to), false, 'a file that is not whole changes nothing')
})

test('ids that other tasks have in the target are named, with an exit code of their own', async (context) => {
  const { from, to, file } = await places(context)
  const target = await openEmbeddedEngine({ dir: to })
  await target.submit([submission('plain', { dataText: '"another"' })], 'disk')
  await target.close()
  await chasqui(['export', ...engine(from), '--to', file])
  const ended = await chasqui(['import', ...engine(to), '--from', file])
  assert.equal(ended.code, 6)
  assert.match(
    ended.stderr,
    /^not imported: 1 task whose ids other tasks have there, which stay as they are: plain\n$/,
  )
  assert.match(ended.stdout, /^13 tasks imported /)
})

test('an export and an import need memory for a page, not for the store', async (context) => {
  const { to, from, file } = await places(context)
  const store = await openEmbeddedEngine({ dir: from })
  // Many times the heap that the commands get below: whoever holds it all is ended by V8.
  const [tasks, dataLength] = [100, 2 * 1024 * 1024]
  for (let at = 0; at < tasks; at++) {
    const data = { dataText: JSON.stringify(String(at).padEnd(dataLength, 'x')) }
    await store.submit([submission(`large-${at}`, data)], 'relaxed')
  }
  await store.close()
  const small = { env: { NODE_OPTIONS: '--max-old-space-size=64' } }
  const exported = await chasqui(['export', ...engine(from), '--to', file], small)
  assert.equal(exported.code, 0, exported.stderr.slice(-2_000))
  const imported = await chasqui(['import', ...engine(to), '--from', file], small)
  assert.equal(imported.code, 0, imported.stderr.slice(-2_000))
  assert.match(imported.stdout, /^1\d\d tasks imported /)
})
