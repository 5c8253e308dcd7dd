import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { submission } from '../support/submissions.ts'
import { System } from './system.ts'

describe('a worker', () => {
  test('killed by its own task again and again: the task fails with the evidence, and no other with it', async (context) => {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 0 })
    const engine = await system.engine()
    const innocent = Array.from({ length: 12 }, (_, index) => `innocent-${index}`)
    const tasks = [
      submission('poison', { type: 'poison', dataText: 'null' }),
      ...innocent.map((id) => submission(id, { type: 'work', dataText: '{"ms":150}' })),
    ]
    await system.submit(tasks)
    // As a supervisor would: whenever it dies, another one is started.
    const state = async () => (await engine.get(['poison']))[0]?.state
    while ((await state()) !== 'failed') {
      const worker = system.beginWorker(['--concurrency', '3'])
      await Promise.race([
        worker.exited.then(() => system.count('deaths')),
        system.until('the poison has failed', async () => (await state()) === 'failed'),
      ])
    }
    await system.startWorker(['--concurrency', '3'])
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
    await system.judge({ lateStartMs: 4_000 })
  })
})
