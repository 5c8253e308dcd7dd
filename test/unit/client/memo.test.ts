/** Results by contents: the same is run once while it is young. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MemoOptions, memo } from '../../../src/client/memo.ts'
import { encryption } from '../../../src/sealing/encryption.ts'
import { defineTask } from '../../../src/task/definition.ts'
import { openTestSystem } from '../../../src/testing.ts'

function openCounting(options: Partial<MemoOptions> = {}) {
  const runs: unknown[] = []
  const count = defineTask({
    type: 'count',
    run: (data: unknown) => {
      runs.push(data)
      return runs.length
    },
  })
  const other = defineTask({ type: 'other', run: () => runs.push('other') })
  const keys = new Map([['k', new Uint8Array(32)]])
  const use = [memo({ ttlMs: 60_000, ...options }), encryption({ write: 'k', keys })]
  const system = openTestSystem({ tasks: [count, other], use })
  const result = async (task: typeof count | typeof other, data: unknown, dedupeKey?: string) => {
    const handle = await system.client.submit(task.type, data, { dedupeKey })
    await system.run()
    return await handle.result()
  }
  return { system, runs, count, other, result }
}

test('the same contents have one run and one result, however they were put together, until they are too old', async () => {
  const { system, count, other, result } = openCounting()
  assert.equal(await result(count, { a: 1, b: 2 }), 1)
  assert.equal(await result(count, { b: 2, a: 1 }), 1)
  assert.equal(await result(count, { a: 2, b: 2 }), 2)
  assert.equal(await result(other, { a: 1, b: 2 }), 3)
  assert.equal(await result(count, { a: 1, b: 2 }, 'a key of its own'), 4)
  await system.advance(61_000)
  assert.equal(await result(count, { a: 1, b: 2 }), 5)
  await system.close()
})

test('only some types, and only what counts as the same', async () => {
  const { system, count, other, result } = openCounting({
    tasks: ['count'],
    memoKey: (data) => (data as { user: string }).user,
    secret: 'of all clients',
  })
  assert.equal(await result(count, { user: 'ana', at: 1 }), 1)
  assert.equal(await result(count, { user: 'ana', at: 2 }), 1)
  assert.equal(await result(count, { user: 'bob', at: 2 }), 2)
  assert.equal(await result(other, null), 3)
  assert.equal(await result(other, null), 4)
  await system.close()
})

test('with a secret the dedupe key cannot be found by trying', async () => {
  const keyOf = async (secret: string | undefined) => {
    let seen: string | undefined
    const one = memo({ ttlMs: 1, ...(secret !== undefined && { secret }) })
    const submission = {
      id: 'i',
      type: 't',
      queue: 'q',
      dataText: '1',
      priority: 4,
      runAtMs: 0,
      options: null,
    }
    await one.submit!(submission, async (passed) => {
      seen = passed.options?.dedupeKey
      return { id: 'i', state: 'queued', duplicate: false, durability: 'disk' }
    })
    return seen!
  }
  const keys = [await keyOf(undefined), await keyOf('a'), await keyOf('b'), await keyOf('a')]
  assert.equal(new Set(keys).size, 3)
  assert.equal(keys[1], keys[3])
})
