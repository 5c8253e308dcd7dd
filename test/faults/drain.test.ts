import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SIGNAL_ECHO_MS } from '../../src/task/limits.ts'
import { submission } from '../support/submissions.ts'
import { System } from './system.ts'

describe('SIGTERM', () => {
  test('of a worker: what it has not started goes back at once and uses up nothing, what it runs it finishes', async (context) => {
    const system = await System.open(context)
    const engine = await system.engine()
    // Two run and eight lie behind them when the signal comes.
    const drained = await system.startWorker(['--concurrency', '2', '--prefetch', '5'])
    const ids = Array.from({ length: 10 }, (_, index) => `task-${index}`)
    await system.submit(ids.map((id) => submission(id, { type: 'work', dataText: '{"ms":1500}' })))
    await system.until('two run', ({ runs }) => runs.length === 2)
    await system.until('it holds all of them', async () => {
      const { consumers } = await engine.inspect()
      return consumers[0]?.held === 10
    })
    drained.child.kill('SIGTERM')
    await system.until('eight are back', async () => (await engine.inspect()).queues[0]?.queued === 8)
    const other = await system.startWorker(['--concurrency', '8'])
    assert.deepEqual(await drained.exited, { code: 0, signal: null })

    const records = await engine.wait(ids, 30_000)
    const pids = records.map((record) => record?.worker?.pid)
    assert.deepEqual(
      records.map((record) => `${record?.state} ${record?.attempt} ${record?.crashes}`),
      ids.map(() => 'succeeded 1 0'),
    )
    assert.equal(pids.filter((pid) => pid === drained.child.pid).length, 2, 'it finished what it ran')
    assert.equal(pids.filter((pid) => pid === other.child.pid).length, 8)
    const { facts } = await system.judge({ lateStartMs: 0 })
    assert.equal(facts.repeatedStarts, 0)
  })

  test('of a worker, twice: it ends now, and what it ran runs elsewhere, with no attempt and no crash counted', async (context) => {
    const system = await System.open(context)
    const engine = await system.engine()
    const stopped = await system.startWorker(['--concurrency', '2'])
    await system.submit([submission('endless', { type: 'work', dataText: '{"ms":60000}' })])
    await system.until('it runs', ({ runs }) => runs.length === 1)
    stopped.child.kill('SIGTERM')
    await system.until('it drains', () => stopped.errorText.includes('worker.draining'))
    // Sooner it would be taken for the echo of the first.
    await sleep(SIGNAL_ECHO_MS + 50)
    stopped.child.kill('SIGTERM')
    assert.deepEqual(await stopped.exited, { code: 143, signal: null })
    const [record] = await engine.get(['endless'])
    assert.deepEqual(
      { state: record?.state, attempt: record?.attempt, crashes: record?.crashes },
      { state: 'queued', attempt: 0, crashes: 0 },
    )
    await engine.cancel(['endless'])
    await system.judge({ lateStartMs: 0 })
  })

  test('of the distributor under load: what is under way is confirmed or refused, nothing is lost, it ends with 0', async (context) => {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 500 })
    await system.startWorker(['--concurrency', '4'])
    system.startClient({ name: 'a', lanes: 12, pauseMs: 2, watches: true })
    for (let round = 0; round < 3; round++) {
      const confirmed = system.look().confirmations.length + 200
      await system.until('tasks are confirmed', ({ confirmations }) => confirmations.length >= confirmed)
      system.distributor.child.kill('SIGTERM')
      assert.deepEqual(await system.distributor.exited, { code: 0, signal: null })
      system.count('stops')
      await system.startDistributor()
    }
    await system.judge({ lateStartMs: 4_000 })
  })
})
