/** A whole system in one process tree: workers that die, parents that die, and what is left behind (nothing). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { eventually } from '../../support/eventually.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasquiJson, gone, isRunning, startServer, startUp, startWorker, workersReady } from './chasqui.ts'

test('a worker that is killed is replaced, and what it held runs elsewhere without using up an attempt', async (context) => {
  const server = await startUp(context, { workers: 2, args: ['--reconnect-grace', '100ms'] })
  await using client = await connect(server.address)
  const task = await client.submit('dormir', { ms: 1_500 }, { id: 'held' })
  let pid = 0
  for (let state = 'queued'; state !== 'running'; ) {
    const record = await task.status()
    state = record!.state
    pid = record!.worker?.pid ?? 0
  }
  process.kill(pid, 'SIGKILL')
  assert.deepEqual(await task.result({ timeoutMs: 30_000 }), { ms: 1_500 })
  const record = (await task.status())!
  assert.deepEqual([record.attempt, record.crashes], [1, 1])
  assert.notEqual(record.worker!.pid, pid)
  const workers = await workersReady(server, 2)
  assert.ok(workers.every(({ worker }) => worker.pid !== pid))
})

test('Ctrl-C ends everything, after a drain, with exit code 0', async (context) => {
  const server = await startUp(context, { workers: 2 })
  const workers = await workersReady(server, 2)
  server.child.kill('SIGINT')
  assert.deepEqual(await server.exited, { code: 0, signal: null })
  for (const { worker } of workers) assert.equal(isRunning(worker.pid), false)
})

test('a second signal ends it at once, with the exit code of that signal', async (context) => {
  const folder = temporaryFolder(context, 'up')
  const args = ['up', '--engine', `embedded:${folder}`, '--workers', '1', '--drain', '10m']
  const server = await startServer(context, args)
  const [only] = await workersReady(server, 1)
  await using client = await connect(server.address)
  const task = await client.submit('dormir', { ms: 20_000 })
  await runs(() => task.status())
  server.child.kill('SIGTERM')
  await workersReady(server, 0)
  // The same signal within a moment would be taken for the echo of the first.
  await new Promise((resolve) => setTimeout(resolve, 400))
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exited, { code: 143, signal: null })
  await gone(only!.worker.pid)
})

test('the echo of a Ctrl-C, which npm hands on as well, is not taken for a second one', async (context) => {
  const engine = ['--engine', `embedded:${temporaryFolder(context, 'up')}`]
  const server = await startServer(context, ['up', ...engine, '--workers', '1', '--drain', '20s'])
  await using client = await connect(server.address)
  const task = await client.submit('dormir', { ms: 2_000 }, { id: 'siesta' })
  await runs(() => task.status())
  server.child.kill('SIGINT')
  // Another one, for two that are the same and pending would be one already.
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exited, { code: 0, signal: null })
  const again = await startServer(context, ['distributor', ...engine])
  const [record] = await chasquiJson<{ state: string }>(['get', 'siesta', ...again.connect])
  assert.equal(record!.state, 'succeeded', 'it was given the time to finish')
})

test('when up itself is killed its workers end by themselves, and the next start finds every task', async (context) => {
  const folder = temporaryFolder(context, 'up')
  const args = [
    'up',
    '--engine',
    `embedded:${folder}`,
    '--workers',
    '2',
    '--drain',
    '100ms',
    '--stop-grace',
    '100ms',
  ]
  const first = await startServer(context, args)
  const workers = await workersReady(first, 2)
  await chasquiJson(['submit', 'dormir', '{"ms":300}', '--id', 'kept', ...first.connect])
  await chasquiJson(['submit', 'sumar', '[2,2]', '--id', 'later', '--delay', '1s', ...first.connect])
  first.child.kill('SIGKILL')
  for (const { worker } of workers) await gone(worker.pid)
  const second = await startServer(context, args)
  const records = await chasquiJson<{ id: string; result: unknown }>([
    'wait',
    'kept',
    'later',
    ...second.connect,
  ])
  assert.deepEqual(
    records.map(({ id, result }) => [id, result]),
    [
      ['kept', { ms: 300 }],
      ['later', 4],
    ],
  )
})

test('a worker on SIGTERM gives back what it has not started, finishes what runs, and ends with 0', async (context) => {
  const folder = temporaryFolder(context, 'store')
  const server = await startServer(context, ['distributor', '--engine', `embedded:${folder}`])
  const lone = ['--concurrency', '1', '--prefetch', '3', ...server.connect]
  const worker = await startWorker(context, lone)
  await using client = await connect(server.address)
  const running = await client.submit('dormir', { ms: 1_500 })
  const behind = await client.submit('sumar', [1, 2])
  await runs(() => running.status())
  await workersReady(server, 1, ([only]) => (only as unknown as { held: number }).held === 2)
  worker.child.kill('SIGTERM')
  await reaches(() => behind.status(), 'queued')
  assert.deepEqual(await worker.exited, { code: 0, signal: null })
  assert.equal((await running.status())!.state, 'succeeded')
  await startWorker(context, lone)
  assert.equal(await behind.result({ timeoutMs: 30_000 }), 3)
  assert.equal((await behind.status())!.attempt, 1)
})

test('workers come back to a distributor that was restarted', async (context) => {
  const folder = temporaryFolder(context, 'store')
  const args = ['distributor', '--engine', `embedded:${folder}`]
  const first = await startServer(context, args)
  await startWorker(context, [...first.connect])
  const { port } = new URL(first.address)
  await first.kill('SIGKILL')
  const second = await startServer(context, [...args, '--port', port])
  assert.equal(second.address, first.address)
  await workersReady(second, 1)
  const [record] = await chasquiJson<{ result: unknown }>([
    'submit',
    'sumar',
    '[3,4]',
    '--wait',
    ...second.connect,
  ])
  assert.equal(record!.result, 7)
})

test('each result is also written as a document where --objects asks for it', async (context) => {
  const folder = temporaryFolder(context, 'objects')
  const server = await startUp(context, { args: ['--objects', `file:${folder}`] })
  await chasquiJson(['submit', 'sumar', '[5,7]', '--id', 'a/b', '--wait', ...server.connect])
  const { existsSync, readFileSync } = await import('node:fs')
  const path = `${folder}/task_a%2Fb.json`
  await eventually('the document is written', () => existsSync(path))
  const { id, state, result } = JSON.parse(readFileSync(path, 'utf8'))
  assert.deepEqual({ id, state, result }, { id: 'a/b', state: 'succeeded', result: 12 })
})

/** Its handler has begun: a delivery that has not is given back by a worker that drains. */
async function runs(look: () => Promise<{ readonly progress?: unknown } | null>): Promise<void> {
  const untilMs = Date.now() + 30_000
  while ((await look())?.progress == null) assert.ok(Date.now() < untilMs, 'reports progress')
}

async function reaches(look: () => Promise<{ readonly state: string } | null>, state: string): Promise<void> {
  const untilMs = Date.now() + 30_000
  for (let now = await look(); now?.state !== state; now = await look()) {
    assert.ok(Date.now() < untilMs, `is ${now?.state}, not ${state}`)
  }
}
