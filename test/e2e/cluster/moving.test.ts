/** Moving between an embedded store and a real cluster, in both directions. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Client } from 'pg'
import type { Archive, ArchivedTask } from '../../../src/engine/archive.ts'
import {
  type ClusterArchiveOptions,
  openClusterArchive,
} from '../../../src/engine/cluster/cluster-archive.ts'
import { openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import { openEmbeddedArchive } from '../../../src/engine/embedded/embedded-archive.ts'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { openFileStore } from '../../../src/objects/file-store.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { ARCHIVE_PAGE_LENGTH_MAX, ARCHIVE_PAGE_TASKS_MAX } from '../../../src/task/limits.ts'
import { lookAtStore } from '../../faults/store-file.ts'
import { exportFile, exportTo, importFile, importFrom } from '../../support/archives.ts'
import { openBed } from '../../support/bed.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import {
  DEDUPE_WINDOW_MS,
  fillRichStore,
  lookAt,
  RETENTION_MS,
  RICH_IDS,
  richOptions,
  takeAll,
} from '../../support/rich-store.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson } from '../cli/chasqui.ts'

const needed = needPostgreSql().skip === false ? needRabbitMq() : needPostgreSql()

interface Scene {
  readonly clock: VirtualClock
  readonly folder: string
  /** A rich store, and its archive. */
  readonly store: string
  readonly file: string
  readonly databaseUrl: string
  openArchive(over?: Partial<ClusterArchiveOptions>): Promise<Archive>
  openCluster(): Promise<Engine>
}

async function scene(context: TestContext): Promise<Scene> {
  const bed = await openBed(context)
  const folder = temporaryFolder(context, 'moving')
  const [databaseUrl, amqpUrl] = [await bed.database(), await bed.amqp()]
  const clock = new VirtualClock()
  const [store, file] = [join(folder, 'store'), join(folder, 'store.ndjson')]
  await fillRichStore(store, clock)
  await exportFile(store, file)
  return {
    clock,
    folder,
    store,
    file,
    databaseUrl,
    openArchive: async (over = {}) => {
      const archive = await openClusterArchive({ databaseUrl, readOnly: false, ...over })
      atEnd(context, () => archive.close())
      return archive
    },
    openCluster: async () => {
      const engine = await openClusterEngine({
        databaseUrl,
        amqpUrls: [amqpUrl],
        clock,
        random: () => 0.5,
        retentionMs: RETENTION_MS,
        failedRetentionMs: 10 * RETENTION_MS,
      })
      atEnd(context, () => engine.close())
      return engine
    },
  }
}

async function embeddedLook(context: TestContext, dir: string, clock: VirtualClock) {
  const engine = await openEmbeddedEngine(richOptions(dir, clock))
  atEnd(context, () => engine.close())
  return lookAt(engine)
}

test(
  'a cluster shows what the embedded store showed, runs it, and goes on counting',
  needed,
  async (context) => {
    const { clock, store, file, openArchive, openCluster } = await scene(context)
    const summary = await importFrom(await openArchive(), file)
    assert.deepEqual([summary.written, summary.present, summary.other], [RICH_IDS.length, 0, 0])
    const before = await embeddedLook(context, store, clock)
    const engine = await openCluster()
    assert.deepEqual(await lookAt(engine), before)

    const queues = ['default', 'mail', 'crashes']
    const taken = await takeAll(engine, queues, 8)
    assert.deepEqual(
      taken.map(({ id }) => id).sort(),
      before.records.flatMap((record) => (record!.state === 'queued' ? [record!.id] : [])).sort(),
    )
    const raw = taken.find(({ id }) => id === 'raw')!
    assert.equal(raw.dataText, '{ "a" : [1.0, 1e3],\n "a": "\\ud800" }')
    const settled = await engine.settle(
      taken.map(({ id, epoch }) => ({ id, epoch, kind: 'returned' as const, valueText: '1' })),
    )
    assert.ok(settled.every(({ accepted }) => accepted))
    const totals = (await engine.inspect()).queues.find(({ queue }) => queue === 'default')!
    assert.deepEqual(
      [totals.totals.submitted, totals.totals.succeeded, totals.queued, totals.scheduled],
      [7, 6, 0, 1],
    )
  },
)

