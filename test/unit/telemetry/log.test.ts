/** The log: one table, two forms, a level that can change. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillIn, LOG_EVENTS } from '../../../src/telemetry/events.ts'
import { type LogOptions, openLog } from '../../../src/telemetry/log.ts'

function opened(options: LogOptions) {
  const lines: string[] = []
  const log = openLog({ ...options, out: { write: (line) => lines.push(line), ...options.out } })
  return { log, lines }
}

test('for people: time, pid, level, words', () => {
  const { log, lines } = opened({ format: 'text' })
  log.event('distributor.listening', { address: '127.0.0.1:5000', engine: 'memory' })
  assert.equal(lines.length, 1)
  assert.match(
    lines[0]!,
    new RegExp(
      `^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z ${process.pid} info  listening on 127\\.0\\.0\\.1:5000, tasks held by memory\\n$`,
    ),
  )
})

test('for programs: one JSON object a line, with the name of the event and its fields', () => {
  const { log, lines } = opened({ format: 'json' })
  log.event('distributor.closing', { inFlight: 3 })
  const { time, ...line } = JSON.parse(lines[0]!)
  assert.match(time, /^\d{4}-/)
  assert.deepEqual(line, {
    level: 'info',
    pid: process.pid,
    event: 'distributor.closing',
    inFlight: 3,
    msg: 'closing: 3 requests are being answered',
  })
})

test('the form follows the terminal unless it is given', () => {
  const onTerminal: string[] = []
  openLog({ out: { isTTY: true, write: (line) => onTerminal.push(line) } }).event('distributor.closed')
  assert.match(onTerminal[0]!, /info {2}closed\n$/)
  const { log, lines } = opened({})
  log.event('distributor.closed')
  assert.equal(JSON.parse(lines[0]!).msg, 'closed')
})

test('the level can be changed while it runs', () => {
  const { log, lines } = opened({ level: 'warn', format: 'text' })
  log.event('distributor.closed')
  log.level = 'debug'
  log.event('session.opened', { session: 's1', peer: '::1' })
  log.level = 'silent'
  log.event('distributor.accept-failed', { reason: 'x' })
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /debug s1 opened by ::1/)
})

test('errors come with their stack and their causes', () => {
  const error = new Error('outer', { cause: new TypeError('inner') })
  const text = opened({ format: 'text' })
  text.log.event('session.bug', { session: 's1', method: 'task.get', reason: 'outer', error })
  assert.match(text.lines[0]!, /failed unexpectedly: outer\n {4}Error: outer\n[\s\S]*TypeError: inner/)
  const json = opened({ format: 'json' })
  json.log.event('session.bug', { session: 's1', method: 'task.get', reason: 'outer', error })
  assert.match(JSON.parse(json.lines[0]!).error.stack, /Error: outer[\s\S]*TypeError: inner/)
})

test("a peer's own words can neither forge a line nor move the cursor", () => {
  const { log, lines } = opened({ format: 'text' })
  log.event('session.cut-off', { session: 's1', peer: 'x', code: 'X', reason: 'a\n2026 1 info ok\u001b[2J' })
  assert.equal(lines[0]!.split('\n').length, 2)
  assert.ok(!lines[0]!.includes('\u001b'))
})

test('what cannot be written does not throw', () => {
  const { log, lines } = opened({ format: 'json' })
  const loop: Record<string, unknown> = {}
  loop.self = loop
  log.event('distributor.closing', { inFlight: 1, loop, big: 1n })
  assert.equal(JSON.parse(lines[0]!).inFlight, 1)
})

test('every event has a level and words', () => {
  for (const [name, { level, text }] of Object.entries(LOG_EVENTS)) {
    assert.match(name, /^[a-z]+\.[a-z-]+$/)
    assert.ok(['debug', 'info', 'warn', 'error'].includes(level))
    assert.notEqual(text, '')
  }
  assert.equal(fillIn('{a} and {b} of {c}', { a: 1, b: ['x', 'y'] }), '1 and x, y of {c}')
})
