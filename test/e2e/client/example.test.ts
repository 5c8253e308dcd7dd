/** The library's first example, as written: a definition, a worker with real threads, a client, a distributor in between. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ChasquiError, connect, connectWorker } from '../../../src/index.ts'
import { ShakyServer } from '../../support/shaky-server.ts'
import { atEnd } from '../../support/temporary.ts'
import { sumar } from './example-tasks.ts'

test('define, connect, submit, result', { timeout: 60_000 }, async (t) => {
  const server = await ShakyServer.open(t)
  const { url } = server.proxy
  const worker = await connectWorker(url, {
    modules: [join(import.meta.dirname, 'example-tasks.ts')],
    concurrency: 2,
    threads: 1,
  })
  atEnd(t, () => worker.stopNow())
  await worker.ready

  const client = await connect(url)
  atEnd(t, () => client.close())
  const task = await client.submit(sumar, [5, 7], { delayMs: 0 })
  const value: number = await task.result({ timeoutMs: 30_000 })
  assert.equal(value, 12)

  const status = await task.status()
  assert.deepEqual(status?.progress, { done: 2, total: 2, note: 'added' })
  assert.equal(status?.worker?.pid, process.pid)
  assert.deepEqual(
    (await client.log(task.id)).map(({ text }) => text),
    ['added 2 numbers'],
  )

  // A connection that breaks in between changes nothing for either side.
  const late = await client.submit(sumar, [1, 2], { delayMs: 200 })
  server.break()
  assert.equal(await late.result({ timeoutMs: 30_000 }), 3)

  // By its type alone, with data that its schema does not take: the worker refuses it, and says so.
  const wrong = await client.submit('sumar', ['x'], { maxAttempts: 1 })
  await assert.rejects(wrong.result({ timeoutMs: 30_000 }), (error: ChasquiError) => {
    assert.ok(error instanceof ChasquiError)
    assert.equal(error.code, 'TASK_FAILED')
    assert.match(error.message, /does not fit its schema/)
    return true
  })

  await worker.drain()
  assert.deepEqual(await worker.ended, { reason: 'drained' })
})
