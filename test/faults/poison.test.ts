import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { submission } from '../support/submissions.ts'
import { System } from './system.ts'

describe('a worker', () => {
  test('killed by its own task again and again: the task fails with the evidence, and no other with it', async (context) => {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 0 })
    const engine = await system.engine()
    const innocent = Array.from({ length: 30 }, (_, index) => `innocent-${index}`)
    const tasks = [
      submission('poison', { type: 'poison', dataText: 'null' }),
      ...innocent.map((id) => submission(id, { type: 'work', dataText: '{"ms":150}' })),
    ]
    await system.submit(tasks)
    // As a supervisor would: whenever one dies, another one is started.
    let isOver = false
    const supervise = async () => {
      while (!isOver) {
        const { signal } = await system.beginWorker(['--concurrency', '3']).exited
        if (signal === 'SIGKILL') system.count('deaths')
      }
    }
    const supervisors = [supervise(), supervise()]
    await system.until(
      'the poison has failed',
      async () => (await engine.get(['poison']))[0]?.state === 'failed',
    )
    const records = await engine.wait(innocent, 30_000)
    const [poison] = await engine.get(['poison'])
    assert.equal(poison?.error?.name, 'PoisonTask')
    assert.match(
      poison?.error?.message ?? '',
      /^its worker died 4 times while running it; last: WorkerLost: worker \S+ \(pid \d+ on /,
    )
    assert.equal(poison.crashes, 4)
    assert.deepEqual(
      records.map((record) => `${record?.id} ${record?.state} ${record?.error?.message ?? ''}`.trim()),
      innocent.map((id) => `${id} succeeded`),
    )
    assert.equal(system.counts.deaths, 4)
    isOver = true
    await system.judge({ lateStartMs: 4_000 })
    await Promise.all(supervisors)
  })
})
