import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { submission } from '../support/submissions.ts'
import { System } from './system.ts'

const INNOCENT = Array.from({ length: 30 }, (_, index) => `innocent-${index}`)

describe('a worker', () => {
  test('killed by its own task again and again: the task fails with the evidence, and no other with it', async (context) => {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 0 })
    const engine = await system.engine()
    await system.submit([
      submission('poison', { type: 'poison', dataText: 'null' }),
      ...INNOCENT.map((id) => submission(id, { type: 'work', dataText: '{"ms":150}' })),
    ])
    const supervised = superviseTwo(system)
    try {
      await system.until('the poison has failed', async () => {
        const [poison] = await engine.get(['poison'])
        return poison?.state === 'failed'
      })
      const records = await engine.wait(INNOCENT, 30_000)
      assert.deepEqual(
        records.map((record) => `${record?.id} ${record?.state} ${record?.error?.message ?? ''}`.trim()),
        INNOCENT.map((id) => `${id} succeeded`),
      )
    } finally {
      supervised.end()
    }
    const [poison] = await engine.get(['poison'])
    assert.equal(poison?.error?.name, 'PoisonTask')
    assert.match(
      poison?.error?.message ?? '',
      /^its worker died 4 times while running it; last: WorkerLost: worker \S+ \(pid \d+ on /,
    )
    assert.equal(poison.crashes, 4)
    assert.equal(system.counts.deaths, 4)
    await system.judge({ lateStartMs: 4_000 })
  })
})

/** Two workers, and whenever one dies, another one is started. */
function superviseTwo(system: System): { end(): void } {
  let isOver = false
  const supervise = async () => {
    while (!isOver) {
      const { signal } = await system.beginWorker(['--concurrency', '3']).exited
      if (signal === 'SIGKILL' && !isOver) system.count('deaths')
    }
  }
  void supervise()
  void supervise()
  return {
    end() {
      isOver = true
    },
  }
}
