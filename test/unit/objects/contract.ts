/** The contract of ObjectStore (src/objects/object-store.ts): every store passes it, each in its own test file. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ListedObject, ObjectStore } from '../../../src/objects/object-store.ts'
import { documentName } from '../../../src/task/ids.ts'

/** Two clocks of one machine, and stores that know the second. */
const CLOCK_MARGIN_MS = 60_000

export interface StoreKind {
  /** An empty place, gone with the test; `open` may be called several times. */
  place(context: TestContext): Promise<{ open(): Promise<ObjectStore> }>
  /** For `test(name, { skip })`. */
  readonly skip: string | false
  /** More than one page of a list. */
  readonly manyObjects: number
}

export async function listed(objects: AsyncIterable<ListedObject>): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of objects) keys.push(key)
  return keys.sort()
}

export function objectStoreContract({ place, skip, manyObjects }: StoreKind): void {
  const promise = (name: string, run: (open: () => Promise<ObjectStore>) => Promise<void>) =>
    test(name, { skip }, async (context) => {
      const { open } = await place(context)
      await run(open)
    })

  promise('what is put can be read, replaced, listed and deleted', async (open) => {
    const store = await open()
    assert.equal(await store.get('task_1.json'), null)
    await store.put('task_1.json', '{"a":1}')
    await store.put('task_1.json', '{"ñ":2}')
    await store.put('other.bin', new Uint8Array([0, 255]))
    await store.put('empty', '')
    assert.equal((await store.get('task_1.json'))?.toString(), '{"ñ":2}')
    assert.deepEqual([...(await store.get('other.bin'))!], [0, 255])
    assert.equal((await store.get('empty'))?.length, 0)
    assert.deepEqual(await listed(store.list()), ['empty', 'other.bin', 'task_1.json'])
    assert.deepEqual(await listed(store.list('task_')), ['task_1.json'])
    assert.equal(await store.delete('task_1.json'), true)
    assert.equal(await store.delete('task_1.json'), false)
    // The beginning of a key is another key.
    assert.equal(await store.delete('othe'), false)
    assert.equal(await store.get('task_1.json'), null)
    assert.deepEqual(await listed(store.list()), ['empty', 'other.bin'])
    await store.close()
  })

  promise('a list says when each object was put, the last time', async (open) => {
    const store = await open()
    await store.put('k', 'x')
    const at = async () => {
      for await (const { modifiedAtMs } of store.list('k')) return modifiedAtMs
      return assert.fail('not listed')
    }
    const first = await at()
    assert.ok(Math.abs(first - Date.now()) < CLOCK_MARGIN_MS, `${new Date(first).toISOString()}`)
    const deadlineMs = Date.now() + CLOCK_MARGIN_MS
    do {
      assert.ok(Date.now() < deadlineMs, 'a second put is not newer')
      await store.put('k', 'x')
    } while ((await at()) <= first)
    await store.close()
  })

  promise(`a list of ${manyObjects} objects is whole`, async (open) => {
    const store = await open()
    const keys = Array.from({ length: manyObjects }, (_, index) => `many_${String(index).padStart(6, '0')}`)
    await Promise.all(keys.map((key) => store.put(key, key)))
    assert.deepEqual(await listed(store.list('many_')), keys)
    await store.close()
  })

  promise('another store at the same place sees the same objects', async (open) => {
    const [one, other] = [await open(), await open()]
    await one.put('k', 'mine')
    assert.equal((await other.get('k'))?.toString(), 'mine')
    await one.close()
    assert.equal(await other.delete('k'), true)
    await other.close()
  })

  promise(
    'an object with more bytes than the reader allows is refused, one with as many is read',
    async (open) => {
      const store = await open()
      await store.put('k', 'x'.repeat(1_000_000))
      assert.equal((await store.get('k', 1_000_000))?.length, 1_000_000)
      await assert.rejects(store.get('k', 999_999), {
        code: 'STORE_FAILED',
        message: /1000000 bytes, more than 999999/,
      })
      // What was refused holds nothing back.
      for (let round = 0; round < 100; round++)
        await assert.rejects(store.get('k', 1), { code: 'STORE_FAILED' })
      assert.equal((await store.get('k'))?.length, 1_000_000)
      await store.close()
    },
  )

  promise(
    'whatever the id of a task is, its document has a name that the store takes, and no path',
    async (open) => {
      const store = await open()
      const ids = [
        '7',
        '../../etc/passwd',
        'a/b\\c',
        '.',
        '..',
        'tarea ñandú',
        'a+b&c=d?e#f%20',
        'x'.repeat(128),
        '日'.repeat(128),
        'a\0b',
      ]
      for (const id of ids) await store.put(documentName(id), id)
      for (const id of ids) assert.equal((await store.get(documentName(id)))?.toString(), id)
      assert.deepEqual(await listed(store.list()), ids.map(documentName).sort())
      for (const id of ids) assert.equal(await store.delete(documentName(id)), true, id)
      await store.close()
    },
  )

  promise('a key that could leave the place, or hide in it, is refused as a bug', async (open) => {
    const store = await open()
    for (const key of ['', '.', '..', '.hidden', '../x', 'a/b', 'a\\b', 'a\0b', 'x'.repeat(221)]) {
      const bug = { name: 'TypeError', message: /not an object key/ }
      await assert.rejects(async () => store.put(key, ''), bug, key)
      await assert.rejects(async () => store.get(key), bug, key)
      await assert.rejects(async () => store.delete(key), bug, key)
    }
    await store.close()
  })

  promise(
    'a reader meets the old value or the new one, never a part, and writers at once leave one of theirs',
    async (open) => {
      const store = await open()
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
      assert.deepEqual(await listed(store.list()), ['k'], 'nothing else is left')
      await store.close()
    },
  )

  promise('close waits for what is being written; afterwards every call is CLOSED', async (open) => {
    const store = await open()
    let isPut = false
    const put = store.put('k', 'x'.repeat(4_000_000)).then(() => {
      isPut = true
    })
    await store.close()
    assert.ok(isPut)
    await put
    await store.close()
    await assert.rejects(store.put('k', 'y'), { code: 'CLOSED' })
    await assert.rejects(store.get('k'), { code: 'CLOSED' })
    await assert.rejects(store.delete('k'), { code: 'CLOSED' })
    await assert.rejects(listed(store.list()), { code: 'CLOSED' })
    const again = await open()
    assert.equal((await again.get('k'))?.length, 4_000_000)
    await again.close()
  })
}
