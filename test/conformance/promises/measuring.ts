import assert from 'node:assert/strict'
import type { Delivery } from '../../../src/engine/engine.ts'
import { LEASE_MS, released, type Stage, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** What a delivery tells of the past of its task; an engine that is remote does not know it. */
function past({ createdAtMs, dueAtMs, again }: Delivery) {
  return { createdAtMs, dueAtMs, again }
}

const UNKNOWN = { createdAtMs: undefined, dueAtMs: undefined, again: undefined }

async function waitingTypes(stage: Stage): Promise<readonly string[]> {
  const { queues } = await stage.engine.inspect()
  return [...queues.find(({ queue }) => queue === 'default')!.waitingTypes!].sort()
}

export function measuring(promised: Promised): void {
  promised(
    'a delivery tells when its task came, when it was due, and whether it was here before',
    async (stage) => {
      const createdAtMs = stage.nowMs
      const isRemote = stage.engine.kind === 'remote'
      const options = { backoff: { kind: 'fixed', delayMs: 1_000 } } as const
      await stage.submit({ id: 'a', runAtMs: createdAtMs + 5_000, options })
      await stage.advance(6_000)
      const hands = await stage.consume()
      const first = await hands.next()
      const second = { createdAtMs, dueAtMs: createdAtMs + 5_000, again: false }
      assert.deepEqual(past(first), isRemote ? UNKNOWN : second)

      await stage.engine.settle([released(first)])
      const unstarted = await hands.next()
      assert.deepEqual(past(unstarted), isRemote ? UNKNOWN : second, 'given back unstarted')

      const failedAtMs = stage.nowMs
      await stage.engine.settle([threw(unstarted)])
      await stage.advance(1_500)
      assert.deepEqual(
        past(await hands.next()),
        isRemote ? UNKNOWN : { createdAtMs, dueAtMs: failedAtMs + 1_000, again: true },
      )
    },
  )

  promised('the types that wait in a queue are known, whoever takes them', async (stage) => {
    await stage.submit({ id: 'a', type: 'one' }, { id: 'b', type: 'two' }, { id: 'c', type: 'two' })
    await stage.submit({ id: 'later', type: 'three', runAtMs: stage.nowMs + 60_000 })
    assert.deepEqual(await waitingTypes(stage), ['one', 'two'])
    const hands = await stage.consume({ types: ['two'], slots: 2 })
    await hands.take(2)
    assert.deepEqual(await waitingTypes(stage), ['one'])
    await stage.engine.cancel(['a'])
    assert.deepEqual(await waitingTypes(stage), [])
  })

  promised('leases that lapsed are counted', async (stage) => {
    const [hands] = await stage.running({ id: 'a' })
    await hands.consumer.stop()
    assert.equal((await stage.engine.inspect()).store.lapses, 0)
    await stage.advance(LEASE_MS + 1_000)
    assert.equal((await stage.engine.inspect()).store.lapses, 1)
  })
}
