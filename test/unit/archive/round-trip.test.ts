import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { ArchivedTask } from '../../../src/engine/archive.ts'
import type { Schedule } from '../../../src/engine/cron.ts'
import { openEmbeddedArchive } from '../../../src/engine/embedded/embedded-archive.ts'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { openFileStore } from '../../../src/objects/file-store.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { ARCHIVE_PAGE_LENGTH_MAX, ARCHIVE_PAGE_TASKS_MAX } from '../../../src/task/limits.ts'
import { lookAtStore } from '../../faults/store-file.ts'
import { exportFile, importFile, linesOf } from '../../support/archives.ts'
import {
  DEDUPE_WINDOW_MS,
  fillRichStore,
  lookAt,
  RICH_IDS,
  richOptions,
  take,
  takeAll,
} from '../../support/rich-store.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'

interface Moved {
  readonly from: string
  readonly to: string
  readonly file: string
  readonly clock: VirtualClock
}

async function move(context: TestContext): Promise<Moved> {
  const folder = temporaryFolder(context, 'moved')
  const moved = { from: join(folder, 'from'), to: join(folder, 'to'), file: join(folder, 'a.ndjson') }
  const clock = new VirtualClock()
  await fillRichStore(moved.from, clock)
  await exportFile(moved.from, moved.file)
  const summary = await importFile(moved.to, moved.file)
  assert.equal(summary.written, RICH_IDS.length)
  return { ...moved, clock }
}

async function openEngine(context: TestContext, dir: string, clock: VirtualClock): Promise<Engine> {
  const engine = await openEmbeddedEngine(richOptions(dir, clock))
  atEnd(context, () => engine.close())
  return engine
}

async function allTasks(dir: string): Promise<ArchivedTask[]> {
  const archive = await openEmbeddedArchive({ dir, readOnly: true })
  try {
    const tasks: ArchivedTask[] = []
    for (;;) {
      const page = await archive.read(tasks.at(-1)?.id ?? null)
      if (page.length === 0) return tasks
      tasks.push(...page)
    }
  } finally {
    await archive.close()
  }
}

