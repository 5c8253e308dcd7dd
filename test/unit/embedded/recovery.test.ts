import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import {
  type EmbeddedEngine,
  type EmbeddedOptions,
  openEmbeddedEngine,
} from '../../../src/engine/embedded/embedded-engine.ts'
import type { Delivery } from '../../../src/engine/engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { lookAtStore } from '../../faults/store-file.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'

async function open(
  context: TestContext,
  dir: string,
  options: Partial<EmbeddedOptions> = {},
): Promise<EmbeddedEngine> {
  const engine = await openEmbeddedEngine({ dir, ...options })
  atEnd(context, () => engine.close())
  return engine
}

/** Takes as many tasks as there are ids, which must be ready, in one delivery. */
async function take(engine: EmbeddedEngine, count: number): Promise<readonly Delivery[]> {
  const delivered = Promise.withResolvers<readonly Delivery[]>()
  const worker = { id: 'w', pid: 1, host: 'h' }
  const request = { queues: ['default'], types: null, slots: count, prefetch: 1, worker }
  const consumer = await engine.consume(request, { deliver: delivered.resolve, revoke() {} })
  const deliveries = await delivered.promise
  await consumer.stop()
  assert.equal(deliveries.length, count)
  return deliveries
}

describe('a lease that is over', () => {
  for (const [how, end] of [
    ['cancelled', async (engine: EmbeddedEngine) => void (await engine.cancel(['a']))],
    [
      'failed for good',
      async (engine: EmbeddedEngine, { id, epoch }: Delivery) => {
        const error = { name: 'Error', message: 'no' }
        await engine.settle([{ id, epoch, kind: 'threw', error, retryable: false }])
      },
    ],
  ] as const) {
    test(`is over for ever: ${how}, retried by hand, and the store opened again`, async (context) => {
      const dir = temporaryFolder(context, 'over')
      const engine = await open(context, dir)
      // One delivery, and so one lease row, for both; the row lives on with the other.
      await engine.submit([submission('a'), submission('b')], 'disk')
      const deliveries = await take(engine, 2)
      const delivery = deliveries.find(({ id }) => id === 'a')!
      await end(engine, delivery)
      await engine.retry({ ids: ['a'] })
      await engine.abandon()

      const again = await open(context, dir)
      const [a, b] = await again.get(['a', 'b'])
      assert.deepEqual([a?.state, b?.state], ['queued', 'running'])
      const { id, epoch } = delivery
      assert.deepEqual(await again.settle([{ id, epoch, kind: 'returned', valueText: '"late"' }]), [
        { id: 'a', accepted: false, state: 'queued' },
      ])
      assert.deepEqual([...lookAtStore(dir).leased.keys()], ['b'])
    })
  }

  test('does not pass to a task that got the number of a purged one', async (context) => {
    const dir = temporaryFolder(context, 'reused')
    const clock = new VirtualClock()
    const options = { clock, leaseMs: 3_600_000, retentionMs: 1_000 }
    const engine = await open(context, dir, options)
    await engine.submit([submission('long'), submission('short')], 'disk')
    const deliveries = await take(engine, 2)
    const { id, epoch } = deliveries.find((delivery) => delivery.id === 'short')!
    await engine.settle([{ id, epoch, kind: 'returned', valueText: '1' }])
    const deadline = Date.now() + 10_000
    while ((await engine.get(['short']))[0] !== null) {
      assert.ok(Date.now() < deadline, 'purged in time')
      await clock.advance(60_000)
    }
    await engine.abandon()

    const again = await open(context, dir, options)
    await again.submit([submission('new')], 'disk')
    assert.equal(lookAtStore(dir).tasks.get('new')?.seq, 2, 'the number is used again')
    await again.abandon()
    const [record] = await (await open(context, dir, options)).get(['new'])
    assert.equal(record?.state, 'queued')
  })
})
