/** The writer of documents, over any tables: asked at once or later. */

import assert from 'node:assert/strict'
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type DocumentSource, Documents } from '../../../src/engine/documents.ts'
import { openFileStore } from '../../../src/objects/file-store.ts'
import type { ObjectStore } from '../../../src/objects/object-store.ts'
import { DOCUMENTS_AT_ONCE_MAX } from '../../../src/task/limits.ts'
import type { TaskRecord } from '../../../src/task/task.ts'
import { eventually } from '../../support/eventually.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** Tables that answer later, as those of a server do; marks are texts, as PostgreSQL gives large numbers. */
class Tables implements DocumentSource<string> {
  readonly marks = new Set<string>()
  readonly purged = new Set<string>()
  readonly failures: unknown[] = []
  pages = 0

  constructor(count: number) {
    for (let seq = 1; seq <= count; seq++) this.marks.add(`${seq}`)
  }

  async pending(limit: number): Promise<readonly string[]> {
    await new Promise(setImmediate)
    this.pages++
    return [...this.marks].slice(0, limit)
  }

  async record(mark: string): Promise<TaskRecord | null> {
    await new Promise(setImmediate)
    return this.purged.has(mark) ? null : record(`task-${mark}`)
  }

  async written(documents: Parameters<DocumentSource<string>['written']>[0]): Promise<void> {
    await new Promise(setImmediate)
    for (const { mark } of documents) this.marks.delete(mark)
  }

  failed(error: unknown): void {
    this.failures.push(error)
  }
}

function record(id: string): TaskRecord {
  return {
    id,
    type: 'sumar',
    queue: 'default',
    state: 'succeeded',
    priority: 4,
    attempt: 1,
    maxAttempts: 5,
    crashes: 0,
    createdAtMs: 1,
    runAtMs: 1,
    finishedAtMs: 2,
    resultText: '12',
  }
}

test('everything that is marked is written, so many at a time, and what was purged is only forgotten', async (context) => {
  const dir = temporaryFolder(context, 'documents')
  const files = await openFileStore({ dir })
  let [running, most] = [0, 0]
  const objects: ObjectStore = {
    kind: files.kind,
    async put(key, body) {
      most = Math.max(most, ++running)
      await files.put(key, body)
      running--
    },
    get: (key) => files.get(key),
    delete: (key) => files.delete(key),
    list: (prefix) => files.list(prefix),
    close: () => files.close(),
  }
  const tables = new Tables(3 * DOCUMENTS_AT_ONCE_MAX + 1)
  tables.purged.add('5')
  const documents = new Documents(objects, tables)
  documents.wake()
  await documents.drain(10_000)
  await documents.close()
  assert.equal(tables.marks.size, 0)
  assert.equal(most, DOCUMENTS_AT_ONCE_MAX)
  const names = await readdir(dir)
  assert.equal(names.length, 3 * DOCUMENTS_AT_ONCE_MAX)
  assert.ok(!names.includes('task_task-5.json'))
  assert.equal(JSON.parse(`${await files.get('task_task-7.json')}`).result, 12)
  assert.deepEqual(tables.failures, [])
})

test('a document that cannot be written is tried again, and does not keep the others from being done with', async (context) => {
  const dir = temporaryFolder(context, 'documents')
  const objects = await openFileStore({ dir })
  // A folder in its place: no file can be renamed over it.
  const obstacle = join(dir, 'task_task-3.json')
  await mkdir(obstacle)
  const tables = new Tables(8)
  const documents = new Documents(objects, tables)
  documents.wake()
  await eventually('it failed', () => tables.failures.length > 0)
  assert.deepEqual([...tables.marks], ['3'])
  await rmdir(obstacle)
  await eventually('it is written after all', () => tables.marks.size === 0)
  assert.equal(JSON.parse(`${await objects.get('task_task-3.json')}`).id, 'task-3')
  await documents.close()
})

test('tables that fail are told of, and asked again', async (context) => {
  const objects = await openFileStore({ dir: temporaryFolder(context, 'documents') })
  const tables = new Tables(2)
  const { pending } = tables
  tables.pending = () => Promise.reject(new Error('the tables are away'))
  const documents = new Documents(objects, tables)
  documents.wake()
  await eventually('it failed', () => tables.failures.length > 0)
  tables.pending = pending
  await eventually('they are written', () => tables.marks.size === 0)
  await documents.close()
})

test('a store that stays away is asked more and more seldom, and one that is back has nothing held against it', async (context) => {
  const dir = join(temporaryFolder(context, 'documents'), 'store')
  const objects = await openFileStore({ dir })
  await rmdir(dir)
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const tables = new Tables(1)
  const documents = new Documents(objects, tables)
  const failsAfter = async (ms: number) => {
    const before = tables.failures.length
    context.mock.timers.tick(ms - 1)
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    assert.equal(tables.failures.length, before, `it was tried before ${ms} ms`)
    context.mock.timers.tick(1)
    await failed(before + 1)
  }
  const failed = async (count: number) => {
    for (let turn = 0; tables.failures.length < count; turn++) {
      assert.ok(turn < 10_000, `it was not tried a ${count}th time`)
      await new Promise(setImmediate)
    }
  }
  documents.wake()
  await failed(1)
  for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) await failsAfter(ms)
  await mkdir(dir)
  context.mock.timers.tick(30_000)
  await documents.drain(60_000)
  assert.equal(tables.marks.size, 0)
  await rm(dir, { recursive: true })
  tables.marks.add('2')
  const before = tables.failures.length
  documents.wake()
  await failed(before + 1)
  await failsAfter(1_000)
  await documents.close()
})

test('after close the tables are left alone, also when a write comes to its end later', async (context) => {
  const files = await openFileStore({ dir: temporaryFolder(context, 'documents') })
  const begun = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const tables = new Tables(1)
  const objects: ObjectStore = {
    kind: files.kind,
    async put() {
      begun.resolve()
      await held.promise
    },
    get: (key) => files.get(key),
    delete: (key) => files.delete(key),
    list: (prefix) => files.list(prefix),
    close: () => files.close(),
  }
  const documents = new Documents(objects, tables)
  documents.wake()
  await begun.promise
  await documents.drain(10)
  await documents.close()
  const pagesBefore = tables.pages
  held.resolve()
  documents.wake()
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  assert.deepEqual([...tables.marks], ['1'])
  assert.equal(tables.pages, pagesBefore)
})
