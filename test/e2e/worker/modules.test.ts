/** Where handlers come from, and one clear sentence when they cannot be used. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { openWorker, type Worker } from '../../../src/worker/worker.ts'
import { submission } from '../../support/submissions.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { DEADLINE_MS } from './harness.ts'

const DEFINE = new URL('../../../src/task/definition.ts', import.meta.url).href

function folderWith(context: TestContext, files: Record<string, string>): string {
  const folder = temporaryFolder(context, 'modules')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** Runs one task of each type with these modules. */
async function results(folder: string, modules: string[], types: string[]): Promise<(string | undefined)[]> {
  const engine = openMemoryEngine()
  const worker = openWorker({ engine, modules, folder, concurrency: 1 })
  await worker.ready
  await engine.submit(
    types.map((type) => submission(type, { type })),
    'memory',
  )
  const records = await engine.wait(types, DEADLINE_MS)
  await worker.drain()
  await engine.close()
  return records.map((record) => record?.resultText)
}

async function refused(folder: string, modules: string[], message: RegExp): Promise<void> {
  const engine = openMemoryEngine()
  let worker: Worker | null = null
  const opened = async () => {
    worker = openWorker({ engine, modules, folder, concurrency: 2, threads: 2 })
    await worker.ready
  }
  await assert.rejects(opened(), { code: 'CONFIG_INVALID', message })
  // Refused before a thread was started, or all threads are gone.
  if (worker !== null) assert.equal((await (worker as Worker).ended).reason, 'failed')
  await engine.close()
}

test('definitions are found among named, default, listed and CommonJS exports of TypeScript and JavaScript', async (context) => {
  const define = `import { defineTask } from ${JSON.stringify(DEFINE)}\n`
  const folder = folderWith(context, {
    'named.ts': `${define}export const a = defineTask({ type: 'a', run: (): number => 1 })\nexport const other = 7`,
    'default.mjs': `${define}export default defineTask({ type: 'b', run: () => 2 })`,
    'list.js': `${define}export default [defineTask({ type: 'c', run: () => 3 })]`,
    'package.json': '{"type":"module"}',
    'common.cjs': `const { defineTask } = require(${JSON.stringify(new URL(DEFINE).pathname)})\nmodule.exports = { d: defineTask({ type: 'd', run: () => 4 }) }`,
  })
  const modules = [
    'named.ts',
    './default.mjs',
    join(folder, 'list.js'),
    pathToFileURL(join(folder, 'common.cjs')).href,
  ]
  assert.deepEqual(await results(folder, modules, ['a', 'b', 'c', 'd']), ['1', '2', '3', '4'])
})

test('a bare name is a package installed for the folder', async (context) => {
  const folder = folderWith(context, {
    'node_modules/my-tasks/package.json':
      '{"name":"my-tasks","type":"module","exports":{".":{"import":"./tasks.js"}}}',
    'node_modules/my-tasks/tasks.js': `import { defineTask } from ${JSON.stringify(DEFINE)}\nexport const p = defineTask({ type: 'p', run: () => 'packed' })`,
  })
  assert.deepEqual(await results(folder, ['my-tasks'], ['p']), ['"packed"'])
})

test('without modules the sample handlers are there', async (context) => {
  const engine = openMemoryEngine()
  const worker = openWorker({ engine, concurrency: 1 })
  context.after(() => worker.stopNow())
  const tasks = [
    submission('s', { type: 'sumar', dataText: '[5,7]' }),
    submission('m', { type: 'multiplicar', dataText: '[5,7]' }),
    submission('d', { type: 'dormir', dataText: '{"ms":1}' }),
    submission('e', { type: 'eco', dataText: '{"a":[1]}' }),
    submission('x', { type: 'sumar', dataText: '[5,"siete"]' }),
  ]
  await engine.submit(tasks, 'memory')
  const records = await engine.wait(['s', 'm', 'd', 'e', 'x'], DEADLINE_MS)
  assert.deepEqual(
    records.map((record) => record?.resultText),
    ['12', '35', '{"ms":1}', '{"a":[1]}', undefined],
  )
  assert.match(records[4]!.error!.message, /expected a list of numbers; number 2 is "siete"/)
})