test('dedupe keys are held on, and epochs are above those of the embedded store', needed, async (context) => {
  const { clock, store, file, openArchive, openCluster } = await scene(context)
  await importFrom(await openArchive(), file)
  const old = await openEmbeddedEngine(richOptions(store, clock))
  const stale = await takeAll(old, ['crashes'], 1)
  await old.abandon()
  const engine = await openCluster()
  const options = { dedupeKey: 'only', dedupeWindowMs: DEDUPE_WINDOW_MS }
  assert.equal((await engine.submit([submission('second', { options })], 'disk'))[0]!.id, 'dedupe')
  const fresh = await takeAll(engine, ['crashes'], 1)
  assert.equal(fresh[0]!.id, stale[0]!.id)
  assert.ok(fresh[0]!.epoch > stale[0]!.epoch)
  const { id, epoch } = stale[0]!
  const [late] = await engine.settle([{ id, epoch, kind: 'returned', valueText: '"late"' }])
  assert.equal(late!.accepted, false)
})

test('back from a cluster it is what it was', needed, async (context) => {
  const { clock, folder, store, file, openArchive, openCluster } = await scene(context)
  await importFrom(await openArchive(), file)
  // An engine was open in between, and has published the hints.
  await (await openCluster()).close()
  const [back, again] = [join(folder, 'back.ndjson'), join(folder, 'back')]
  await exportTo(await openArchive({ readOnly: true }), back)
  await importFile(again, back)
  const before = await embeddedLook(context, store, clock)
  const engine = await openEmbeddedEngine(richOptions(again, clock))
  atEnd(context, () => engine.close())
  assert.deepEqual(await lookAt(engine), before)
  // A worker that did not hear the answer to its settle, two moves ago.
  const epoch = lookAtStore(store).tasks.get('done')!.final!.epoch
  const repeated = await engine.settle([{ id: 'done', epoch, kind: 'returned', valueText: '0' }])
  assert.deepEqual(repeated, [{ id: 'done', accepted: true, state: 'succeeded' }])
})

test('schedules go into a cluster and out of it', needed, async (context) => {
  const { clock, folder, openArchive, openCluster } = await scene(context)
  const source = join(folder, 'cron')
  const engine = await openEmbeddedEngine(richOptions(source, clock))
  await engine.cron.put([
    {
      name: 'report',
      timing: { expression: '0 3 * * *', timezone: 'Asia/Tokyo' },
      task: { type: 'x', queue: 'q', priority: 4, dataText: '[1]', ttlMs: null, options: null },
      overlap: 'replace',
      catchUp: 'none',
      owner: null,
    },
  ])
  const before = await engine.cron.list({ limit: 10, ticks: 2 })
  await engine.close()
  const [there, back, again] = [join(folder, 'there'), join(folder, 'back'), join(folder, 'again')]
  await exportFile(source, there)
  assert.deepEqual((await importFrom(await openArchive(), there)).schedules, { written: 1, present: 0 })
  const cluster = await openCluster()
  assert.deepEqual(await cluster.cron.list({ limit: 10, ticks: 2 }), before)
  await cluster.close()
  assert.equal((await exportTo(await openArchive({ readOnly: true }), back)).schedules, 1)
  await importFile(again, back)
  const home = await openEmbeddedEngine(richOptions(again, clock))
  atEnd(context, () => home.close())
  assert.deepEqual(await home.cron.list({ limit: 10, ticks: 2 }), before)
})

