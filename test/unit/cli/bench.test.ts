/** The numbers of `chasqui bench`, and what it does when tasks do not end well. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BenchPlan, measure, summaryOf } from '../../../src/cli/bench/measure.ts'
import { createClient } from '../../../src/client/client.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'

test('percentiles are values that were measured, by nearest rank', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, at) => at + 1)
  assert.deepEqual(summaryOf(hundred, 2_000), { perSecond: 50, p50Ms: 50, p95Ms: 95, p99Ms: 99, maxMs: 100 })
  assert.deepEqual(summaryOf(Float64Array.of(0.12345), 10), {
    perSecond: 100,
    p50Ms: 0.123,
    p95Ms: 0.123,
    p99Ms: 0.123,
    maxMs: 0.123,
  })
  assert.equal(summaryOf(new Float64Array(0), 10), null)
})

test('no more than so many tasks are under way at once, and each is counted once', async (context) => {
  const engine = openMemoryEngine()
  context.after(() => engine.close())
  const client = createClient(engine)
  let mostUnderWay = 0
  let shown = 0
  const plan: BenchPlan = {
    type: 'eco',
    data: null,
    queue: 'q',
    count: 100,
    inFlight: 7,
    waits: true,
    deadlineMs: 60_000,
    onDone: (done) => {
      shown = done
    },
  }
  await engine.consume(
    { queues: ['q'], types: null, slots: 100, prefetch: 1, worker: { id: 'w', pid: 1, host: 'h' } },
    {
      deliver(deliveries) {
        setImmediate(async () => {
          const [report] = (await engine.inspect()).queues
          mostUnderWay = Math.max(mostUnderWay, report!.running + report!.queued)
          const failing = (id: string, epoch: number, at: number) =>
            at % 10 === 0
              ? ({ id, epoch, kind: 'threw', error: { name: 'E', message: 'no' }, retryable: false } as const)
              : ({ id, epoch, kind: 'returned', valueText: 'null' } as const)
          await engine.settle(deliveries.map(({ id, epoch }) => failing(id, epoch, handled++)))
        })
      },
      revoke() {},
    },
  )
  let handled = 0
  const measured = await measure([client], plan)
  assert.equal(mostUnderWay, 7)
  const { confirmed, succeeded, failed, confirmations, roundTrips, firstError } = measured
  assert.deepEqual([confirmed, succeeded, failed, shown], [100, 90, 10, 90])
  assert.deepEqual([confirmations.length, roundTrips.length], [100, 90])
  assert.match(firstError!, /^task .* failed: E: no$/)
})

test('a task that is refused ends it, with what was measured until then', async (context) => {
  const engine = openMemoryEngine({ tasksMax: 5 })
  context.after(() => engine.close())
  const plan = { type: 'eco', data: null, queue: undefined, count: 1_000, inFlight: 1, waits: false } as const
  const measured = await measure([createClient(engine)], { ...plan, deadlineMs: 60_000, onDone() {} })
  assert.deepEqual([measured.confirmed, measured.failed, measured.succeeded], [5, 1, 0])
})
