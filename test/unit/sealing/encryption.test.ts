/** Encryption of payloads on a whole system in one process: what the engine sees, rotation, resubmission, and everything that must not open. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createClient } from '../../../src/client/client.ts'
import { canonicalText } from '../../../src/sealing/canonical-json.ts'
import { encryption } from '../../../src/sealing/encryption.ts'
import { type Bound, open, seal, sealedLength } from '../../../src/sealing/envelope.ts'
import type { KeyRing } from '../../../src/sealing/key-ring.ts'
import { defineTask } from '../../../src/task/definition.ts'
import { ERROR_MESSAGE_LENGTH_MAX, NOTE_LENGTH_MAX } from '../../../src/task/limits.ts'
import { openTestSystem } from '../../../src/testing.ts'

const PLANTED = 'PLANTED-7c1f-ñ-💧'
const keyOf = (fill: number) => new Uint8Array(32).fill(fill)
const ring = (write: string, ...ids: string[]): KeyRing => ({
  write,
  keys: new Map(ids.map((id) => [id, keyOf(Number(id.slice(1)))])),
})

const echo = defineTask({ type: 'echo', run: (data: unknown) => data })
const fails = defineTask({
  type: 'fails',
  maxAttempts: 1,
  run: (data: string, { log, progress }) => {
    log.info(`${data} in a line`)
    progress(1, 2, `${data} in a note`.repeat(40))
    throw new Error(`${data} in a message`.repeat(1_000))
  },
})

test('the engine holds no plain text: not of data, results, errors, notes or lines; both ends read all of it', async () => {
  await using system = openTestSystem({ tasks: [echo, fails], use: [encryption(ring('k1', 'k1'))] })
  const events = system.client.watch()
  const engineEvents: unknown[] = []
  await system.engine.watch({}, (seen) => void engineEvents.push(...seen))
  await events.started
  const good = await system.client.submit(echo, { secret: PLANTED })
  const bad = await system.client.submit(fails, PLANTED)
  await system.run()
  assert.deepEqual(await good.result(), { secret: PLANTED })
  const failed = (await system.client.get([bad.id], { data: true }))[0]!
  assert.equal(failed.data, PLANTED)
  assert.ok(failed.error!.message.startsWith(`${PLANTED} in a message`))
  assert.equal((await system.client.log(bad.id))[0]!.text, `${PLANTED} in a line`)
  await assert.rejects(bad.result(), (error: Error) => error.message.includes(PLANTED))

  const { engine } = system
  const held = [
    await engine.get([good.id, bad.id], { data: true }),
    await engine.list({ limit: 10, data: true }),
    await engine.log(bad.id, 0),
    engineEvents,
  ].map((value) => JSON.stringify(value))
  assert.match(held[0]!, /\$sealed.*1\.k1\./)
  assert.match(held[3]!, /"note":"\$sealed:1\.k1\./)
  for (const text of held) assert.ok(!text.includes('PLANTED'), text.slice(0, 300))
  const [, raw] = await engine.get([good.id, bad.id])
  assert.ok(raw!.error!.message.length <= ERROR_MESSAGE_LENGTH_MAX)
  for await (const { progress } of events) {
    if (progress === undefined) continue
    assert.ok(progress.note!.startsWith(`${PLANTED} in a note`))
    break
  }
})

test('submitted again, the same id with the same data is a duplicate, however its objects were put together', async () => {
  await using system = openTestSystem({ tasks: [echo], use: [encryption(ring('k1', 'k1'))] })
  const { client } = system
  const first = await client.submit(echo, { a: 1, b: { c: [1, { e: 2, d: 3 }] } }, { id: 'same' })
  const again = await client.submit(echo, { b: { c: [1, { d: 3, e: 2 }] }, a: 1 }, { id: 'same' })
  assert.equal(first.receipt!.duplicate, false)
  assert.equal(again.receipt!.duplicate, true)
  await assert.rejects(client.submit(echo, { a: 2 }, { id: 'same' }), { code: 'ID_CONFLICT' })
})

test('keys are rotated: what the old one sealed is read and is still a duplicate, what is new goes under the new one', async () => {
  await using system = openTestSystem({ tasks: [echo], use: [encryption(ring('k1', 'k1', 'k2'))] })
  await system.client.submit(echo, PLANTED, { id: 'old' })
  const rotated = createClient(system.engine, { use: [encryption(ring('k2', 'k1', 'k2'))] })
  assert.equal((await rotated.submit(echo, PLANTED, { id: 'old' })).receipt!.duplicate, true)
  await assert.rejects(rotated.submit(echo, 'other', { id: 'old' }), { code: 'ID_CONFLICT' })
  await rotated.submit(echo, PLANTED, { id: 'new' })
  const [old, fresh] = await system.engine.get(['old', 'new'], { data: true })
  assert.match(old!.dataText!, /1\.k1\./)
  assert.match(fresh!.dataText!, /1\.k2\./)
  await system.run()
  assert.equal(await rotated.task('old').result(), PLANTED)
  assert.equal(await rotated.task('new').result(), PLANTED)
  const without = createClient(system.engine, { use: [encryption(ring('k2', 'k2'))] })
  const [record] = await without.get(['old'], { data: true })
  assert.equal(record!.unreadable!.code, 'KEY_UNKNOWN')
  assert.match(
    record!.unreadable!.message,
    /^the data of task old is encrypted with key "k1", which is not here$/,
  )
})

test('a worker without the key tries again later; altered, foreign and plain data fail for good and clearly', async () => {
  await using system = openTestSystem({ tasks: [echo], use: [encryption(ring('k2', 'k2'))] })
  const stranger = createClient(system.engine, { use: [encryption(ring('k1', 'k1'))] })
  const impostor = createClient(system.engine, {
    use: [encryption({ write: 'k2', keys: new Map([['k2', keyOf(9)]]) })],
  })
  const plain = createClient(system.engine)
  await stranger.submit(echo, 1, { id: 'unknown key' })
  await impostor.submit(echo, 1, { id: 'other key' })
  await plain.submit(echo, 1, { id: 'plain' })
  const bound = { kind: 'data', id: 'moved from', type: 'echo' } as const
  await plain.submit(echo, { $sealed: seal('1', 'k2', keyOf(2), bound) }, { id: 'moved to' })
  await plain.submit(echo, { $sealed: '9.k2.AAAA' }, { id: 'later version' })
  await plain.submit(echo, { $sealed: '1.k2.AAAA' }, { id: 'short' })
  await system.run()
  const ends = await system.client.get([
    'unknown key',
    'other key',
    'plain',
    'moved to',
    'later version',
    'short',
  ])
  assert.deepEqual(
    ends.map((record) => [record!.id, record!.state, record!.error!.name]),
    [
      ['unknown key', 'scheduled', 'KEY_UNKNOWN'],
      ['other key', 'failed', 'DECRYPT_FAILED'],
      ['plain', 'failed', 'DECRYPT_FAILED'],
      ['moved to', 'failed', 'DECRYPT_FAILED'],
      ['later version', 'failed', 'DECRYPT_FAILED'],
      ['short', 'failed', 'DECRYPT_FAILED'],
    ],
  )
  assert.equal(ends[2]!.error!.message, 'the data of task plain is not encrypted')
  assert.match(
    ends[1]!.error!.message,
    /cannot be decrypted with key "k2": it was altered, belongs to another/,
  )
})

test('a result that was put in place of the sealed one is not taken, unless plain values are allowed', async () => {
  await using system = openTestSystem({ tasks: [echo] })
  const task = await system.client.submit(echo, 'plain')
  await system.run()
  const strict = createClient(system.engine, { use: [encryption(ring('k1', 'k1'))] })
  await assert.rejects(strict.task(task.id).result(), { code: 'DECRYPT_FAILED' })
  const lenient = createClient(system.engine, { use: [encryption(ring('k1', 'k1'), { allowPlain: true })] })
  assert.equal(await lenient.task(task.id).result(), 'plain')
})

const BOUND: Bound = { kind: 'data', id: 'id', type: 'type' }
const keys = (id: string) => (id === 'k1' ? keyOf(1) : undefined)

test('an envelope opens to what was sealed; altered anywhere, or bound to anything else, it does not (random)', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.nat(), (text, where) => {
      const plain = text.toWellFormed()
      const envelope = seal(plain, 'k1', keyOf(1), BOUND)
      assert.equal(open(envelope, keys, BOUND), plain)
      assert.equal(seal(plain, 'k1', keyOf(1), BOUND), envelope)
      assert.ok(envelope.length <= sealedLength(Buffer.byteLength(plain), 'k1'))
      const bytes = Buffer.from(envelope.slice(5), 'base64url')
      bytes[where % bytes.length]! ^= 1 << (where % 8)
      const altered = `1.k1.${bytes.toString('base64url')}`
      assert.throws(() => open(altered, keys, BOUND), { code: 'DECRYPT_FAILED' })
    }),
  )
  const envelope = seal('x', 'k1', keyOf(1), BOUND)
  for (const other of [{ kind: 'result' }, { id: 'ID' }, { type: '' }] as const) {
    assert.throws(() => open(envelope, keys, { ...BOUND, ...other }), { code: 'DECRYPT_FAILED' })
    assert.notEqual(seal('x', 'k1', keyOf(1), { ...BOUND, ...other }).slice(0, 21), envelope.slice(0, 21))
  }
})

test('different texts of one task have different nonces', () => {
  const nonces = new Set(
    Array.from({ length: 1_000 }, (_, n) => seal(`text ${n}`, 'k1', keyOf(1), BOUND).slice(5, 21)),
  )
  assert.equal(nonces.size, 1_000)
})

test('the format does not change: a stored envelope of version 1 still opens, also by what its description says', async () => {
  const stored = '1.k1.65taSd6Bgc1KRAMKcMvl7SvLx2OPzPHptg4smynChiC_G20'
  assert.equal(seal('{"a":1}', 'k1', keyOf(1), BOUND), stored)
  assert.equal(open(stored, keys, BOUND), '{"a":1}')
  // Another implementation, from the words of docs/privacy.md alone.
  const { subtle } = globalThis.crypto
  const bound = '["chasqui",1,"k1","data","id","type"]'
  const hmac = await subtle.importKey('raw', keyOf(1), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const derived = await subtle.sign('HMAC', hmac, new TextEncoder().encode(`chasqui/1 key\n${bound}`))
  const key = await subtle.importKey('raw', derived, 'AES-GCM', false, ['decrypt'])
  const bytes = new Uint8Array(Buffer.from(stored.slice(5), 'base64url'))
  const parameters = {
    name: 'AES-GCM',
    iv: bytes.subarray(0, 12),
    additionalData: new TextEncoder().encode(bound),
  }
  const plain = await subtle.decrypt(parameters, key, bytes.subarray(12))
  assert.equal(new TextDecoder().decode(plain), '{"a":1}')
})

test('canonical JSON: one text for one value, which is still that value (random)', () => {
  assert.equal(
    canonicalText('{"b":[1,{"z":null,"a":"é"}],"a":-0.5,"__proto__":{"x":1}}'),
    '{"__proto__":{"x":1},"a":-0.5,"b":[1,{"a":"é","z":null}]}',
  )
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      assert.deepEqual(JSON.parse(canonicalText(text)), JSON.parse(text))
      assert.equal(canonicalText(canonicalText(text)), canonicalText(text))
    }),
  )
})

test('texts are cut before they are sealed, so that they stay within their limits and open', () => {
  const { texts } = encryption(ring('k1', 'k1'))
  for (const text of ['x'.repeat(5_000), '💧'.repeat(3_000), 'short']) {
    const written = texts!.write(text, 'id', NOTE_LENGTH_MAX)
    assert.ok(written.length <= NOTE_LENGTH_MAX)
    const read = texts!.read(written, 'id')
    assert.ok(text.startsWith(read.replace(/…$/, '')))
    assert.ok(read.length > 4)
  }
  assert.match(texts!.write('PLANTED', null, 512), /^\(not shown/)
})
