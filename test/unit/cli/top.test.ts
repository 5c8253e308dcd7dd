/** The pure parts of `chasqui top`, and the bound on what it hears. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import pico from 'picocolors'
import stringWidth from 'string-width'
import { FIRST_PICTURE, frame } from '../../../src/cli/top/frame.ts'
import { curve, ends, fit, share, table } from '../../../src/cli/top/layout.ts'
import { changeBy } from '../../../src/cli/top/live.ts'
import type { Look } from '../../../src/cli/top/looks.ts'
import { NO_HISTORY, ratesOf, settledRateOf, withLook } from '../../../src/cli/top/rates.ts'
import { SampledWatch } from '../../../src/cli/top/sampled-watch.ts'
import { keysOf } from '../../../src/cli/top/terminal.ts'
import { createClient } from '../../../src/client/client.ts'
import type { QueueReport } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { PLAIN_QUEUE } from '../../../src/task/queue.ts'
import { eventually } from '../../support/eventually.ts'

const colors = pico.createColors(true)
const words = fc.string({ unit: 'grapheme', maxLength: 40 })

const queue = (name: string, submitted: number, succeeded: number): QueueReport => ({
  queue: name,
  settings: PLAIN_QUEUE,
  scheduled: 0,
  blocked: 0,
  queued: submitted - succeeded,
  running: 0,
  oldestQueuedAtMs: null,
  totals: { submitted, succeeded, failed: 0, canceled: 0, expired: 0 },
})

const look = (atMs: number, queues: readonly QueueReport[], settled = 0): Look => ({
  atMs,
  report: {
    kind: 'memory',
    durability: 'memory',
    queues,
    consumers: [
      {
        id: 'c1',
        worker: { id: 'w', pid: 7, host: 'h' },
        queues: ['default'],
        types: null,
        slots: 2,
        prefetch: 1,
        held: 0,
        connectedAtMs: 0,
        delivered: settled,
        settled,
      },
    ],
    store: {},
  },
  running: [],
  failures: [],
})

test('whatever the names are, a picture has exactly as many lines and cells as the terminal', () => {
  const size = fc.record({
    columns: fc.integer({ min: 20, max: 200 }),
    rows: fc.integer({ min: 1, max: 60 }),
  })
  const names = fc.array(words, { maxLength: 30 })
  const view = fc.constantFrom('overview', 'queues', 'workers', 'failures')
  fc.assert(
    fc.property(size, names, view, fc.boolean(), (terminal, queues, shown, isHelp) => {
      const history = withLook(
        NO_HISTORY,
        look(
          1_000,
          queues.map((name) => queue(name, 5, 3)),
        ),
      )
      const lines = frame({ ...FIRST_PICTURE, history, view: shown as 'queues', isHelp }, terminal, colors)
      assert.equal(lines.length, terminal.rows)
      assert.deepEqual(new Set(lines.map((line) => stringWidth(line))), new Set([terminal.columns]))
    }),
  )
})

test('a text is cut or filled up to its cells; half of a wide character is none', () => {
  assert.equal(fit('abc', 5), 'abc  ')
  assert.equal(fit('abc', 5, true), '  abc')
  assert.equal(fit('abcdef', 4), 'abc…')
  assert.equal(fit('任務の列', 4), '任 …')
  fc.assert(
    fc.property(words, fc.nat(50), (text, width) => assert.equal(stringWidth(fit(text, width)), width)),
  )
  assert.equal(ends('left', 'right', 12), 'left   right')
  assert.equal(ends('left', 'right', 9), 'left     ')
})

test('a table keeps to its width, and what strangers wrote cannot steer the terminal', () => {
  const columns = [
    { title: 'name', cell: (text: string) => text, widthMax: 6 },
    { title: 'n', cell: (text: string) => String(text.length), right: true },
  ]
  assert.deepEqual(table(columns, ['short', 'a long name'], 12), [
    'name     n  ',
    'short    5  ',
    'a lon…  11  ',
  ])
  const [, evil] = table(columns, ['\x1b[2Ja\x07b'], 20)
  assert.equal(evil, 'a b   7             ')
})

test('rows are shared: what one list does not need, the others have', () => {
  assert.deepEqual(share(10, [3, 3, 3]), [3, 3, 3])
  assert.deepEqual(share(10, [1, 20, 20]), [1, 5, 4])
  assert.deepEqual(share(2, [5, 5, 5]), [1, 1, 0])
  assert.deepEqual(share(-3, [5]), [0])
})

test('a curve is as high as its highest value', () => {
  assert.equal(curve([0, 4, 8]), '▁▅█')
  assert.equal(curve([0, 0]), '▁▁')
  assert.equal(curve([]), '')
})

test('rates are those of the last looks; counters that begin anew have none', () => {
  let history = withLook(NO_HISTORY, look(0, [queue('a', 0, 0)], 10))
  assert.deepEqual(ratesOf(history), { submitted: null, succeeded: null, failed: null })
  history = withLook(history, look(2_000, [queue('a', 100, 50), queue('b', 20, 0)], 30))
  assert.deepEqual(ratesOf(history), { submitted: 60, succeeded: 25, failed: 0 })
  assert.equal(ratesOf(history, 'b').submitted, 10)
  assert.deepEqual([settledRateOf(history, 'c1'), settledRateOf(history, 'gone')], [10, null])
  for (let second = 3; second <= 9; second++)
    history = withLook(history, look(second * 1_000, [queue('a', 100, 50)]))
  assert.equal(ratesOf(history).submitted, 0, 'the busy seconds are long ago')
  assert.equal(history.looks.length, 6)
  history = withLook(history, look(10_000, [queue('a', 3, 3)]))
  assert.equal(ratesOf(history).submitted, null)
})

test('keys that come together are told apart', () => {
  assert.deepEqual(keysOf('q\x1b[A\x1bOBp\t\x1b[6~\x03é'), [
    'q',
    'up',
    'down',
    'p',
    'tab',
    'pageDown',
    'interrupt',
    'é',
  ])
  assert.deepEqual(keysOf('\x1b'), ['\x1b'])
})

test('what keys change', () => {
  const picture = { ...FIRST_PICTURE, scrolled: 3 }
  assert.deepEqual(changeBy('left', picture, 24), { view: 'failures', scrolled: 0, isHelp: false })
  assert.deepEqual(changeBy('tab', picture, 24), { view: 'queues', scrolled: 0, isHelp: false })
  assert.deepEqual(changeBy('2', picture, 24), { view: 'queues', scrolled: 0, isHelp: false })
  assert.deepEqual(changeBy('pageUp', picture, 24), { scrolled: 0 })
  assert.deepEqual(changeBy('pageDown', picture, 24), { scrolled: 20 })
  assert.deepEqual(changeBy('p', picture, 24), { isPaused: true })
  assert.deepEqual(changeBy('9', picture, 24), {})
})

test('a sample is never larger than its limit, and nobody listens once it is full', async (context) => {
  const engine = openMemoryEngine()
  const client = createClient(engine)
  context.after(() => engine.close())
  let open = 0
  const counted: typeof client.watch = (query) => {
    const events = client.watch(query)
    open++
    const close = events.close.bind(events)
    events.close = async () => {
      open--
      await close()
    }
    return events
  }
  const sample = new SampledWatch({ watch: counted }, { states: ['queued'] }, 16)
  assert.deepEqual(await sample.take(), [])
  assert.equal(open, 1)
  const submitted = Array.from({ length: 2_000 }, (_, n) => `t${n}`)
  await client.submitMany('sumar', submitted, (id) => ({ id: String(id) }))
  await eventually('the watch is closed', () => open === 0)
  assert.deepEqual(await sample.take(), submitted.slice(0, 16))
  assert.equal(open, 1, 'and again with the next one')
  await sample.close()
})
