import assert from 'node:assert/strict'
import { returned } from '../harness.ts'
import type { Promised } from '../suite.ts'

export function deduplicating(promised: Promised): void {
  const options = { dedupeKey: 'invoice-7', dedupeWindowMs: 10_000 }

  promised('a held dedupe key answers with the older task, whatever the younger one says', async (stage) => {
    await stage.submit({ id: 'older', options })
    const receipts = await stage.submit(
      { id: 'younger', type: 'other', dataText: '"x"', options: { dedupeKey: 'invoice-7' } },
      { id: 'free', options: { ...options, dedupeKey: 'invoice-8' } },
    )
    assert.deepEqual(
      receipts.map((receipt) => [
        receipt.id,
        'state' in receipt && receipt.state,
        'state' in receipt && receipt.duplicate,
      ]),
      [
        ['older', 'queued', true],
        ['free', 'queued', false],
      ],
    )
    assert.deepEqual(await stage.engine.get(['younger']), [null])
  })

  promised('a key is held by queue', async (stage) => {
    await stage.submit({ id: 'a', options })
    const [receipt] = await stage.submit({ id: 'b', queue: 'other', options })
    assert.ok('duplicate' in receipt! && !receipt.duplicate)
  })

  promised('a key is held inside one batch', async (stage) => {
    const receipts = await stage.submit({ id: 'a', options }, { id: 'b', options })
    assert.deepEqual(
      receipts.map((receipt) => receipt.id),
      ['a', 'a'],
    )
  })

  promised(
    'a key is held until the window of its holder ends, even when the holder is final',
    async (stage) => {
      const hands = await stage.consume()
      await stage.submit({ id: 'a', options })
      await stage.engine.settle([returned(await hands.next())])
      await stage.advance(9_999)
      const [held] = await stage.submit({ id: 'b', options: { dedupeKey: 'invoice-7', dedupeWindowMs: 1 } })
      assert.ok('state' in held!)
      assert.deepEqual([held.id, held.state, held.duplicate], ['a', 'succeeded', true])
      await stage.advance(1)
      const [made] = await stage.submit({ id: 'b', options })
      assert.ok('state' in made!)
      assert.deepEqual([made.id, made.state, made.duplicate], ['b', 'queued', false])
      await stage.advance(9_999)
      const [heldByNext] = await stage.submit({ id: 'c', options })
      assert.equal(heldByNext?.id, 'b')
    },
  )

  promised('without a window a key is held for an hour', async (stage) => {
    await stage.submit({ id: 'a', options: { dedupeKey: 'k' } })
    await stage.advance(3_599_999)
    const [held] = await stage.submit({ id: 'b', options: { dedupeKey: 'k' } })
    assert.equal(held?.id, 'a')
    await stage.advance(1)
    const [made] = await stage.submit({ id: 'b', options: { dedupeKey: 'k' } })
    assert.equal(made?.id, 'b')
  })

  promised(
    'the id comes first: a task that exists is answered with itself, whoever holds its key now',
    async (stage) => {
      await stage.submit({ id: 'a', options })
      await stage.advance(10_000)
      await stage.submit({ id: 'b', options })
      const [receipt] = await stage.submit({ id: 'a', options })
      assert.ok('duplicate' in receipt!)
      assert.deepEqual([receipt.id, receipt.duplicate], ['a', true])
    },
  )

  promised('a cancelled holder keeps its key: the window is a promise of time', async (stage) => {
    await stage.submit({ id: 'a', options })
    await stage.engine.cancel(['a'])
    const [receipt] = await stage.submit({ id: 'b', options })
    assert.ok('state' in receipt!)
    assert.deepEqual([receipt.id, receipt.state], ['a', 'canceled'])
  })
}
