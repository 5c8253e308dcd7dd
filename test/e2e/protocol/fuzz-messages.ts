/** What nobody should send, made from a seed: random bytes, words that mean something to somebody, good messages, and good messages with wounds. */

import assert from 'node:assert/strict'
import { METHODS } from '../../../src/wire/protocol.ts'
import type { Random } from '../../support/random.ts'

/** Words that mean something to somebody on the way. */
const WORDS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  ',',
  ':',
  '\n',
  '\r\n',
  ' ',
  '\0',
  '\ufeff',
  'ñ',
  '😀',
  '{\n',
  '{}',
  '[]',
  '[{}]',
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  '0.1',
  '""',
  '"jsonrpc":"2.0"',
  '"id":1',
  '"id":null',
  '"method":"task.submit"',
  '"params":{}',
  '"type":"a"',
  '"__proto__":{"type":"a"}',
  '"constructor":1',
  'GET / HTTP/1.1\r\n\r\n',
  '['.repeat(300),
  '{"a":'.repeat(300),
] as const

function randomBytes(random: Random): Buffer {
  const bytes = Buffer.alloc(random.below(200))
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(256)
  return bytes
}

function randomWords(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(30) }, () => random.pick(WORDS)).join(''))
}

const id = (random: Random) => `fuzz-${random.below(500)}`

/** Params that make sense, most of the time. */
export function goodParams(random: Random): object {
  const lease = () => ({ id: id(random), epoch: random.below(1_000) })
  return random.pick<() => object>([
    () => ({ tasks: [{ id: id(random), type: 'a', data: [1, { x: 'ñ' }], delayMs: random.below(50) }] }),
    () => ({
      tasks: [{ type: 'a', maxAttempts: random.below(3), ttlMs: 1 + random.below(50) }],
      durability: 'relaxed',
    }),
    () => ({ ids: [id(random), id(random)], data: true }),
    () => ({ ids: [id(random)], timeoutMs: random.below(20) }),
    () => ({ state: 'queued', type: ['a'], limit: 1 + random.below(100) }),
    () => ({ filter: { type: 'a' } }),
    () => ({ watch: 'w1' }),
    () => ({
      slots: 1 + random.below(4),
      payload: random.pick(['json', 'text']),
      consumer: random.pick(['c1', undefined]),
    }),
    () => ({
      outcomes: [
        { ...lease(), kind: 'returned', value: { a: 1 } },
        { ...lease(), kind: 'threw', error: {} },
      ],
    }),
    () => ({ leases: [lease()], consumer: 'c1' }),
    () => ({ ...lease(), done: 1, lines: ['x', { level: 'warn', text: 'y' }] }),
    () => ({ id: id(random), after: 0, client: { name: 'x', worker: { id: 'w', pid: 1, host: 'h' } } }),
    () => ({}),
  ])()
}

const methods = Object.keys(METHODS)

export function goodMessage(random: Random): string {
  const request = () =>
    JSON.stringify({
      jsonrpc: '2.0',
      id: random.pick([1, 'x', null, undefined, 2.5]),
      method: random.pick(methods),
      params: goodParams(random),
    })
  return random.pick([
    () => `${request()}\n`,
    () => `[${request()},${request()}]\n`,
    () => JSON.stringify({ id: id(random), type: 'a', data: random.below(9) }),
    () => JSON.stringify({ type: 'a', data: { deep: [[]] } }, null, 1),
  ])()
}

/** A few wounds, anywhere. */
export function damaged(random: Random, text: string): Buffer {
  let bytes = Buffer.from(text)
  for (let wounds = 1 + random.below(4); wounds > 0; wounds--) {
    const at = random.below(bytes.length + 1)
    const to = Math.min(bytes.length, at + random.below(20))
    bytes = random.pick([
      () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]),
      () => Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(WORDS)), bytes.subarray(at)]),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.from([random.below(256)]), bytes.subarray(to)]),
      () => bytes.subarray(0, at),
    ])()
  }
  return bytes
}

export function nextCase(random: Random): Buffer {
  const kind = random.next()
  if (kind < 0.1) return randomBytes(random)
  if (kind < 0.2) return randomWords(random)
  if (kind < 0.4) return Buffer.from(goodMessage(random))
  // Mostly with their newline, so that one damaged message does not swallow the ones after it.
  return Buffer.concat([damaged(random, goodMessage(random)), Buffer.from(random.next() < 0.8 ? '\n' : '')])
}

/** Every line that comes back is an answer in the form of the wire, and none of them a bug. */
export function checkAnswer(line: string): readonly { readonly [field: string]: unknown }[] {
  const replies = [JSON.parse(line)].flat()
  for (const reply of replies) {
    const isRpc = reply.jsonrpc === '2.0' && ('result' in reply || 'error' in reply || 'method' in reply)
    const isBare = ['ok', 'error'].includes(reply.status) && typeof reply.message === 'string'
    assert.ok(isRpc || isBare, line)
    assert.notEqual(reply.error?.data?.name ?? reply.payload?.code, 'INTERNAL', line)
  }
  return replies
}
