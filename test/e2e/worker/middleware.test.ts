/** Middleware in real pool threads: from modules and from a file of keys, and what it covers when a thread dies. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createClient } from '../../../src/client/client.ts'
import { encryption } from '../../../src/sealing/encryption.ts'
import { keyFile } from '../../../src/sealing/key-file.ts'
import { openWorker } from '../../../src/worker/worker.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { HANDLERS, openBench } from './harness.ts'

const PLANTED = 'PLANTED-93af'

function keysIn(context: TestContext): string {
  const path = join(temporaryFolder(context, 'keys'), 'keys.json')
  const key = Buffer.alloc(32, 5).toString('base64')
  writeFileSync(path, JSON.stringify({ version: 1, write: 'k5', keys: { k5: key } }), { mode: 0o600 })
  return path
}

function moduleIn(context: TestContext, name: string, text: string): string {
  const path = join(temporaryFolder(context, 'modules'), name)
  writeFileSync(path, text)
  return path
}

test('modules export middleware, with tasks or alone; the last is nearest to the wire', async (context) => {
  const add = (name: string) =>
    `export const use = [{ name: '${name}', run: async (data, context, next) => [...(await next([...data, '${name}'])), '${name}'] }]`
  const first = moduleIn(context, 'first.mjs', add('first'))
  const second = moduleIn(context, 'second.mjs', add('second'))
  const define = new URL('../../../src/task/definition.ts', import.meta.url).href
  const tasks = moduleIn(
    context,
    'tasks.mjs',
    `import { defineTask } from '${define}'\nexport const echo = defineTask({ type: 'echo', run: (data) => data })`,
  )
  const { submit, final } = await openBench(context, { modules: [first, tasks, second] })
  const [record] = await final(await submit('echo', ['wire']))
  assert.equal(record!.resultText, '["wire","second","first","first","second"]')
})

test('middleware that cannot be used, and middleware without tasks, are refused in one sentence', async (context) => {
  const { engine } = await openBench(context)
  for (const [text, why] of [
    ['export const use = { name: 1 }', /cannot be used: use must be a list of middleware$/],
    ['export const use = []', /there is middleware, but no task definition$/],
  ] as const) {
    const worker = openWorker({ engine, concurrency: 1, modules: [moduleIn(context, 'bad.mjs', text)] })
    await assert.rejects(worker.ready, { code: 'CONFIG_INVALID', message: why })
  }
  const encryptionKeys = join(temporaryFolder(context, 'none'), 'keys.json')
  const worker = openWorker({ engine, concurrency: 1, modules: [HANDLERS], encryptionKeys })
  await assert.rejects(worker.ready, {
    code: 'CONFIG_INVALID',
    message: /keys\.json cannot be used: there is no such/,
  })
})

test('with a file of keys the engine and the log see no plain text, not even when a handler takes its thread down', async (context) => {
  const keys = keysIn(context)
  const handlers = moduleIn(
    context,
    'secretive.mjs',
    `import { defineTask } from '${new URL('../../../src/task/definition.ts', import.meta.url).href}'
    export const echo = defineTask({ type: 'echo', run: (data, { log, progress }) => { log.info(data); progress(1, 1, data); return data } })
    export const throws = defineTask({ type: 'throws', maxAttempts: 1, run: (data) => { throw new RangeError(data) } })
    export const stray = defineTask({ type: 'stray', run: async (data) => {
      setTimeout(() => { throw new TypeError(data) }, 1)
      await new Promise(() => {})
    } })`,
  )
  const { engine, events, worker } = await openBench(context, { modules: [handlers], encryptionKeys: keys })
  const client = createClient(engine, { use: [encryption(keyFile(keys))] })
  const tasks = [
    await client.submit('echo', PLANTED),
    await client.submit('throws', PLANTED),
    await client.submit('stray', PLANTED, { maxCrashes: 0 }),
  ]
  const ids = tasks.map(({ id }) => id)
  const read = await client.wait(ids, { timeoutMs: 60_000 })
  assert.equal(read[0]!.result, PLANTED)
  assert.equal(read[1]!.error!.message, PLANTED)
  assert.equal(
    read[2]!.error!.message,
    `its worker died 1 times while running it; last: ThreadCrashed: an error was thrown that nobody caught: TypeError: ${PLANTED}`,
  )
  assert.deepEqual(
    read.map((record) => record!.error?.name),
    [undefined, 'RangeError', 'PoisonTask'],
  )
  assert.equal((await client.log(ids[0]!))[0]!.text, PLANTED)
  await worker.drain()
  const seen = [await engine.get(ids, { data: true }), await engine.log(ids[0]!, 0), events]
  for (const value of seen) assert.ok(!JSON.stringify(value).includes('PLANTED'), JSON.stringify(value))
})

test('data that is not encrypted is refused, unless a worker is told to take it; the result is encrypted all the same', async (context) => {
  const keys = keysIn(context)
  const strict = await openBench(context, { encryptionKeys: keys })
  const [refused] = await strict.final(await strict.submit('add', [5, 7]))
  assert.equal(refused!.error!.name, 'DECRYPT_FAILED')
  const lenient = await openBench(context, { encryptionKeys: keys, allowPlain: true })
  const [taken] = await lenient.final(await lenient.submit('add', [5, 7]))
  assert.match(taken!.resultText!, /^\{"\$sealed":"1\.k5\./)
})
