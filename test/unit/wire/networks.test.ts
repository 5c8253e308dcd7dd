import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNetworks, plainAddress } from '../../../src/wire/networks.ts'

test('networks hold their addresses and no others', () => {
  const networks = parseNetworks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'])
  const inside = ['10.0.0.0', '10.255.255.255', '192.0.2.7', '2001:db8:ffff::1', '::1', '::ffff:10.1.2.3']
  const outside = [
    '11.0.0.0',
    '9.255.255.255',
    '192.0.2.8',
    '2001:db9::1',
    '::2',
    'unknown',
    '',
    'unix:/run/a',
  ]
  for (const address of inside) assert.ok(networks.has(address), address)
  for (const address of outside) assert.ok(!networks.has(address), address)
  assert.ok(parseNetworks(['0.0.0.0/0']).has('203.0.113.9'))
  assert.ok(!parseNetworks([]).has('127.0.0.1'))
})

test('what is no network is refused by name', () => {
  for (const entry of [
    '',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'fe80::1%lo',
  ]) {
    assert.throws(
      () => parseNetworks(['127.0.0.1', entry]),
      (error: Error & { code?: string }) =>
        error.code === 'CONFIG_INVALID' &&
        error.message === `"${entry}" is no address and no network like 10.0.0.0/8`,
    )
  }
})

test('an address has one text', () => {
  assert.equal(plainAddress('::ffff:192.0.2.7'), '192.0.2.7')
  assert.equal(plainAddress('2001:0DB8:0:0::7'), '2001:db8::7')
  assert.equal(plainAddress('192.0.2.7'), '192.0.2.7')
  assert.equal(plainAddress('fe80::1%lo'), 'fe80::1%lo')
  assert.equal(plainAddress('unknown'), 'unknown')
})
