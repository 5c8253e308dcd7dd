/** The store in a folder: the contract, and what only files have. */

import assert from 'node:assert/strict'
import { mkdir, readdir, rmdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFileStore } from '../../../src/objects/file-store.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { listed, objectStoreContract } from './contract.ts'

objectStoreContract({
  skip: false,
  manyObjects: 100,
  async place(context) {
    const dir = join(temporaryFolder(context, 'objects'), 'deep', 'er')
    return { open: () => openFileStore({ dir }) }
  },
})

test('a value that cannot be written is STORE_FAILED, with the cause, and leaves nothing behind', async (context) => {
  const dir = temporaryFolder(context, 'objects')
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
})

test('many writers of one key leave no temporary file', async (context) => {
  const dir = temporaryFolder(context, 'objects')
  const store = await openFileStore({ dir })
  await Promise.all(Array.from({ length: 20 }, (_, index) => store.put('k', `${index}`)))
  assert.deepEqual(await readdir(dir), ['k'])
  await store.close()
})

test('files of writers that crashed long ago are removed when the folder is opened, those of today stay unlisted', async (context) => {
  const dir = temporaryFolder(context, 'objects')
  await writeFile(join(dir, '.writing-old'), 'half')
  await writeFile(join(dir, '.writing-new'), 'half')
  const dayAgo = new Date(Date.now() - 86_400_000)
  await utimes(join(dir, '.writing-old'), dayAgo, dayAgo)
  const store = await openFileStore({ dir })
  assert.deepEqual(await readdir(dir), ['.writing-new'])
  assert.deepEqual(await listed(store.list()), [])
  await store.close()
})

test('a folder that went away while the store was open is STORE_FAILED for a list as well', async (context) => {
  const dir = join(temporaryFolder(context, 'objects'), 'gone')
  const store = await openFileStore({ dir })
  await rmdir(dir)
  await assert.rejects(listed(store.list()), {
    code: 'STORE_FAILED',
    message: /the objects cannot be listed/,
  })
  await store.close()
})
