/** When schedules tick, in examples that a person can check: above all on the two days a year when clocks are changed. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { patternOf } from '../../../src/cron/pattern.ts'
import { nextTickMs, nextTicksMs } from '../../../src/cron/ticks.ts'

function ticks(expression: string, timezone: string, from: string, count: number): string[] {
  return nextTicksMs({ expression, timezone }, Date.parse(from), count).map((ms) =>
    new Date(ms).toISOString().replace(/:00\.000Z$/, 'Z'),
  )
}

describe('clocks go forward (Berlin, 29 March 2026, 02:00 becomes 03:00 at 01:00 UTC)', () => {
  test('a daily 02:30 is not lost: it is at 03:30 that day', () => {
    assert.deepEqual(ticks('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00Z', 3), [
      '2026-03-28T01:30Z',
      '2026-03-29T01:30Z',
      '2026-03-30T00:30Z',
    ])
  })
  test('one that falls on another tick is one with it', () => {
    assert.deepEqual(ticks('0 2,3 * * *', 'Europe/Berlin', '2026-03-29T00:00Z', 2), [
      '2026-03-29T01:00Z',
      '2026-03-30T00:00Z',
    ])
  })
  test('moved ticks and those of the hour after come in the order of time', () => {
    assert.deepEqual(ticks('15,45 2 * * *', 'Europe/Berlin', '2026-03-29T00:00Z', 3), [
      '2026-03-29T01:15Z',
      '2026-03-29T01:45Z',
      '2026-03-30T00:15Z',
    ])
    assert.deepEqual(ticks('40 2 29 3 *', 'Europe/Berlin', '2026-03-29T01:20Z', 1), ['2026-03-29T01:40Z'])
    assert.deepEqual(ticks('0,40 2,3 * * *', 'Europe/Berlin', '2026-03-29T00:59Z', 3).slice(0, 2), [
      '2026-03-29T01:00Z',
      '2026-03-29T01:40Z',
    ])
  })
  test('hours that pass are not touched', () => {
    assert.deepEqual(ticks('30 * * * *', 'Europe/Berlin', '2026-03-29T00:00Z', 3), [
      '2026-03-29T00:30Z',
      '2026-03-29T01:30Z',
      '2026-03-29T02:30Z',
    ])
  })
})

describe('clocks go back (Berlin, 25 October 2026, 03:00 becomes 02:00 at 01:00 UTC)', () => {
  test('a daily 02:30 is not doubled: it is the first of the two', () => {
    assert.deepEqual(ticks('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2), [
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ])
    assert.deepEqual(ticks('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:45Z', 1), ['2026-10-26T01:30Z'])
  })
  test('every hour is every hour, also the one that comes twice', () => {
    assert.deepEqual(ticks('0 * * * *', 'Europe/Berlin', '2026-10-24T23:30Z', 4), [
      '2026-10-25T00:00Z',
      '2026-10-25T01:00Z',
      '2026-10-25T02:00Z',
      '2026-10-25T03:00Z',
    ])
    assert.deepEqual(ticks('@hourly', 'Europe/Berlin', '2026-10-24T23:30Z', 2), [
      '2026-10-25T00:00Z',
      '2026-10-25T01:00Z',
    ])
  })
})

test('other places, other changes: half an hour, midnight, a whole day', () => {
  assert.deepEqual(ticks('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', 2), [
    '2026-04-04T14:45Z',
    '2026-04-05T15:15Z',
  ])
  // Havana has no 00:00 on 8 March 2026: that day begins at 01:00.
  assert.deepEqual(ticks('0 0 * * *', 'America/Havana', '2026-03-07T12:00Z', 2), [
    '2026-03-08T05:00Z',
    '2026-03-09T04:00Z',
  ])
  // Samoa left out the whole of 30 December 2011.
  assert.deepEqual(ticks('0 12 * * *', 'Pacific/Apia', '2011-12-29T00:00Z', 3), [
    '2011-12-29T22:00Z',
    '2011-12-30T22:00Z',
    '2011-12-31T22:00Z',
  ])
})

test('seconds may be said, and names, last days and nicknames', () => {
  const next = (expression: string) =>
    new Date(nextTickMs({ expression, timezone: 'UTC' }, Date.UTC(2026, 0, 30, 12))!).toISOString()
  assert.equal(next('*/20 * * * * *'), '2026-01-30T12:00:20.000Z')
  assert.equal(next('0 9 * * MON-FRI'), '2026-02-02T09:00:00.000Z')
  assert.equal(next('0 0 L * *'), '2026-01-31T00:00:00.000Z')
  assert.equal(next('@monthly'), '2026-02-01T00:00:00.000Z')
  assert.equal(next('0 0 29 2 *'), '2028-02-29T00:00:00.000Z')
})

test('an interval counts from its anchor, before and after it', () => {
  const timing = { everyMs: 90_000, anchorMs: Date.UTC(2026, 0, 1) }
  assert.deepEqual(nextTicksMs(timing, Date.UTC(2026, 0, 1), 2), [
    Date.UTC(2026, 0, 1, 0, 1, 30),
    Date.UTC(2026, 0, 1, 0, 3),
  ])
  assert.equal(nextTickMs(timing, Date.UTC(2026, 0, 1) - 1), Date.UTC(2026, 0, 1))
  assert.equal(nextTickMs(timing, Date.UTC(2025, 11, 31, 23, 57, 10)), Date.UTC(2025, 11, 31, 23, 58, 30))
})

test('what is no expression is refused, and so is a date', () => {
  for (const expression of [
    '',
    '* * * *',
    '61 * * * *',
    'soon',
    '2026-01-01T00:00:00',
    `${'0,'.repeat(200)}0 * * * *`,
  ]) {
    assert.throws(() => patternOf(expression), { code: 'INVALID_PARAMS' }, expression)
  }
  assert.throws(() => nextTickMs({ expression: '* * * * *', timezone: 'Europe/Entenhausen' }, 0), {
    code: 'INVALID_PARAMS',
  })
})

test('what names no time is known to have no tick', () => {
  assert.equal(
    nextTickMs({ expression: '0 0 31 2 *', timezone: 'Europe/Berlin' }, Date.UTC(2026, 0, 1)),
    null,
  )
})