test('the queues that definitions name are served beside the default one', async (context) => {
  const folder = folderWith(context, {
    'q.mjs': `import { defineTask } from ${JSON.stringify(DEFINE)}\nexport const q = defineTask({ type: 'q', queue: 'slow', run: () => 1 })`,
  })
  const engine = openMemoryEngine()
  const worker = openWorker({ engine, modules: ['q.mjs'], folder, concurrency: 1 })
  context.after(() => worker.stopNow())
  await engine.submit(
    [submission('q1', { type: 'q', queue: 'slow' }), submission('q2', { type: 'q' })],
    'memory',
  )
  const records = await engine.wait(['q1', 'q2'], DEADLINE_MS)
  assert.deepEqual(
    records.map((record) => record?.state),
    ['succeeded', 'succeeded'],
  )
})

test('a module that cannot be used is one sentence that names it', async (context) => {
  const define = `import { defineTask } from ${JSON.stringify(DEFINE)}\n`
  const folder = folderWith(context, {
    'throws.mjs': `throw new TypeError('broken on purpose')`,
    'syntax.mjs': 'export const = 1',
    'empty.mjs': 'export const nothing = 1',
    'exits.mjs': 'process.exit(5)',
    'stray.mjs': `setTimeout(() => { throw new Error('astray') }, 1); await new Promise(() => {})`,
    'one.mjs': `${define}export const one = defineTask({ type: 'same', run: () => 1 })`,
    'two.mjs': `${define}export const two = defineTask({ type: 'same', run: () => 2 })`,
    'bad.mjs': `${define}export const bad = defineTask({ type: 'bad', timeoutMs: -1, run: () => 2 })`,
  })
  await refused(
    folder,
    ['missing.mjs'],
    /^handler module missing\.mjs was not found: it is neither a file in/,
  )
  await refused(folder, ['./missing.mjs'], /^handler module \.\/missing\.mjs was not found: there is no file/)
  await refused(folder, ['throws.mjs'], /throws\.mjs cannot be used: TypeError: broken on purpose$/)
  await refused(folder, ['syntax.mjs'], /syntax\.mjs cannot be used: SyntaxError/)
  await refused(
    folder,
    ['empty.mjs'],
    /empty\.mjs cannot be used: none of its exports was made by defineTask$/,
  )
  await refused(folder, ['exits.mjs'], /ended while it loaded the handler modules: .*process\.exit\(5\)/)
  await refused(folder, ['stray.mjs'], /ended while it loaded the handler modules: .*astray/)
  await refused(
    folder,
    ['one.mjs', 'two.mjs'],
    /two\.mjs cannot be used: it defines task type "same", which .*one\.mjs defines too/,
  )
  await refused(folder, ['bad.mjs'], /bad\.mjs cannot be used: .*timeoutMs must be a whole number/)
})

test('types that no module defines, and impossible numbers, are refused', async (context) => {
  const engine = openMemoryEngine()
  context.after(() => engine.close())
  const worker = openWorker({ engine, concurrency: 1, types: ['sumar', 'restar'] })
  await assert.rejects(worker.ready, {
    code: 'CONFIG_INVALID',
    message: /no handler for task type "restar" is loaded/,
  })
  await worker.ended
  const invalid = (options: object, message: RegExp) =>
    assert.throws(() => openWorker({ engine, ...options }), { code: 'CONFIG_INVALID', message })
  invalid({ concurrency: 0 }, /concurrency must be a whole number from 1/)
  invalid({ concurrency: 2, threads: 3 }, /threads must be a whole number from 1 to 2/)
  invalid({ concurrency: 2, prefetch: 0 }, /prefetch must be a whole number from 1/)
})

test('modules that cannot be loaded any more end the worker instead of starting threads for ever', async (context) => {
  const folder = folderWith(context, {
    'once.mjs': `import { defineTask } from ${JSON.stringify(DEFINE)}
      import { existsSync, writeFileSync } from 'node:fs'
      const mark = new URL('./loaded', import.meta.url)
      if (existsSync(mark)) throw new Error('not a second time')
      writeFileSync(mark, '')
      export const die = defineTask({ type: 'die', run: () => process.exit(1) })`,
  })
  const engine = openMemoryEngine()
  context.after(() => engine.close())
  const worker = openWorker({ engine, modules: ['once.mjs'], folder, concurrency: 1 })
  await worker.ready
  await engine.submit([submission('d', { type: 'die' })], 'memory')
  const { reason, error } = await worker.ended
  assert.equal(reason, 'failed')
  assert.match((error as Error).message, /once\.mjs cannot be used: Error: not a second time/)
  const [task] = await engine.get(['d'])
  assert.equal(task?.state, 'queued', 'it is free for another worker')
})
