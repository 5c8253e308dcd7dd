import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  roughDuration,
  roughSize,
} from '../../../src/app/quantities.ts'

test('durations are read with their unit, and never without', () => {
  const cases: [string, number | null][] = [
    ['200ms', 200],
    ['5s', 5_000],
    [' 1.5 h ', 5_400_000],
    ['10m', 600_000],
    ['2min', 120_000],
    ['1D', 86_400_000],
    ['0', 0],
    ['0.0004s', 0],
    ['5', null],
    ['', null],
    ['s', null],
    ['-5s', null],
    ['5 weeks', null],
    ['1e3s', null],
    ['99999999999999999d', null],
    ['5constructor', null],
  ]
  for (const [text, expected] of cases) assert.equal(parseDuration(text), expected, text)
})

test('sizes are read with their unit', () => {
  const cases: [string, number | null][] = [
    ['512KiB', 524_288],
    ['16MiB', 16_777_216],
    ['1gb', 1_000_000_000],
    ['7B', 7],
    ['7', null],
    ['7 potatoes', null],
  ]
  for (const [text, expected] of cases) assert.equal(parseSize(text), expected, text)
})

test('what is written exactly reads back as the same number', () => {
  for (const ms of [0, 1, 999, 1_000, 90_000, 5_400_000, 86_400_000, 1_209_600_000, 86_400_001]) {
    assert.equal(parseDuration(formatDuration(ms)), ms)
  }
  for (const bytes of [0, 1, 1_024, 1_025, 134_217_728, 2 ** 40]) {
    assert.equal(parseSize(formatSize(bytes)), bytes)
  }
  assert.equal(formatDuration(90_000), '90s')
  assert.equal(formatSize(16 * 1024 ** 2), '16MiB')
})

test('what is written for screens is short', () => {
  assert.deepEqual([12.4, 1_440, 200_000, 7_260_000, 180_000_000].map(roughDuration), [
    '12 ms',
    '1.4 s',
    '3m 20s',
    '2h 1m',
    '2d 2h',
  ])
  assert.deepEqual([12, 1_500, 1_500_000].map(roughSize), ['12 B', '1.5 KiB', '1.4 MiB'])
  // Rounding up never makes a unit of its own: 59.96 s is a minute, not "60.0 s"; 119.9 s is not "1m 60s".
  assert.deepEqual([999.7, 59_960, 119_900, 7_199_900].map(roughDuration), [
    '1.0 s',
    '1m 0s',
    '2m 0s',
    '2h 0m',
  ])
})