describe('a store that was moved', () => {
  test('shows the same records, log lines, lists, counts and totals', async (context) => {
    const { from, to, clock } = await move(context)
    const before = await lookAt(await openEngine(context, from, clock))
    const after = await lookAt(await openEngine(context, to, clock))
    assert.deepEqual(after, before)
    // The store really has what the comparison is about.
    const states = Object.fromEntries(before.records.map((record) => [record!.id, record!.state]))
    assert.deepEqual(states, {
      plain: 'queued',
      low: 'queued',
      high: 'queued',
      raw: 'queued',
      delayed: 'scheduled',
      expiring: 'queued',
      dedupe: 'queued',
      done: 'succeeded',
      retrying: 'scheduled',
      failed: 'failed',
      canceled: 'canceled',
      expired: 'expired',
      revived: 'queued',
      crashed: 'queued',
    })
    const record = (id: (typeof RICH_IDS)[number]) => before.records[RICH_IDS.indexOf(id)]!
    assert.equal(record('raw').dataText, '{ "a" : [1.0, 1e3],\n "a": "\\ud800" }')
    assert.equal(record('done').resultText, '{"big":12345678901234567890,"a":1,"a":2}')
    assert.equal(record('retrying').error?.message, 'later')
    assert.equal(record('crashed').crashes, 1)
    assert.equal(before.logs[RICH_IDS.indexOf('done')]!.length, 2)
    const old = before.queues.find(({ queue }) => queue === 'old')!
    assert.deepEqual(old.totals, { submitted: 1, succeeded: 1, failed: 0, canceled: 0, expired: 0 })
  })

  test('is the same to the last field when it is read again, in a sound file', async (context) => {
    const { from, to } = await move(context)
    assert.deepEqual(await allTasks(to), await allTasks(from))
    // Totals count purged tasks too, which that look knows nothing of; the test above compares them.
    const faults = lookAtStore(to).faults.filter((fault) => !fault.startsWith('the totals are '))
    assert.deepEqual(faults, [])
  })

  test('keeps its schedules and how far they came; names that are taken stay as they are', async (context) => {
    const { from, to, file, clock } = await move(context)
    const engine = await openEngine(context, from, clock)
    const schedule = (name: string): Schedule => ({
      name,
      timing: { expression: '*/5 * * * *', timezone: 'Europe/Berlin' },
      task: {
        type: 'x',
        queue: 'mail',
        priority: 7,
        dataText: '{"a":1}',
        ttlMs: 3_600_000,
        options: { key: 'k' },
      },
      overlap: 'queue',
      catchUp: 'all',
      owner: 'config',
    })
    await engine.cron.put([schedule('ticking'), schedule('taken'), schedule('paused')])
    await engine.cron.pause(['paused'], true)
    await clock.advance(11 * 60_000)
    const list = async (of: Engine) => (await of.cron.list({ limit: 10, ticks: 3 })).schedules
    const before = await list(engine)
    assert.deepEqual(
      before.map(({ name, fired, waiting }) => [name, fired, waiting]),
      [
        ['paused', 0, 0],
        ['taken', 1, 1],
        ['ticking', 1, 1],
      ],
    )
    await engine.close()
    const target = await openEngine(context, to, clock)
    await target.cron.put([{ ...schedule('taken'), overlap: 'skip' }])
    await target.close()

    const summary = await exportFile(from, `${file}-2`)
    assert.equal(summary.schedules, 3)
    assert.deepEqual((await importFile(to, `${file}-2`)).schedules, { written: 2, present: 1 })
    // Again, as after an import that was interrupted.
    assert.deepEqual((await importFile(to, `${file}-2`)).schedules, { written: 0, present: 3 })
    const after = await list(await openEngine(context, to, clock))
    assert.deepEqual([after[0], after[2]], [before[0], before[2]])
    assert.deepEqual([after[1]!.overlap, after[1]!.fired], ['skip', 0])

    const lines = linesOf(`${file}-2`)
    const at = lines.findIndex((line) => line.startsWith('{"schedule"'))
    writeFileSync(`${file}-3`, `${lines.filter((_, index) => index !== at).join('\n')}\n`)
    await assert.rejects(importFile(join(to, 'other'), `${file}-3`), { code: 'ARCHIVE_INVALID' })
  })

  test('delivers in the same order', async (context) => {
    const { from, to, clock } = await move(context)
    const order = async (dir: string) => {
      const engine = await openEngine(context, dir, clock)
      return (await takeAll(engine, ['default', 'mail', 'crashes'], 8)).map(({ id, attempt }) => [
        id,
        attempt,
      ])
    }
    const before = await order(from)
    assert.deepEqual(await order(to), before)
    assert.equal(before[0]![0], 'high')
  })

  test('holds its dedupe keys, and for as long as before', async (context) => {
    const { to, clock } = await move(context)
    const engine = await openEngine(context, to, clock)
    const late = (id: string) =>
      submission(id, { options: { dedupeKey: 'only', dedupeWindowMs: DEDUPE_WINDOW_MS } })
    const [held] = await engine.submit([late('second')], 'disk')
    assert.deepEqual(held, { id: 'dedupe', state: 'queued', duplicate: true, durability: 'disk' })
    await clock.advance(DEDUPE_WINDOW_MS - 1)
    assert.equal((await engine.submit([late('third')], 'disk'))[0]!.id, 'dedupe')
    await clock.advance(1)
    assert.equal((await engine.submit([late('fourth')], 'disk'))[0]!.id, 'fourth')
  })

  test('goes on: what is due becomes queued, what expires expires, attempts and crashes count on', async (context) => {
    const { to, clock } = await move(context)
    const engine = await openEngine(context, to, clock)
    const state = async (id: string) => (await engine.get([id]))[0]!.state
    await clock.advance(30_000)
    assert.equal(await state('delayed'), 'queued')
    await clock.advance(15_000)
    assert.equal(await state('expiring'), 'expired')
    const crashed = await take(engine, 'crashes')
    assert.equal(crashed.attempt, 1)
    assert.equal(crashed.timeoutMs, 1_000)
    await engine.settle([
      { id: 'crashed', epoch: crashed.epoch, kind: 'crashed', error: { name: 'E', message: 'm' } },
    ])
    assert.equal((await engine.get(['crashed']))[0]!.crashes, 2)
  })

  test('takes a repeated settle, and gives no epoch that the old engine may have given', async (context) => {
    const { from, to, clock } = await move(context)
    // The old engine goes on although it should not: its next epoch is the highest that a worker of it can have.
    const old = await openEngine(context, from, clock)
    const [stale] = await takeAll(old, ['default'], 1)
    const engine = await openEngine(context, to, clock)
    const epoch = lookAtStore(to).tasks.get('done')!.final!.epoch
    const repeated = await engine.settle([{ id: 'done', epoch, kind: 'returned', valueText: '0' }])
    assert.deepEqual(repeated, [{ id: 'done', accepted: true, state: 'succeeded' }])
    const [fresh] = await takeAll(engine, ['default'], 1)
    assert.equal(fresh!.id, stale!.id)
    assert.ok(fresh!.epoch > stale!.epoch, `${fresh!.epoch} is above ${stale!.epoch}`)
  })

  test('adds to a store that has tasks of its own, and the totals of purged tasks only once', async (context) => {
    const { to, file, clock } = await move(context)
    const engine = await openEmbeddedEngine(richOptions(to, clock))
    await engine.submit([submission('own', { queue: 'old' })], 'disk')
    await engine.close()
    const again = await importFile(to, file)
    assert.deepEqual([again.written, again.present, again.other], [0, RICH_IDS.length, 0])
    const reopened = await openEngine(context, to, clock)
    const old = (await reopened.inspect()).queues.find(({ queue }) => queue === 'old')!
    assert.deepEqual(old.totals, { submitted: 2, succeeded: 1, failed: 0, canceled: 0, expired: 0 })
    assert.equal(old.queued, 1)
  })

  test('leaves a task alone that has the id of one in the archive and is another, and says so', async (context) => {
    const folder = temporaryFolder(context, 'other')
    const [from, to, file] = [join(folder, 'from'), join(folder, 'to'), join(folder, 'a.ndjson')]
    const clock = new VirtualClock()
    await fillRichStore(from, clock)
    await exportFile(from, file)
    const engine = await openEmbeddedEngine(richOptions(to, clock))
    // Other data; and the same content, but accepted at another time: nobody knows what became of the one in the archive.
    await engine.submit([submission('plain', { dataText: '[1]' })], 'disk')
    await clock.advance(1)
    await engine.submit([submission('low', { priority: 0 })], 'disk')
    await engine.close()
    const summary = await importFile(to, file)
    assert.deepEqual(summary.otherIds, ['plain', 'low'])
    assert.deepEqual([summary.written, summary.present, summary.other], [RICH_IDS.length - 2, 0, 2])
    const reopened = await openEngine(context, to, clock)
    assert.equal((await reopened.get(['plain'], { data: true }))[0]!.dataText, '[1]')
  })

  test('writes the documents that the old engine had not written', async (context) => {
    const folder = temporaryFolder(context, 'documents')
    const [from, to, file] = [join(folder, 'from'), join(folder, 'to'), join(folder, 'a.ndjson')]
    const clock = new VirtualClock()
    const objects = await openFileStore({ dir: join(folder, 'results') })
    atEnd(context, () => objects.close())
    const refusing = { ...objects, put: () => Promise.reject(new Error('down')), kind: 'file' }
    const engine = await openEmbeddedEngine({ ...richOptions(from, clock), objects: refusing })
    await engine.submit([submission('written-later')], 'disk')
    const delivery = await take(engine, 'default')
    await engine.settle([{ ...delivery, kind: 'returned', valueText: '12' }])
    await engine.close()
    await exportFile(from, file)
    await importFile(to, file)
    const moved = await openEmbeddedEngine({ ...richOptions(to, clock), objects })
    await moved.close()
    const document = JSON.parse(readFileSync(join(folder, 'results', 'task_written-later.json'), 'utf8'))
    assert.equal(document.result, 12)
  })
})

