/** The contract of ObjectStore (src/objects/object-store.ts), on the file store. */

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFileStore } from '../../../src/objects/file-store.ts'
import { documentName } from '../../../src/task/ids.ts'

async function withFolder(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'chasqui-objects-'))
  try {
    await run(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function all(keys: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const key of keys) found.push(key)
  return found
}

test('what is put can be read, replaced, listed and deleted', () =>
  withFolder(async (dir) => {
    const store = await openFileStore({ dir: join(dir, 'deep', 'er') })
    assert.equal(await store.get('task_1.json'), null)
    await store.put('task_1.json', '{"a":1}')
    await store.put('task_1.json', '{"a":2}')
    await store.put('other.bin', new Uint8Array([0, 255]))
    assert.equal((await store.get('task_1.json'))?.toString(), '{"a":2}')
    assert.deepEqual([...(await store.get('other.bin'))!], [0, 255])
    assert.deepEqual((await all(store.list())).sort(), ['other.bin', 'task_1.json'])
    assert.deepEqual(await all(store.list('task_')), ['task_1.json'])
    assert.equal(await store.delete('task_1.json'), true)
    assert.equal(await store.delete('task_1.json'), false)
    assert.equal(await store.get('task_1.json'), null)
    await store.close()
  }))

test('whatever the id of a task is, its document has a name that the store takes, and no path', () =>
  withFolder(async (dir) => {
    const store = await openFileStore({ dir })
    const ids = [
      '7',
      '../../etc/passwd',
      'a/b\\c',
      '.',
      '..',
      'tarea ñandú',
      'x'.repeat(128),
      '日'.repeat(128),
      'a\0b',
    ]
    for (const id of ids) await store.put(documentName(id), id)
    for (const id of ids) assert.equal((await store.get(documentName(id)))?.toString(), id)
    assert.equal((await readdir(dir)).length, ids.length)
    await store.close()
  }))

test('a key that could leave the folder, or hide in it, is refused as a bug', () =>
  withFolder(async (dir) => {
    const store = await openFileStore({ dir })
    for (const key of ['', '.', '..', '.hidden', '../x', 'a/b', 'a\\b', 'a\0b', 'x'.repeat(221)]) {
      assert.throws(() => void store.put(key, ''), { name: 'TypeError', message: /not an object key/ }, key)
      assert.throws(() => void store.get(key), TypeError)
      assert.throws(() => void store.delete(key), TypeError)
    }
    await store.close()
  }))

test('a reader meets the old value or the new one, never a part, and writers at once leave one of theirs', () =>
  withFolder(async (dir) => {
    const store = await openFileStore({ dir })
    const body = (letter: string) => letter.repeat(300_000)
    await store.put('k', body('a'))
    let writing = true
    const writers = Promise.all(
      ['b', 'c', 'd'].map(async (letter) => {
        for (let round = 0; round < 10; round++) await store.put('k', body(letter))
      }),
    ).finally(() => {
      writing = false
    })
    while (writing) {
      const seen = (await store.get('k'))!.toString()
      assert.equal(seen, body(seen[0]!))
    }
    await writers
    assert.deepEqual(await readdir(dir), ['k'], 'no temporary file is left')
    await store.close()
  }))

test('a value that cannot be written is STORE_FAILED, with the cause, and leaves nothing behind', () =>
  withFolder(async (dir) => {
    const store = await openFileStore({ dir })
    await mkdir(join(dir, 'taken'))
    await assert.rejects(store.put('taken', 'x'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'STORE_FAILED')
      assert.match(error.message, /the object taken cannot be written/)
      assert.ok(error.cause instanceof Error)
      return true
    })
    assert.deepEqual(await readdir(dir), ['taken'])
    await writeFile(join(dir, 'file'), '')
    await assert.rejects(openFileStore({ dir: join(dir, 'file') }), { code: 'STORE_FAILED' })
    await store.close()
  }))

test('files of writers that crashed long ago are removed when the folder is opened, those of today stay unlisted', () =>
  withFolder(async (dir) => {
    await writeFile(join(dir, '.writing-old'), 'half')
    await writeFile(join(dir, '.writing-new'), 'half')
    const dayAgo = new Date(Date.now() - 86_400_000)
    await utimes(join(dir, '.writing-old'), dayAgo, dayAgo)
    const store = await openFileStore({ dir })
    assert.deepEqual(await readdir(dir), ['.writing-new'])
    assert.deepEqual(await all(store.list()), [])
    await store.close()
  }))

test('close waits for what is being written; afterwards every call is CLOSED', () =>
  withFolder(async (dir) => {
    const store = await openFileStore({ dir })
    const put = store.put('k', 'x'.repeat(1_000_000))
    await store.close()
    assert.deepEqual(await readdir(dir), ['k'])
    await put
    await store.close()
    await assert.rejects(store.put('k', 'y'), { code: 'CLOSED' })
    await assert.rejects(store.get('k'), { code: 'CLOSED' })
    await assert.rejects(all(store.list()), { code: 'CLOSED' })
  }))
