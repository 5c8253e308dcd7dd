/** `isolation: 'process'`: handlers in processes of their own, with everything that threads promise, and a kill that leaves nothing behind. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../../support/temporary.ts'
import { gone, isRunning } from '../cli/chasqui.ts'
import { type BenchOptions, openBench, until } from './harness.ts'

const PROCESS_HANDLERS = fileURLToPath(new URL('./process-handlers.ts', import.meta.url))
const PROCESS_WORKER = fileURLToPath(new URL('./process-worker.ts', import.meta.url))
const needsProc = { skip: !existsSync('/proc/self/status') && 'needs /proc' }

const open = (context: TestContext, options: BenchOptions = {}) =>
  openBench(context, { modules: [PROCESS_HANDLERS], ...options })

test('a handler has a process of its own, which the next one uses again, and all that a context offers', async (context) => {
  const { engine, submit, final, worker } = await open(context)
  assert.equal(worker.stats().processes, 0)
  const first = await submit('where', { some: 'data' }, { metadata: { a: 'b' } })
  const seen = (await final(first)).map(({ resultText }) => JSON.parse(resultText!))[0]
  assert.notEqual(seen.pid, process.pid)
  assert.deepEqual(
    { ...seen, pid: 0 },
    {
      pid: 0,
      isMainThread: true,
      title: 'chasqui handler',
      data: { some: 'data' },
      id: first,
      attempt: 1,
      metadata: { a: 'b' },
    },
  )
  assert.deepEqual(
    (await engine.log(first, 0)).map(({ text }) => text),
    ['a line'],
  )
  const [again] = await final(await submit('where', null))
  assert.equal(JSON.parse(again!.resultText!).pid, seen.pid)
  const [thread] = await final(await submit('in-thread', null))
  assert.equal(JSON.parse(thread!.resultText!).pid, process.pid)
  assert.equal(worker.stats().processes, 1)
  await worker.drain()
  await gone(seen.pid)
})

test('what a handler throws is a failure of its task, and the process stays', async (context) => {
  const { submit, final, worker } = await open(context)
  const [record] = await final(await submit('fail', null, { maxAttempts: 1 }))
  assert.equal(record!.error!.name, 'RangeError')
  assert.equal(record!.error!.message, 'too far')
  assert.equal(worker.stats().processes, 1)
})

test('a process that dies is a crash of its task with the evidence, and the next one runs in another', async (context) => {
  const { engine, submit, final, worker } = await open(context)
  const crash = async (how: string) => {
    const [record] = await final(await submit('die', { how }, { maxCrashes: 0 }))
    assert.equal(record!.error!.name, 'PoisonTask')
    return record!.error!
  }
  assert.match((await crash('exit')).message, /ProcessCrashed: process\.exit\(3\) was called while it ran$/)
  assert.match(
    (await crash('throw')).message,
    /ProcessCrashed: an error was thrown that nobody caught: TypeError: astray$/,
  )
  const killed = await crash('SIGSEGV')
  assert.match(killed.message, /ProcessCrashed: its process was ended by SIGSEGV while it ran$/)
  assert.match(killed.stack ?? '', /standard error:\nabout to SIGSEGV$/)
  const [record] = await final(await submit('where', null))
  assert.equal(record!.state, 'succeeded')
  assert.equal(worker.stats().outcomes.crashed, 3)
  assert.equal((await engine.inspect()).queues[0]!.running, 0)
})

test('at its timeout a deaf handler is killed, with everything that it started', async (context) => {
  const { journal, submit, final } = await open(context, { limits: { stopGraceMs: 50 } })
  const log = journal()
  const task = await submit('family-spin', { file: log.file }, { timeoutMs: 2_000, maxAttempts: 1 })
  const pids = (await log.until(2)).map(Number)
  assert.ok(pids.every(isRunning))
  const [record] = await final(task)
  assert.equal(record!.error!.name, 'TimedOut')
  for (const pid of pids) await gone(pid)
})

test('a cancelled handler hears of it; the process of one that obeys is used again', async (context) => {
  const { engine, journal, submit, final } = await open(context)
  const log = journal()
  const task = await submit('obey-apart', { file: log.file })
  const [pid] = await log.until(1)
  await engine.cancel([task])
  assert.deepEqual(await log.until(2), [pid, 'stopped by AbortError'])
  const [next] = await final(await submit('where', null))
  assert.equal(JSON.parse(next!.resultText!).pid, Number(pid))
})

test(
  'one that uses more than its memory is ended, whatever kind of memory; its neighbour goes on',
  needsProc,
  async (context) => {
    const { journal, submit, final } = await open(context, {
      concurrency: 2,
      limits: { processMemoryMb: 160 },
    })
    const log = journal()
    const neighbour = await submit('gate-apart', { file: log.file })
    await log.until(1)
    for (const what of ['buffers', 'heap']) {
      const [record] = await final(await submit('devour-apart', { what }, { maxCrashes: 0 }))
      assert.match(record!.error!.message, /OutOfMemory: its process used more than its 160 MB of memory$/)
    }
    log.go()
    const [record] = await final(neighbour)
    assert.equal(record!.resultText, '"passed"')
  },
)

test('no more run at once than there are slots; what waits is given back at the end of the worker', async (context) => {
  const { engine, journal, submit, worker, final } = await open(context, { concurrency: 2, prefetch: 2 })
  const log = journal()
  const tasks: string[] = []
  for (let n = 0; n < 4; n++) tasks.push(await submit('gate-apart', { file: log.file }))
  await log.until(2)
  assert.equal(worker.stats().processes, 2)
  assert.equal(worker.stats().running, 2)
  const pids = log.lines().map(Number)
  const drained = worker.drain()
  await until('the unstarted are back', async () => (await engine.inspect()).queues[0]!.running === 2)
  log.go()
  await drained
  const records = await final(...tasks.slice(0, 2))
  assert.deepEqual(
    records.map(({ state }) => state),
    ['succeeded', 'succeeded'],
  )
  assert.deepEqual(
    (await engine.get(tasks.slice(2))).map((record) => [record!.state, record!.attempt]),
    [
      ['queued', 0],
      ['queued', 0],
    ],
  )
  for (const pid of pids) await gone(pid)
})

test('what a worker that is ended at once had in a process is given back and uses up nothing', async (context) => {
  const { engine, journal, submit, worker } = await open(context)
  const log = journal()
  const task = await submit('family-spin', { file: log.file })
  const pids = (await log.until(2)).map(Number)
  await worker.stopNow()
  for (const pid of pids) await gone(pid)
  const [record] = await engine.get([task])
  assert.deepEqual([record!.state, record!.attempt, record!.crashes], ['queued', 0, 0])
})

test('when the worker is killed its handler processes end, blocked ones and what they started, too', async (context) => {
  const journal = join(temporaryFolder(context, 'killed'), 'journal')
  const worker = spawn(process.execPath, [PROCESS_WORKER, journal], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  context.after(() => worker.kill('SIGKILL'))
  const pids = () =>
    existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').slice(0, -1).map(Number) : []
  context.after(() => {
    for (const pid of pids()) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  })
  await until('it spins', () => pids().length === 2)
  assert.ok(pids().every(isRunning))
  worker.kill('SIGKILL')
  for (const pid of pids()) await gone(pid)
})

test(
  'a process gets no secrets of its worker: not as variables, not as arguments',
  needsProc,
  async (context) => {
    process.env.PLANTED_SECRET = 'PLANTED'
    context.after(() => delete process.env.PLANTED_SECRET)
    const { submit, final } = await open(context)
    const [record] = await final(await submit('secrets', { name: 'PLANTED_SECRET' }))
    const seen = JSON.parse(record!.resultText!)
    assert.deepEqual([seen.variable, seen.inherited], [null, false])
  },
)

test('what an ended task left behind takes the process down, and charges nobody', async (context) => {
  const { journal, submit, final } = await open(context)
  const [bomb, log] = [journal(), journal()]
  const [first] = await final(await submit('leave-bomb', { file: bomb.file }))
  const second = await submit('gate-apart', { file: log.file })
  const [pid] = await log.until(1)
  assert.equal(pid, first!.resultText)
  bomb.go()
  const [, other] = await log.until(2)
  assert.notEqual(other, pid)
  log.go()
  const [record] = await final(second)
  assert.deepEqual([record!.state, record!.crashes, record!.attempt], ['succeeded', 0, 1])
})

test('a process without work is ended, and the next task has a new one', async (context) => {
  const { submit, final, worker } = await open(context, { limits: { processIdleMs: 1 } })
  const run = async () => JSON.parse((await final(await submit('where', null)))[0]!.resultText!).pid as number
  const first = await run()
  await until('it is ended', () => worker.stats().processes === 0)
  await gone(first)
  assert.notEqual(await run(), first)
})

test('a process that cannot start charges the task that it was for, with the reason', async (context) => {
  const define = new URL('../../../src/task/definition.ts', import.meta.url).href
  const file = join(temporaryFolder(context, 'modules'), 'threads-only.mjs')
  writeFileSync(
    file,
    `import { isMainThread } from 'node:worker_threads'
    import { defineTask } from '${define}'
    if (isMainThread) throw new Error('threads only')
    export const apart = defineTask({ type: 'apart', isolation: 'process', run: () => 1 })`,
  )
  const { submit, final, worker } = await openBench(context, { modules: [file] })
  const [record] = await final(await submit('apart', null, { maxCrashes: 1 }))
  assert.equal(record!.crashes, 2)
  assert.match(
    record!.error!.message,
    /died 2 times while running it; last: ProcessCrashed: handler module file:.*threads-only\.mjs cannot be used: Error: threads only$/,
  )
  await until('none is left', () => worker.stats().processes === 0)
})
