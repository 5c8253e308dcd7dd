import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { submission } from '../support/submissions.ts'
import { System } from './system.ts'

describe('an attempt that runs while the distributor is away', () => {
  for (const how of ['SIGKILL', 'SIGTERM'] as const) {
    test(`is recorded when the distributor is back, and not run again (${how})`, async (context) => {
      const system = await System.open(context)
      await system.startWorker(['--concurrency', '6'])
      const engine = await system.engine()
      // Three end while the distributor is away, three when it is back.
      const short = ['short-0', 'short-1', 'short-2']
      const long = ['long-0', 'long-1', 'long-2']
      await system.submit([
        ...short.map((id) => submission(id, { type: 'work', dataText: '{"ms":2500}' })),
        ...long.map((id) => submission(id, { type: 'work', dataText: '{"ms":7000}' })),
      ])
      const has = (moment: string, ids: readonly string[]) => () =>
        ids.every((id) => system.history.runs.some((run) => run.id === id && run.moment === moment))
      await system.until('all run', has('start', [...short, ...long]))
      await system.distributor.kill(how)
      await system.until('the short ones end', has('returned', short))
      assert.ok(!has('returned', ['long-0'])(), 'the long ones still run')
      await system.startDistributor()

      const records = await engine.wait([...short, ...long], 60_000)
      assert.deepEqual(
        records.map((record) => `${record?.id} ${record?.state} ${record?.attempt} ${record?.crashes}`),
        [...short, ...long].map((id) => `${id} succeeded 1 0`),
      )
      const { facts } = await system.judge({ lateStartMs: 0 })
      assert.equal(facts.repeatedStarts, 0)
      assert.equal(system.history.runs.filter(({ moment }) => moment === 'start').length, 6)
    })
  }
})
