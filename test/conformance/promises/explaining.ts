import assert from 'node:assert/strict'
import type { Reason, ReasonKind } from '../../../src/task/explanation.ts'
import {
  AT_ONCE,
  crashed,
  LEASE_MS,
  returned,
  type Stage,
  tasks,
  threw,
  timedOut,
  until,
} from '../harness.ts'
import type { Promised } from '../suite.ts'

async function reasonsOf(stage: Stage, id: string): Promise<readonly Reason[]> {
  const explanation = await stage.engine.explain(id)
  assert.ok(explanation, `task ${id} is known`)
  assert.equal(explanation.id, id)
  assert.equal(explanation.state, (await stage.record(id)).state)
  for (const { message } of explanation.reasons) assert.match(message, /^[A-Z\d].*\.$/s)
  return explanation.reasons
}

async function kindsOf(stage: Stage, id: string): Promise<ReasonKind[]> {
  return (await reasonsOf(stage, id)).map(({ kind }) => kind)
}

/** That there is exactly one reason, of this kind; it is returned without its sentence. */
async function only<Kind extends ReasonKind>(stage: Stage, id: string, kind: Kind) {
  const reasons = await reasonsOf(stage, id)
  assert.deepEqual(
    reasons.map((reason) => reason.kind),
    [kind],
  )
  const { message: _, ...facts } = reasons[0]!
  return facts as Omit<Extract<Reason, { kind: Kind }>, 'message'>
}

