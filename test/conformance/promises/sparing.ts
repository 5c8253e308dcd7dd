/** A task whose next worker death would be its last runs alone, so that it drags no innocent one with it, nor is dragged. */

import assert from 'node:assert/strict'
import type { Delivery } from '../../../src/engine/engine.ts'
import { crashed, type Hands, LEASE_MS, released, returned, type Stage, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** Brings a task to its last chance: it had the one death that it may have. It waits, or comes back in `dueInMs`. */
async function lastChance(
  stage: Stage,
  id: string,
  { priority = 4, dueInMs = 0 }: { priority?: number; dueInMs?: number } = {},
): Promise<void> {
  const hands = await stage.consume({ types: [id] })
  await stage.submit({ id, type: id, priority, options: { maxCrashes: 1 } })
  await stage.engine.settle([crashed(await hands.next())])
  const again = await hands.next()
  await hands.consumer.stop()
  await stage.engine.settle([dueInMs === 0 ? released(again) : threw(again, { retryAfterMs: dueInMs })])
}

/** One more death of a worker and it fails. */
const ONE_DEATH = { options: { maxCrashes: 1 } }

/** Two consumers hold a task each and have room for two more, when the worker of `suspect` has died. */
async function busyPair(
  stage: Stage,
): Promise<{ hands: readonly [Hands, Hands]; long: readonly [Delivery, Delivery] }> {
  const hands = [await stage.consume({ slots: 3 }), await stage.consume({ slots: 3 })] as const
  await stage.submit({ id: 'long0' }, { id: 'long1' })
  const long = [await hands[0].next(), await hands[1].next()] as const
  await stage.submit({ id: 'suspect', ...ONE_DEATH })
  await stage.quiet()
  const delivery = hands.flatMap(({ deliveries }) => deliveries).find(({ id }) => id === 'suspect')
  await stage.engine.settle([crashed(delivery!)])
  await stage.submit({ id: 'b' }, { id: 'c' }, { id: 'd' })
  await stage.quiet()
  return { hands, long }
}

const settle = (stage: Stage, hands: Hands, id: string) =>
  stage.engine.settle([returned(hands.deliveries.findLast((delivery) => delivery.id === id)!)])

export function sparing(promised: Promised): void {
  promised(
    'a task at its last chance is delivered alone, and nothing is delivered beside it',
    async (stage) => {
      await lastChance(stage, 'risky', { priority: 9 })
      await stage.submit({ id: 'a' }, { id: 'b' })
      const hands = await stage.consume({ slots: 3 })
      await stage.quiet()
      assert.deepEqual(hands.ids, ['risky'])
      await stage.submit({ id: 'c' })
      await stage.quiet()
      assert.deepEqual(hands.ids, ['risky'])
      await settle(stage, hands, 'risky')
      await hands.take(4)
      assert.deepEqual(hands.ids, ['risky', 'a', 'b', 'c'])
    },
  )

  promised('a consumer that holds something is kept free until it can take it alone', async (stage) => {
    await lastChance(stage, 'risky', { priority: 9, dueInMs: 1_000 })
    const hands = await stage.consume({ slots: 3 })
    await stage.submit({ id: 'a' }, { id: 'b' })
    await hands.take(2)
    await stage.advance(1_000)
    await stage.submit({ id: 'c' })
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a', 'b'])
    await settle(stage, hands, 'a')
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a', 'b'])
    await settle(stage, hands, 'b')
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a', 'b', 'risky'])
    await settle(stage, hands, 'risky')
    await stage.quiet()
    assert.deepEqual(hands.ids, ['a', 'b', 'risky', 'c'])
  })

  promised('meanwhile the other consumers go on as ever', async (stage) => {
    await lastChance(stage, 'risky', { priority: 9, dueInMs: 1_000 })
    const one = await stage.consume()
    await stage.submit({ id: 'a' })
    await one.next()
    const other = await stage.consume()
    await stage.submit({ id: 'b' })
    await other.next()
    for (const hands of [one, other]) hands.consumer.resize(2, 1)
    await stage.advance(1_000)
    await stage.submit({ id: 'c' })
    await stage.quiet()
    assert.deepEqual([...one.ids, ...other.ids].sort(), ['a', 'b', 'c'])
    const [kept, busy] = one.ids.includes('c') ? [other, one] : [one, other]
    await settle(stage, kept, kept.ids[0]!)
    await stage.quiet()
    assert.deepEqual(kept.ids.slice(1), ['risky'])
    await settle(stage, busy, 'c')
    await stage.submit({ id: 'd' })
    await stage.quiet()
    assert.deepEqual(busy.ids.slice(2), ['d'])
  })

  promised('a free consumer takes it at once, whoever else is busy', async (stage) => {
    await lastChance(stage, 'risky', { dueInMs: 1_000 })
    const busy = await stage.consume({ slots: 2 })
    await stage.submit({ id: 'a' })
    await busy.next()
    await stage.advance(1_000)
    const free = await stage.consume({ slots: 2 })
    assert.equal((await free.next()).id, 'risky')
  })

  promised('two tasks at their last chance run one after the other in one consumer', async (stage) => {
    await lastChance(stage, 'first')
    await stage.advance(1)
    await lastChance(stage, 'second')
    const hands = await stage.consume({ slots: 5 })
    await stage.quiet()
    assert.deepEqual(hands.ids, ['first'])
    await settle(stage, hands, 'first')
    await stage.quiet()
    assert.deepEqual(hands.ids, ['first', 'second'])
  })

  promised(
    'a task that may have no death at all is not at its last chance before it had one',
    async (stage) => {
      await stage.submit({ id: 'a', options: { maxCrashes: 0 } }, { id: 'b', options: { maxCrashes: 0 } })
      const hands = await stage.consume({ slots: 2 })
      await hands.take(2)
      assert.deepEqual(hands.ids, ['a', 'b'])
    },
  )

  promised('one more death makes it fail, and hits nothing else', async (stage) => {
    await lastChance(stage, 'risky')
    await stage.submit({ id: 'a' })
    const hands = await stage.consume({ slots: 5 })
    assert.equal((await hands.next()).id, 'risky')
    await hands.consumer.stop({ lost: true })
    await stage.advance(LEASE_MS)
    const record = await stage.record('risky')
    assert.deepEqual([record.state, record.crashes, record.error?.name], ['failed', 2, 'PoisonTask'])
    assert.equal((await stage.record('a')).crashes, 0)
  })

  promised('a failure is no death: its last chance stays', async (stage) => {
    await lastChance(stage, 'risky')
    const hands = await stage.consume({ slots: 5 })
    await stage.engine.settle([threw(await hands.next(), { retryAfterMs: 10 })])
    await stage.submit({ id: 'a' })
    await hands.next()
    await stage.advance(10)
    assert.deepEqual(hands.ids, ['risky', 'a'])
    await settle(stage, hands, 'a')
    assert.deepEqual((await hands.next()).attempt, 2)
  })

  promised('a consumer is not kept free for what was cancelled', async (stage) => {
    const { hands } = await busyPair(stage)
    await stage.engine.cancel(['suspect'])
    await stage.quiet()
    const ids = [...hands[0].ids, ...hands[1].ids]
    assert.deepEqual(ids.filter((id) => id.length === 1).sort(), ['b', 'c', 'd'])
  })

  promised('nor does a consumer that is gone keep others from it', async (stage) => {
    const { hands, long } = await busyPair(stage)
    const kept = hands[0].ids.includes('b') ? 1 : 0
    await hands[kept]!.consumer.stop()
    const other = hands[1 - kept]!
    const rest = other.deliveries.filter(({ id }) => id === 'b' || id === 'c')
    await stage.engine.settle([...rest, long[1 - kept]!].map((delivery) => returned(delivery)))
    await stage.quiet()
    assert.equal(other.ids.at(-1), 'suspect')
  })

  promised('it runs alone also where its worker came back', async (stage) => {
    const [gone, first] = await stage.running(ONE_DEATH, { slots: 3 })
    await stage.engine.settle([crashed(first)])
    const second = await gone.next()
    await gone.consumer.stop({ lost: true })
    const back = await stage.consume({ slots: 3 })
    await stage.engine.extend([second], back.consumer.id)
    await stage.submit({ id: 'b' })
    await stage.quiet()
    assert.deepEqual(back.ids, [])
    await stage.engine.settle([returned(second)])
    assert.equal((await back.next()).id, 'b')
  })
}
