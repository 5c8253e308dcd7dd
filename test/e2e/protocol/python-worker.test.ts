/** Foreign programs: a worker and the seed's client, written in standard-library Python, against a real distributor. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runLines } from '../../support/lines.ts'
import { openWireServer } from '../../support/wire-server.ts'

const python = spawnSync('python3', ['--version']).status === 0
// On a laptop without Python this is skipped, visibly; where everything must be proven it is not.
const skip = python || process.env.CI === 'true' ? false : 'python3 is not installed'

const worker = (context: TestContext, port: number, count: number) =>
  runLines(context, 'python3', [join(import.meta.dirname, 'python_worker.py'), String(port), String(count)])

test('a Python worker consumes, computes, fails, and leaves', { skip }, async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  const tasks = [
    { id: 'sum', type: 'sumar', data: [5, 7, 30] },
    { id: 'product', type: 'multiplicar', data: [2, 3, 7] },
    { id: 'wrong', type: 'sumar', data: [1, 'ñ'] },
    { id: 'unknown', type: 'restar', data: [], maxAttempts: 1 },
  ]
  await client.ask('task.submit', { tasks })
  const process = worker(context, server.port, tasks.length)
  const done = await client.ask('task.wait', { ids: tasks.map(({ id }) => id) })
  const [sum, product, wrong, unknown] = done.tasks
  assert.deepEqual([sum.state, sum.result, product.result], ['succeeded', 42, 42])
  assert.deepEqual(sum.worker, {
    id: `python-${process.child.pid}`,
    pid: process.child.pid,
    host: sum.worker.host,
  })
  assert.deepEqual([wrong.state, wrong.attempt, wrong.error.name], ['failed', 1, 'TypeError'])
  assert.deepEqual(unknown.error, { name: 'ValueError', message: 'no handler for restar' })
  assert.deepEqual(await process.exited, { code: 0, signal: null })
  const line = await process.line('the settlement of sum', (text) => text.includes('settled sum'))
  assert.match(
    line,
    new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\S+ ${process.child.pid} settled sum True succeeded$`),
  )
})

test('a Python worker keeps a long task by renewing its lease, and says how far it is', {
  skip,
}, async (context) => {
  const leaseMs = 600
  const server = await openWireServer(context, { memory: { leaseMs }, limits: { leaseMs } })
  const client = await server.connect()
  await client.ask('task.watch', { ids: ['long'] })
  const process = worker(context, server.port, 1)
  await process.line('ready', (text) => text.endsWith('ready'))
  // Two and a half leases long.
  await client.ask('task.submit', {
    tasks: [{ id: 'long', type: 'lenta', data: { steps: 5, stepSeconds: 0.3 } }],
  })
  const half = await client.find('news of step 3', ({ params }) => params?.progress?.done === 3)
  assert.deepEqual(half.params.progress, { done: 3, total: 5, note: 'paso' })
  const [record] = (await client.ask('task.wait', { ids: ['long'] })).tasks
  assert.deepEqual(
    [record.state, record.attempt, record.crashes, record.result],
    ['succeeded', 1, 0, 'lista'],
  )
  await process.line('a renewal', (text) => text.endsWith('renewed long'))
  const { lines } = await client.ask('task.log', { id: 'long' })
  assert.deepEqual(
    lines.map(({ text }: { text: string }) => text),
    ['paso 1', 'paso 2', 'paso 3', 'paso 4', 'paso 5'],
  )
  assert.deepEqual((await process.exited).code, 0)
})

test('a Python worker hears of a cancel, and its late result changes nothing', { skip }, async (context) => {
  const server = await openWireServer(context)
  const client = await server.connect()
  await client.ask('task.watch', { ids: ['long'] })
  await client.ask('task.submit', {
    tasks: [{ id: 'long', type: 'lenta', data: { steps: 2, stepSeconds: 0.2 } }],
  })
  const process = worker(context, server.port, 1)
  await client.find('news of step 1', ({ params }) => params?.progress?.done === 1)
  assert.deepEqual((await client.ask('task.cancel', { ids: ['long'] })).tasks[0].state, 'canceled')
  await process.line('the revocation', (text) => text.endsWith('revoked long'))
  await process.line('the refusal', (text) => text.endsWith('settled long False canceled'))
})

test('a task whose Python worker is killed runs on another one', { skip }, async (context) => {
  const server = await openWireServer(context, { memory: { reconnectGraceMs: 50 } })
  const client = await server.connect()
  await client.ask('task.watch', { ids: ['long'] })
  const first = worker(context, server.port, 1)
  await first.line('ready', (text) => text.endsWith('ready'))
  await client.ask('task.submit', {
    tasks: [{ id: 'long', type: 'lenta', data: { steps: 2, stepSeconds: 0.2 } }],
  })
  await client.find('news of step 1', ({ params }) => params?.progress?.done === 1)
  await first.kill('SIGKILL')
  const second = worker(context, server.port, 1)
  const [record] = (await client.ask('task.wait', { ids: ['long'] })).tasks
  assert.deepEqual([record.state, record.crashes, record.worker.pid], ['succeeded', 1, second.child.pid])
})

test("the seed's client: three one after the other, three at once", { skip }, async (context) => {
  const server = await openWireServer(context)
  const run = () =>
    runLines(context, 'python3', [join(import.meta.dirname, 'seed_client.py'), String(server.port), '5'])
  const check = async (client: ReturnType<typeof run>) => {
    assert.equal((await client.exited).code, 0)
    assert.equal(client.lines.length, 5)
    for (const line of client.lines) assert.match(line, /^ok True Tarea [0-9a-f-]{36} recibida y encolada$/)
  }
  for (let n = 0; n < 3; n++) await check(run())
  await Promise.all([run(), run(), run()].map(check))
  assert.equal((await server.engine.inspect()).queues[0]?.queued, 30)
})