describe('a page of an archive', () => {
  test('is bounded in number and in length, whatever is in the store', async (context) => {
    const dir = join(temporaryFolder(context, 'pages'), 'store')
    const engine = await openEmbeddedEngine({ dir })
    const small = Array.from({ length: ARCHIVE_PAGE_TASKS_MAX + 1 }, (_, at) => submission(`small-${at}`))
    const dataText = JSON.stringify('x'.repeat(ARCHIVE_PAGE_LENGTH_MAX / 2))
    const large = Array.from({ length: 5 }, (_, at) => submission(`large-${at}`, { dataText }))
    await engine.submit([...small, ...large], 'relaxed')
    await engine.close()
    const archive = await openEmbeddedArchive({ dir, readOnly: true })
    atEnd(context, () => archive.close())
    const sizes: number[] = []
    for (let page = await archive.read(null); page.length > 0; page = await archive.read(page.at(-1)!.id)) {
      sizes.push(page.length)
    }
    assert.deepEqual(sizes, [ARCHIVE_PAGE_TASKS_MAX, 3, 2, 1])
  })
})

describe('a store that is imported into', () => {
  test('gives no task the number of a purged one that a lease still names', async (context) => {
    const folder = temporaryFolder(context, 'numbers')
    const [from, to, file] = [join(folder, 'from'), join(folder, 'to'), join(folder, 'a.ndjson')]
    const source = await openEmbeddedEngine({ dir: from })
    await source.submit([submission('moved')], 'disk')
    await source.close()
    await exportFile(from, file)

    const clock = new VirtualClock()
    const target = await openEmbeddedEngine({ dir: to, clock, leaseMs: 3_600_000, retentionMs: 1_000 })
    await target.submit([submission('long'), submission('short')], 'disk')
    // One lease row for both; that of `short` is left in it, for its result tells that it is over.
    const taken = await takeAll(target, ['default'], 2)
    const { id, epoch } = taken.find((delivery) => delivery.id === 'short')!
    await target.settle([{ id, epoch, kind: 'returned', valueText: '1' }])
    for (let step = 0; (await target.get(['short']))[0] !== null; step++) {
      assert.ok(step < 200, 'purged in time')
      await clock.advance(60_000)
    }
    await target.abandon()
    await importFile(to, file)
    const again = await openEmbeddedEngine({ dir: to, clock })
    atEnd(context, () => again.close())
    const [long, moved] = await again.get(['long', 'moved'])
    assert.deepEqual([long!.state, moved!.state], ['running', 'queued'])
  })

  test('keeps a dedupe hold of its own that lasts longer', async (context) => {
    const folder = temporaryFolder(context, 'holds')
    const [from, to, file] = [join(folder, 'from'), join(folder, 'to'), join(folder, 'a.ndjson')]
    const clock = new VirtualClock()
    const hold = async (dir: string, id: string, dedupeWindowMs: number) => {
      const engine = await openEmbeddedEngine({ dir, clock })
      await engine.submit([submission(id, { options: { dedupeKey: 'k', dedupeWindowMs } })], 'disk')
      await engine.close()
    }
    await hold(from, 'theirs', 1_000)
    await exportFile(from, file)
    await hold(to, 'own', 2_000)
    await importFile(to, file)
    const engine = await openEmbeddedEngine({ dir: to, clock })
    atEnd(context, () => engine.close())
    const [receipt] = await engine.submit([submission('new', { options: { dedupeKey: 'k' } })], 'disk')
    assert.deepEqual([receipt!.id, 'duplicate' in receipt! && receipt.duplicate], ['own', true])
  })
})

describe('tasks that workers hold', () => {
  test('are a reason not to export, unless they may go as queued, with their attempt not counted', async (context) => {
    const folder = temporaryFolder(context, 'held')
    const [from, to, file] = [join(folder, 'from'), join(folder, 'to'), join(folder, 'a.ndjson')]
    const clock = new VirtualClock()
    const [held] = await fillRichStore(from, clock, true)
    await assert.rejects(exportFile(from, file), {
      code: 'STORE_LOCKED',
      message: /^1 task is still held by workers: start the engine again .* --requeue-running /,
    })
    await exportFile(from, file, { resume: true, requeueRunning: true })
    assert.equal(JSON.parse(linesOf(file)[0]!).running, 1)
    await importFile(to, file)
    const engine = await openEngine(context, to, clock)
    const [record] = await engine.get(['held'])
    assert.deepEqual([record!.state, record!.attempt, record!.crashes], ['queued', 0, 0])
    // Whoever ran it comes too late, wherever he comes to.
    const settled = await engine.settle([
      { id: 'held', epoch: held!.epoch, kind: 'returned', valueText: '1' },
    ])
    assert.deepEqual(settled, [{ id: 'held', accepted: false, state: 'queued' }])
  })
})