export function explaining(promised: Promised): void {
  promised('an unknown task is explained by nothing', async (stage) => {
    assert.equal(await stage.engine.explain('nobody'), null)
  })

  promised('explained: it is not due', async (stage) => {
    await stage.consume()
    const untilMs = stage.nowMs + 90_000
    await stage.submit({ id: 'a', runAtMs: untilMs })
    assert.deepEqual(await only(stage, 'a', 'not-due'), { kind: 'not-due', untilMs })
    const [{ message }] = (await reasonsOf(stage, 'a')) as [Reason]
    assert.equal(message, `It is not due until ${new Date(untilMs).toISOString()}, in 1.5 min.`)
  })

  promised('explained: an attempt failed, and the next one waits', async (stage) => {
    const [, delivery] = await stage.running({ options: { backoff: { kind: 'fixed', delayMs: 60_000 } } })
    await stage.engine.settle([threw(delivery)])
    const reason = await only(stage, 'a', 'retry-not-due')
    assert.deepEqual(reason, { kind: 'retry-not-due', untilMs: stage.nowMs + 60_000, failures: 1 })
    assert.match((await reasonsOf(stage, 'a'))[0]!.message, /^Attempt 1 failed \(Error: boom\); the next/)
  })

  promised(
    'explained: its queue is paused, which comes before whatever else is in its way',
    async (stage) => {
      await stage.engine.steer({ kind: 'pause', queue: 'default' })
      await stage.submit({ id: 'a' })
      assert.deepEqual(await kindsOf(stage, 'a'), ['queue-paused', 'no-worker'])
      const hands = await stage.consume()
      assert.deepEqual(await kindsOf(stage, 'a'), ['queue-paused'])
      await stage.submit({ id: 'later', runAtMs: stage.nowMs + 60_000 })
      assert.deepEqual(await kindsOf(stage, 'later'), ['not-due', 'queue-paused'])
      await stage.engine.steer({ kind: 'resume', queue: 'default' })
      await hands.next()
      assert.deepEqual(await kindsOf(stage, 'a'), ['running'])
    },
  )

  promised('explained: no worker takes from its queue, and who takes from others', async (stage) => {
    await stage.submit({ id: 'a' })
    assert.deepEqual(await only(stage, 'a', 'no-worker'), { kind: 'no-worker', others: [] })
    const hands = await stage.consume({ queues: ['other'], types: ['x'] })
    assert.deepEqual(await only(stage, 'a', 'no-worker'), {
      kind: 'no-worker',
      others: [{ worker: hands.worker, queues: ['other'], types: ['x'] }],
    })
  })

  promised('explained: no worker of its queue knows its type, and which they know', async (stage) => {
    await stage.submit({ id: 'a', type: 'rare' })
    const hands = await stage.consume({ types: ['sumar', 'restar'] })
    assert.deepEqual(await only(stage, 'a', 'type-unknown'), {
      kind: 'type-unknown',
      takers: [{ worker: hands.worker, queues: ['default'], types: ['sumar', 'restar'] }],
    })
    const [{ message }] = (await reasonsOf(stage, 'a')) as [Reason]
    assert.equal(message, 'No worker of queue default knows the type rare; they know sumar, restar.')
  })

  promised('explained: all slots are busy, and tasks go before it', async (stage) => {
    const hands = await stage.consume({ slots: 2, prefetch: 1, types: ['sumar'] })
    await stage.submit({ id: 'r1' }, { id: 'r2' })
    await hands.take(2)
    await stage.submit(
      { id: 'b1' },
      { id: 'b2', priority: 9 },
      { id: 'unknown', type: 'nobody-knows', priority: 9 },
      { id: 'elsewhere', queue: 'other' },
    )
    await stage.submit({ id: 'a' }, { id: 'low', priority: 0 })
    const [busy, behind] = await reasonsOf(stage, 'a')
    assert.deepEqual(
      { ...busy, message: '' },
      { kind: 'workers-busy', slots: 2, held: 2, credit: 2, message: '' },
    )
    assert.ok(behind?.kind === 'behind-others')
    assert.deepEqual(
      [behind.ahead, behind.isMore, behind.ratePerSecond, behind.waitMs],
      [2, false, null, null],
    )
    const [, last] = await reasonsOf(stage, 'low')
    assert.equal(last?.kind === 'behind-others' && last.ahead, 3)
    assert.deepEqual(await kindsOf(stage, 'b2'), ['workers-busy'])
  })

  promised('how long the tasks before it take is estimated from what its workers did', async (stage) => {
    const hands = await stage.consume({ slots: 1 })
    await stage.submit(...tasks(8, () => ({})))
    // Four in a time of 8 s: one every two seconds.
    for (let done = 0; done < 4; done++) await stage.engine.settle([returned(await hands.next())])
    await hands.next()
    await stage.advance(8_000)
    const behind = (await reasonsOf(stage, 't7')).find(({ kind }) => kind === 'behind-others')
    assert.ok(behind?.kind === 'behind-others')
    assert.equal(behind.ahead, 2)
    assert.ok(behind.ratePerSecond! > 0 && behind.ratePerSecond! <= 0.5, String(behind.ratePerSecond))
    assert.equal(behind.waitMs, Math.round((2 / behind.ratePerSecond!) * 1_000))
    assert.match(
      behind.message,
      /^2 other tasks go before it; as fast as its workers were so far, that takes /,
    )
  })

  promised('the count of tasks before it is bounded', async (stage) => {
    const hands = await stage.consume()
    await stage.submit({ id: 'running' })
    await hands.next()
    await stage.engine.submit(
      tasks(1_300, () => ({})),
      'disk',
    )
    await stage.submit({ id: 'a' })
    const behind = (await reasonsOf(stage, 'a')).find(({ kind }) => kind === 'behind-others')
    assert.ok(behind?.kind === 'behind-others')
    assert.deepEqual([behind.ahead, behind.isMore], [1_000, true])
  })

  promised(
    'explained: after worker deaths it waits for a worker that is free of everything',
    async (stage) => {
      const options = { maxCrashes: 1 }
      const hands = await stage.consume({ slots: 3 })
      await stage.submit({ id: 'a', options })
      const first = await hands.next()
      await stage.submit({ id: 'other' })
      await hands.next()
      await stage.engine.settle([crashed(first)])
      await stage.quiet()
      const [reason] = await reasonsOf(stage, 'a')
      assert.deepEqual([reason?.kind, reason?.kind === 'runs-alone' && reason.crashes], ['runs-alone', 1])
    },
  )

  promised('explained: nothing is in its way', async (stage) => {
    await stage.submit({ id: 'a' })
    const hands = await stage.consume({ slots: 1, prefetch: 1 })
    await hands.next()
    await stage.submit({ id: 'b' })
    hands.consumer.resize(2, 1)
    // Between the room and the delivery, or after it.
    const kinds = (await stage.engine.explain('b'))!.reasons.map(({ kind }) => kind)
    assert.ok(['imminent', 'running', 'workers-busy'].includes(kinds[0]!), kinds.join())
    await hands.next()
    assert.deepEqual(await kindsOf(stage, 'b'), ['running'])
  })

  promised('explained: who has it, since when, and until when the lease lasts', async (stage) => {
    const [hands] = await stage.running({})
    const startedAtMs = stage.nowMs
    const held = await only(stage, 'a', 'running')
    assert.deepEqual(held, {
      kind: 'running',
      worker: hands.worker,
      isConnected: true,
      sinceMs: startedAtMs,
      leaseUntilMs: startedAtMs + LEASE_MS,
    })
    await hands.consumer.stop()
    await stage.advance(1_000)
    const left = await only(stage, 'a', 'running')
    assert.deepEqual([left.isConnected, left.leaseUntilMs], [false, startedAtMs + LEASE_MS])
    assert.match((await reasonsOf(stage, 'a'))[0]!.message, /for 1 s, attempt 1; its worker is not connected/)
  })

  promised('explained: why a failed task is final', async (stage) => {
    const backoff = AT_ONCE
    const hands = await stage.consume({ slots: 9 })
    const refused = { name: 'INVALID_INPUT', message: 'data[0] must be a number' }
    await stage.submit(
      { id: 'used-up', options: { maxAttempts: 2, backoff } },
      { id: 'for-good', options: { maxAttempts: 3 } },
      { id: 'input', options: { maxAttempts: 3 } },
      { id: 'poison', options: { maxCrashes: 0 } },
    )
    const held = await hands.take(4)
    const of = (id: string) => held.find((delivery) => delivery.id === id)!
    await stage.engine.settle([
      threw(of('for-good'), { retryable: false }),
      { ...of('input'), kind: 'threw', error: refused, retryable: false },
      crashed(of('poison')),
      timedOut(of('used-up')),
    ])
    await stage.engine.settle([threw(await hands.next())])
    await until('all are final', async () =>
      (await stage.states('used-up', 'for-good', 'input', 'poison')).every((state) => state === 'failed'),
    )
    const facts = { atMs: stage.nowMs, attempts: 1, maxAttempts: 3 }
    assert.deepEqual(await only(stage, 'used-up', 'attempts-used-up'), {
      kind: 'attempts-used-up',
      atMs: stage.nowMs,
      attempts: 2,
      maxAttempts: 2,
    })
    assert.deepEqual(await only(stage, 'for-good', 'not-retryable'), { kind: 'not-retryable', ...facts })
    assert.deepEqual(await only(stage, 'input', 'input-refused'), { kind: 'input-refused', ...facts })
    const [poison] = await reasonsOf(stage, 'poison')
    assert.equal(poison?.kind, 'poison')
    assert.match(poison!.message, /ThreadDied: out of memory/)
  })

  promised('explained: the other ends', async (stage) => {
    const [hands, delivery] = await stage.running({ id: 'ok' })
    await stage.engine.settle([returned(delivery)])
    await hands.consumer.stop()
    await stage.submit({ id: 'canceled' }, { id: 'expired', options: { expiresAtMs: stage.nowMs } })
    await stage.engine.cancel(['canceled'])
    await stage.advance(10)
    assert.deepEqual(await only(stage, 'ok', 'succeeded'), { kind: 'succeeded', atMs: stage.nowMs - 10 })
    assert.deepEqual(await kindsOf(stage, 'canceled'), ['canceled'])
    assert.deepEqual(await kindsOf(stage, 'expired'), ['expired'])
  })
}
