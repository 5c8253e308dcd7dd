/** The ring of newest events: what is kept, and where somebody who comes back goes on. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Feed } from '../../../src/distributor/http/events/feed.ts'
import type { TaskEvent } from '../../../src/engine/engine.ts'
import { EVENTS_KEPT_LENGTH_MAX, EVENTS_KEPT_MAX } from '../../../src/task/limits.ts'

function news(count: number, added: Partial<TaskEvent> = {}): TaskEvent[] {
  const event: TaskEvent = { atMs: 0, id: 'a', type: 'x', queue: 'q', state: 'queued', attempt: 0 }
  return Array.from({ length: count }, () => ({ ...event, ...added }))
}

test('the newest are kept, whatever the sizes in which they came', () => {
  const feed = new Feed()
  assert.deepEqual([feed.oldest, feed.next], [1, 1])
  feed.push(news(3))
  assert.deepEqual([feed.oldest, feed.next], [1, 4])
  for (let round = 0; round < 5; round++) feed.push(news(EVENTS_KEPT_MAX - 7))
  assert.equal(feed.next, 4 + 5 * (EVENTS_KEPT_MAX - 7))
  assert.equal(feed.next - feed.oldest, EVENTS_KEPT_MAX)
  const blocks = feed.textOf(feed.oldest, feed.next).split('\n\n')
  assert.equal(blocks.length, EVENTS_KEPT_MAX + 1)
  assert.match(blocks[0]!, new RegExp(`^id: ${feed.id}\\.${feed.oldest}\nevent: task\n`))
})

test('long log lines leave less room for others', () => {
  const feed = new Feed()
  const lines = [{ number: 1, atMs: 0, attempt: 1, level: 'info' as const, text: 'x'.repeat(100_000) }]
  feed.push(news(200, { lines }))
  assert.ok(feed.next - feed.oldest <= EVENTS_KEPT_LENGTH_MAX / 100_000)
  // One that is too long for all by itself is not kept, and breaks nothing.
  feed.push(news(1, { lines: [{ ...lines[0]!, text: 'x'.repeat(EVENTS_KEPT_LENGTH_MAX) }] }))
  assert.equal(feed.oldest, feed.next)
})

test('somebody goes on after an event that is kept, or just fell off; other ids are none', () => {
  const feed = new Feed()
  feed.push(news(EVENTS_KEPT_MAX + 2))
  assert.equal(feed.oldest, 3)
  assert.equal(feed.after(`${feed.id}.2`), 3)
  assert.equal(feed.after(`${feed.id}.1`), null)
  assert.equal(feed.after(feed.newestId), feed.next)
  for (const id of [`${feed.id}.${feed.next}`, `${feed.id}.`, `${feed.id}.1e3`, 'x.5', '', '.5']) {
    assert.equal(feed.after(id), null, id)
  }
})
