/** The file of keys as programs read it: what is refused, that nothing of it is repeated, and that a change is noticed. */

import assert from 'node:assert/strict'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  createKey,
  formatKeyFile,
  keyFile,
  parseKeyFile,
  readKeyFile,
} from '../../../src/sealing/key-file.ts'
import { checkKeyRing, isKeyId } from '../../../src/sealing/key-ring.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const KEY = Buffer.alloc(32, 0xa7).toString('base64')
const one = { version: 1, write: 'k1', keys: { k1: KEY } }

function fileWith(t: TestContext, value: unknown, mode = 0o600): string {
  const path = join(temporaryFolder(t, 'keys'), 'keys.json')
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  chmodSync(path, mode)
  return path
}

test('what was written is read', () => {
  const keys = new Map([
    ['a', createKey()],
    ['b', createKey()],
  ])
  assert.deepEqual(parseKeyFile(formatKeyFile({ write: 'b', keys }), 'f'), { write: 'b', keys })
  assert.notDeepEqual(keys.get('a'), keys.get('b'))
})

test('a file that cannot be used is refused with a sentence that repeats nothing of it', (t) => {
  const refused = (value: unknown, why: RegExp) =>
    assert.throws(
      () => readKeyFile(fileWith(t, value)),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'CONFIG_INVALID')
        assert.match(error.message, why)
        assert.ok(!error.message.includes(KEY.slice(0, 6)), error.message)
        assert.equal(error.cause, undefined)
        return true
      },
    )
  refused(`{"keys": {"k1": "${KEY}"} oops`, /it is not JSON$/)
  refused([], /must be \{"version": 1/)
  refused(null, /must be \{"version": 1/)
  refused({ ...one, version: 2 }, /must be \{"version": 1/)
  refused({ ...one, more: 1 }, /fields that this version does not know/)
  refused({ ...one, write: 'k2' }, /the key that seals, "k2", is not among them/)
  refused({ ...one, keys: { k1: KEY.slice(4) } }, /key "k1" does not have 32 bytes/)
  refused({ ...one, keys: { k1: `${KEY}AAAA` } }, /key "k1" does not have 32 bytes/)
  refused({ ...one, keys: { k1: 7 } }, /key "k1" does not have 32 bytes/)
  refused({ ...one, keys: { 'k 1': KEY } }, /an id is up to 64/)
  assert.throws(() => readKeyFile('/no/such/keys.json'), { message: /there is no such file$/ })
  if (process.platform !== 'win32') {
    for (const mode of [0o640, 0o604, 0o620]) {
      assert.throws(() => readKeyFile(fileWith(t, one, mode)), { message: /others may read it .*chmod 600$/ })
    }
  }
})

test('ids of keys stay within an envelope', () => {
  assert.ok(isKeyId('k_1-A'))
  for (const id of ['', 'a.b', 'a b', 'ñ', 'x'.repeat(65)]) assert.ok(!isKeyId(id), id)
  const many = new Map(Array.from({ length: 33 }, (_, n) => [`k${n}`, createKey()]))
  assert.throws(() => checkKeyRing({ write: 'k0', keys: many }), { code: 'CONFIG_INVALID' })
})

test('a change is noticed when a key is missing; a file that was spoilt or deleted changes nothing', (t) => {
  const path = fileWith(t, one)
  const source = keyFile(path)
  assert.deepEqual([...source.current().keys.keys()], ['k1'])
  writeFileSync(path, JSON.stringify({ ...one, write: 'k2', keys: { k1: KEY, k2: KEY } }))
  assert.equal(source.refresh().write, 'k2')
  writeFileSync(path, 'spoilt')
  assert.equal(source.refresh().write, 'k2')
  rmSync(path)
  assert.equal(source.refresh().write, 'k2')
  assert.equal(source.current().write, 'k2')
})