test('in a cluster what is due becomes queued and what expires expires', needed, async (context) => {
  const { clock, file, openArchive, openCluster } = await scene(context)
  await importFrom(await openArchive(), file)
  const engine = await openCluster()
  await clock.advance(50_000)
  const states = async () => (await engine.get(['delayed', 'expiring'])).map((record) => record!.state)
  const until = Date.now() + 30_000
  while ((await states()).join() !== 'queued,expired') {
    assert.ok(Date.now() < until, (await states()).join())
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

test('a task of a cluster with the id of another stays as it is, and is told', needed, async (context) => {
  const { clock, file, openArchive, openCluster } = await scene(context)
  const engine = await openCluster()
  await engine.submit([submission('plain', { dataText: '[1]' })], 'disk')
  // The same content, accepted at another time.
  await clock.advance(1)
  await engine.submit([submission('low', { priority: 0 })], 'disk')
  await engine.close()
  const summary = await importFrom(await openArchive(), file)
  assert.deepEqual(
    [summary.written, summary.other, summary.otherIds],
    [RICH_IDS.length - 2, 2, ['plain', 'low']],
  )
})

test(
  'an archive and engines keep each other out, and nobody opens what is half imported',
  needed,
  async (context) => {
    const { file, openArchive, openCluster } = await scene(context)
    const engine = await openCluster()
    await assert.rejects(openArchive(), {
      code: 'STORE_LOCKED',
      message: /^the cluster is in use by chasqui .*: stop every distributor and worker on it first$/,
    })
    await engine.close()

    const archive = await openArchive()
    await assert.rejects(openCluster(), { code: 'STORE_LOCKED', message: /an export or import is at work/ })
    await assert.rejects(openArchive(), {
      code: 'STORE_LOCKED',
      message: /in use by another import or export/,
    })
    const { write } = archive
    let pages = 0
    archive.write = (batch: readonly ArchivedTask[]) => {
      if (pages++ > 0) throw new Error('interrupted')
      return write.call(archive, batch.slice(0, 5)).then(() => Promise.reject(new Error('interrupted')))
    }
    await assert.rejects(importFrom(archive, file), { message: 'interrupted' })

    const message = /^the cluster is half imported: repeat the chasqui import/
    await assert.rejects(openCluster(), { code: 'STORE_INCOMPLETE', message })
    await assert.rejects(openArchive({ readOnly: true }), { code: 'STORE_INCOMPLETE', message })
    const summary = await importFrom(await openArchive(), file)
    assert.deepEqual([summary.written, summary.present], [RICH_IDS.length - 5, 5])
    const repeated = await importFrom(await openArchive(), file)
    assert.deepEqual([repeated.written, repeated.present], [0, RICH_IDS.length])
    const totals = (await (await openCluster()).inspect()).queues.map(({ totals }) => totals.submitted)
    assert.equal(
      totals.reduce((a, b) => a + b),
      RICH_IDS.length + 1,
      'with the purged task, once',
    )
  },
)

test('an import whose connection breaks fails, and is repeated', needed, async (context) => {
  const { file, databaseUrl, openArchive } = await scene(context)
  const archive = await openArchive()
  const { write } = archive
  archive.write = async (batch: readonly ArchivedTask[]) => {
    const admin = new Client(databaseUrl)
    await admin.connect()
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'chasqui archive%' and datname = current_database()`,
    )
    await admin.end()
    return write.call(archive, batch)
  }
  await assert.rejects(importFrom(archive, file), { code: 'STORE_FAILED', message: /^PostgreSQL: / })
  assert.equal((await importFrom(await openArchive(), file)).written, RICH_IDS.length)
})

test('large values go to the object store, and come back from it', needed, async (context) => {
  const { folder, openArchive, databaseUrl } = await scene(context)
  const [from, file, back, again] = ['large', 'large.ndjson', 'back.ndjson', 'again'].map((name) =>
    join(folder, name),
  )
  const data = JSON.stringify('ñ'.repeat(100_000))
  const engine = await openEmbeddedEngine({ dir: from! })
  await engine.submit(
    [submission('large', { dataText: data }), submission('ends', { queue: 'ends' })],
    'disk',
  )
  const [ends] = await takeAll(engine, ['ends'], 1)
  await engine.settle([{ id: 'ends', epoch: ends!.epoch, kind: 'returned', valueText: data }])
  await engine.close()
  await exportFile(from!, file!)

  const objects = await openFileStore({ dir: join(folder, 'objects') })
  atEnd(context, () => objects.close())
  await importFrom(await openArchive({ objects, objectsAboveLength: 1_000 }), file!)
  const admin = new Client(databaseUrl)
  await admin.connect()
  atEnd(context, () => admin.end())
  const { rows } = await admin.query('select payload, result from chasqui.task order by seq')
  assert.deepEqual(rows, [
    { payload: 'null', result: null },
    { payload: '[5,7]', result: 'null' },
  ])

  await exportTo(await openArchive({ readOnly: true, objects }), back!)
  await importFile(again!, back!)
  const archive = await openEmbeddedArchive({ dir: again!, readOnly: true })
  const [large, ended] = await archive.read(null)
  await archive.close()
  assert.equal(large!.dataText, data)
  assert.equal(ended!.final!.resultText, data)
})

test(
  'tasks that workers of a cluster hold move as queued only when that is asked for',
  needed,
  async (context) => {
    const { clock, folder, file, openArchive, openCluster } = await scene(context)
    await importFrom(await openArchive(), file)
    const engine = await openCluster()
    await takeAll(engine, ['crashes'], 1)
    await engine.close()
    const [out, to] = [join(folder, 'held.ndjson'), join(folder, 'held')]
    await assert.rejects(exportTo(await openArchive({ readOnly: true }), out), {
      code: 'STORE_LOCKED',
      message: /^1 task is still held by workers: /,
    })
    await exportTo(await openArchive({ readOnly: true }), out, { resume: true, requeueRunning: true })
    await importFile(to, out)
    const embedded = await openEmbeddedEngine(richOptions(to, clock))
    atEnd(context, () => embedded.close())
    const [held] = await embedded.get(['crashed'])
    assert.deepEqual([held!.state, held!.attempt, held!.crashes], ['queued', 0, 1])
  },
)

test('a page of a cluster is bounded in number and in length', needed, async (context) => {
  const { folder, openArchive } = await scene(context)
  const [from, file] = [join(folder, 'pages'), join(folder, 'pages.ndjson')]
  const engine = await openEmbeddedEngine({ dir: from })
  const small = Array.from({ length: ARCHIVE_PAGE_TASKS_MAX + 1 }, (_, at) => submission(`small-${at}`))
  const dataText = JSON.stringify('x'.repeat(ARCHIVE_PAGE_LENGTH_MAX / 2))
  const large = Array.from({ length: 5 }, (_, at) => submission(`large-${at}`, { dataText }))
  await engine.submit([...small, ...large], 'relaxed')
  await engine.close()
  await exportFile(from, file)
  await importFrom(await openArchive(), file)
  const archive = await openArchive({ readOnly: true })
  const sizes: number[] = []
  for (let page = await archive.read(null); page.length > 0; page = await archive.read(page.at(-1)!.id)) {
    sizes.push(page.length)
  }
  assert.deepEqual(sizes, [ARCHIVE_PAGE_TASKS_MAX, 3, 2, 1])
})

test('the commands move a store into a cluster and out of it', needed, async (context) => {
  const { folder, file, databaseUrl, openCluster } = await scene(context)
  const cluster = ['--engine', 'cluster', '--database-url', databaseUrl]
  const [imported] = await chasquiJson(['import', '--from', file, ...cluster])
  assert.deepEqual([imported!.written, imported!.present, imported!.other], [RICH_IDS.length, 0, 0])
  const out = join(folder, 'out.ndjson')
  const [exported] = await chasquiJson(['export', '--to', out, ...cluster])
  assert.deepEqual([exported!.tasks, exported!.queues], [RICH_IDS.length, imported!.queues])

  const engine = await openCluster()
  const busy = await chasqui(['export', '--to', `${out}2`, ...cluster])
  assert.equal(busy.code, 1)
  assert.match(
    busy.stderr,
    /^chasqui: the cluster is in use by chasqui .*: stop every distributor and worker on it first\.\n$/,
  )
  await engine.close()
  const nowhere = await chasqui(['export', '--to', `${out}2`, '--engine', 'cluster'])
  assert.equal(nowhere.code, 1)
  assert.equal(nowhere.stderr, 'chasqui: the store of a cluster is found by its --database-url.\n')
})
