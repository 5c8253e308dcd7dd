import assert from 'node:assert/strict'
import type { Submission } from '../../../src/task/task.ts'
import { returned, tasks } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function submitting(promised: Promised): void {
  promised('a new task is confirmed as queued and found as it was given', async (stage) => {
    const { durability } = stage.under
    const receipts = await stage.submit({
      id: 'order:7',
      type: 'multiplicar',
      queue: 'billing',
      dataText: '{"factors":[2,3.5],"note":"¿qué?"}',
      priority: 9,
      options: { maxAttempts: 2, key: 'tenant-1', metadata: { traceparent: '00-ab-cd-01' } },
    })
    assert.deepEqual(receipts, [{ id: 'order:7', state: 'queued', duplicate: false, durability }])
    const [record] = await stage.engine.get(['order:7'], { data: true })
    assert.deepEqual(record, {
      id: 'order:7',
      type: 'multiplicar',
      queue: 'billing',
      state: 'queued',
      priority: 9,
      attempt: 0,
      maxAttempts: 2,
      crashes: 0,
      createdAtMs: stage.nowMs,
      runAtMs: stage.nowMs,
      key: 'tenant-1',
      metadata: { traceparent: '00-ab-cd-01' },
      dataText: '{"factors":[2,3.5],"note":"¿qué?"}',
    })
  })

  promised(
    'a task that says nothing gets the defaults, and its data is only shown when asked for',
    async (stage) => {
      await stage.submit({ id: 'a' })
      assert.deepEqual(await stage.record('a'), {
        id: 'a',
        type: 'sumar',
        queue: 'default',
        state: 'queued',
        priority: 4,
        attempt: 0,
        maxAttempts: 5,
        crashes: 0,
        createdAtMs: stage.nowMs,
        runAtMs: stage.nowMs,
      })
    },
  )

  promised('unknown ids are null, in the order asked', async (stage) => {
    await stage.submit({ id: 'a' }, { id: 'b' })
    const records = await stage.engine.get(['b', 'x', 'a', 'b'])
    assert.deepEqual(
      records.map((record) => record?.id ?? null),
      ['b', null, 'a', 'b'],
    )
    assert.deepEqual(await stage.engine.get([]), [])
  })

  promised('an empty batch is answered with an empty batch', async (stage) => {
    assert.deepEqual(await stage.engine.submit([], 'disk'), [])
  })

  promised(
    'submitting again answers with the state that the task is in, and makes nothing new',
    async (stage) => {
      const hands = await stage.consume()
      const again = async () => {
        const [receipt] = await stage.submit({ id: 'a' })
        assert.ok(receipt !== undefined && 'state' in receipt)
        return [receipt.id, receipt.state, receipt.duplicate]
      }
      assert.deepEqual(await again(), ['a', 'queued', false])
      const delivery = await hands.next()
      assert.deepEqual(await again(), ['a', 'running', true])
      await stage.engine.settle([returned(delivery)])
      assert.deepEqual(await again(), ['a', 'succeeded', true])
      await stage.quiet()
      assert.deepEqual(hands.ids, ['a'])
    },
  )

  promised('the same id twice in one batch is one task', async (stage) => {
    const receipts = await stage.submit({ id: 'a' }, { id: 'b' }, { id: 'a' })
    assert.deepEqual(
      receipts.map((receipt) => [receipt.id, 'duplicate' in receipt && receipt.duplicate]),
      [
        ['a', false],
        ['b', false],
        ['a', true],
      ],
    )
    assert.deepEqual(await stage.list(), ['b', 'a'])
  })

  promised('the same id in another trace is the same task, and the first trace stays', async (stage) => {
    const within = (spanId: string) => ({
      metadata: { tenant: 'ana', traceparent: `00-0af7651916cd43dd8448eb211c80319c-${spanId}-01` },
    })
    await stage.submit({ id: 'a', options: within('b7ad6b7169203331') })
    const [receipt] = await stage.submit({ id: 'a', options: within('00f067aa0ba902b7') })
    assert.ok(receipt !== undefined && 'state' in receipt && receipt.duplicate)
    assert.deepEqual((await stage.record('a')).metadata, within('b7ad6b7169203331').metadata)
    const [other] = await stage.submit({ id: 'a', options: { metadata: { tenant: 'eva' } } })
    assert.ok(other !== undefined && 'refused' in other)
    assert.equal(other.refused.code, 'ID_CONFLICT')
  })

  const others: [string, Partial<Submission>][] = [
    ['type', { type: 'other' }],
    ['queue', { queue: 'other' }],
    ['priority', { priority: 5 }],
    ['data', { dataText: '[5,8]' }],
    ['options', { options: { maxAttempts: 3 } }],
  ]
  for (const [what, over] of others) {
    promised(
      `the same id with another ${what} is refused, and the first task stays as it is`,
      async (stage) => {
        await stage.submit({ id: 'a' })
        const before = await stage.engine.get(['a'], { data: true })
        const [conflict, other] = await stage.submit({ id: 'a', ...over }, { id: 'b' })
        assert.ok(conflict !== undefined && 'refused' in conflict)
        assert.equal(conflict.id, 'a')
        assert.equal(conflict.refused.code, 'ID_CONFLICT')
        assert.ok(other !== undefined && 'state' in other, 'the other task of the batch is not affected')
        assert.deepEqual(await stage.engine.get(['a'], { data: true }), before)
      },
    )
  }

  promised('a conflict inside one batch is refused too', async (stage) => {
    const [first, second] = await stage.submit({ id: 'a' }, { id: 'a', dataText: '[]' })
    assert.ok(first !== undefined && 'state' in first && !first.duplicate)
    assert.ok(second !== undefined && 'refused' in second && second.refused.code === 'ID_CONFLICT')
  })

  promised('times are not compared: a delay counts from the first acceptance', async (stage) => {
    const dueMs = stage.nowMs + 1_000
    const options = { expiresAtMs: stage.nowMs + 60_000 }
    await stage.submit({ id: 'a', runAtMs: dueMs, options })
    await stage.advance(500)
    const [receipt] = await stage.submit({
      id: 'a',
      runAtMs: stage.nowMs + 1_000,
      options: { expiresAtMs: stage.nowMs + 60_000 },
    })
    assert.ok(receipt !== undefined && 'state' in receipt && receipt.duplicate)
    const record = await stage.record('a')
    assert.equal(record.runAtMs, dueMs)
    assert.equal(record.expiresAtMs, options.expiresAtMs)
  })

  promised('the same data spelled in another way is the same content', async (stage) => {
    await stage.submit({ id: 'a', dataText: '{"x":1,"y":[1,2]}', options: { metadata: { p: '1', q: '2' } } })
    const [receipt] = await stage.submit({
      id: 'a',
      dataText: '{ "y": [1, 2.0], "x": 1 }',
      options: { metadata: { q: '2', p: '1' } },
    })
    assert.ok(receipt !== undefined && 'state' in receipt && receipt.duplicate)
  })

  promised('a time in the past means now, a time to come means scheduled', async (stage) => {
    const receipts = await stage.submit(
      { id: 'past', runAtMs: stage.nowMs - 5_000 },
      { id: 'now', runAtMs: stage.nowMs },
      { id: 'later', runAtMs: stage.nowMs + 1 },
    )
    assert.deepEqual(
      receipts.map((receipt) => 'state' in receipt && receipt.state),
      ['queued', 'queued', 'scheduled'],
    )
    const records = await stage.engine.get(['past', 'now', 'later'])
    assert.deepEqual(
      records.map((record) => record!.runAtMs - stage.nowMs),
      [0, 0, 1],
    )
  })

  promised('many tasks in one batch are confirmed in the order given', async (stage) => {
    const batch = tasks(2_500, (index) => ({ dataText: String(index) }))
    const receipts = await stage.engine.submit(batch, 'disk')
    assert.deepEqual(
      receipts.map((receipt) => receipt.id),
      batch.map((submission) => submission.id),
    )
    assert.ok(receipts.every((receipt) => 'state' in receipt && receipt.state === 'queued'))
    const [first, last] = await stage.engine.get(['t0', 't2499'], { data: true })
    assert.deepEqual([first?.dataText, last?.dataText], ['0', '2499'])
  })

  promised('data of any kind and size comes back as it was given', async (stage) => {
    const values = [
      null,
      true,
      0,
      -1.5e-7,
      '',
      '\u0000\u2028😀"\\\n',
      [],
      {},
      { a: { b: [null] } },
      'x'.repeat(1_000_000),
    ]
    const batch = tasks(values.length, (index) => ({ dataText: JSON.stringify(values[index]) }))
    await stage.engine.submit(batch, 'disk')
    const records = await stage.engine.get(
      batch.map((submission) => submission.id),
      { data: true },
    )
    assert.deepEqual(
      records.map((record) => record?.dataText),
      batch.map((submission) => submission.dataText),
    )
    const hands = await stage.consume({ slots: values.length })
    const deliveries = await hands.take(values.length)
    assert.deepEqual(
      deliveries.map((delivery) => delivery.dataText),
      batch.map((submission) => submission.dataText),
    )
  })

  promised('submissions made at the same time are each answered for their own', async (stage) => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        stage.submit({ id: `p${index % 25}`, dataText: String(index % 25) }),
      ),
    )
    const made = answers.filter(([receipt]) => 'duplicate' in receipt! && !receipt.duplicate)
    assert.equal(made.length, 25)
    assert.ok(answers.every(([receipt], index) => receipt!.id === `p${index % 25}`))
  })
}
