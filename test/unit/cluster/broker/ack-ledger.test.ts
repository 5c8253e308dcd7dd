import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AckLedger } from '../../../../src/engine/cluster/broker/ack-ledger.ts'
import { openRandom } from '../../../support/random.ts'

const done = (ledger: AckLedger, ...tags: number[]) => {
  for (const tag of tags) ledger.done(tag)
  return ledger.take()
}

test('what continues the row from the start is said with one ack', () => {
  const ledger = new AckLedger()
  assert.deepEqual(done(ledger, 1, 2, 3), { backs: [], upTo: 3, singles: [] })
  assert.deepEqual(done(ledger, 5, 4), { backs: [], upTo: 5, singles: [] })
})

test('what lies behind a message that is still worked on is said singly', () => {
  const ledger = new AckLedger()
  assert.deepEqual(done(ledger, 2, 3), { backs: [], upTo: 0, singles: [2, 3] })
  assert.deepEqual(done(ledger, 1), { backs: [], upTo: 1, singles: [] })
  assert.deepEqual(done(ledger, 4), { backs: [], upTo: 4, singles: [] })
})

test('an ack of many does not name a tag that was said before', () => {
  const ledger = new AckLedger()
  done(ledger, 2, 4)
  // 4 is not outstanding any more: "all up to 4" would cost the channel.
  assert.deepEqual(done(ledger, 1, 3), { backs: [], upTo: 3, singles: [] })
})

test('what goes back is not covered by an ack of many', () => {
  const ledger = new AckLedger()
  ledger.back(2)
  assert.deepEqual(done(ledger, 1, 3), { backs: [2], upTo: 3, singles: [] })
  ledger.back(4)
  assert.deepEqual(ledger.take(), { backs: [4], upTo: 0, singles: [] })
  assert.deepEqual(done(ledger, 5), { backs: [], upTo: 5, singles: [] })
})

test('one message that takes for ever does not make it remember all others', () => {
  const ledger = new AckLedger()
  for (let tag = 2; tag < 100_000; tag++) {
    ledger.done(tag)
    if (tag % 7 === 0) ledger.take()
  }
  ledger.take()
  assert.equal(ledger.ranges, 1)
  done(ledger, 1)
  assert.equal(ledger.ranges, 0)
})

/** RabbitMQ's side: what is outstanding, and what it does not forgive. */
class Channel {
  readonly outstanding = new Set<number>()
  readonly acked = new Set<number>()
  readonly requeued = new Set<number>()

  hear({ backs, upTo, singles }: ReturnType<AckLedger['take']>): void {
    for (const tag of backs) this.#settle(tag, this.requeued)
    if (upTo > 0) {
      assert.ok(this.outstanding.has(upTo), `unknown delivery tag ${upTo}`)
      for (const tag of [...this.outstanding]) if (tag <= upTo) this.#settle(tag, this.acked)
    }
    for (const tag of singles) this.#settle(tag, this.acked)
  }

  #settle(tag: number, into: Set<number>): void {
    assert.ok(this.outstanding.delete(tag), `unknown delivery tag ${tag}`)
    into.add(tag)
  }
}

test('whatever the order, each message is acked or requeued once, as was said', (context) => {
  const random = openRandom(context)
  for (let run = 0; run < 200; run++) {
    const [ledger, channel] = [new AckLedger(), new Channel()]
    const [held, isDone] = [[] as number[], new Set<number>()]
    const [isBack, total] = [new Set<number>(), 1 + random.below(300)]
    let last = 0
    while (last < total || held.length > 0) {
      if (last < total && random.next() < 0.5) {
        channel.outstanding.add(++last)
        held.push(last)
      }
      // Mostly old ones first, as work goes; some stay for long.
      if (held.length > 0 && random.next() < 0.6) {
        const [tag] = held.splice(random.below(Math.min(held.length, 1 + random.below(40))), 1)
        if (random.next() < 0.15) {
          ledger.back(tag!)
          isBack.add(tag!)
        } else {
          ledger.done(tag!)
          isDone.add(tag!)
        }
      }
      if (random.next() < 0.7) continue
      channel.hear(ledger.take())
      assert.ok(ledger.ranges <= held.length, 'memory goes with what is outstanding')
    }
    channel.hear(ledger.take())
    assert.equal(ledger.isDue, false)
    assert.equal(ledger.ranges, 0)
    assert.deepEqual([...channel.acked].sort(), [...isDone].sort())
    assert.deepEqual([...channel.requeued].sort(), [...isBack].sort())
    assert.equal(channel.outstanding.size, 0)
  }
})
