import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { documentName, idsOfName, newTaskId, safeName } from '../../../src/task/ids.ts'
import { ID_LENGTH_MAX } from '../../../src/task/limits.ts'

test('a new id is a UUID of version 7 that tells its time', () => {
  // Far ahead of what other tests use: an id never goes back in time.
  const atMs = Date.UTC(2040, 0, 1)
  const id = newTaskId(atMs)
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(Number.parseInt(id.replace('-', '').slice(0, 12), 16), atMs)
})

test('a hundred thousand ids of one millisecond are all different and sorted', () => {
  const atMs = Date.UTC(2041, 0, 1)
  const ids = Array.from({ length: 100_000 }, () => newTaskId(atMs))
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual([...ids].sort(), ids)
})

test('ids stay sorted when the clock is put back', () => {
  const atMs = Date.UTC(2042, 0, 1)
  const ids = [newTaskId(atMs), newTaskId(atMs - 3_600_000), newTaskId(atMs + 1)]
  assert.deepEqual([...ids].sort(), ids)
})

test('the document of a plain id carries it as it is', () => {
  assert.equal(documentName('7'), 'task_7.json')
  assert.equal(documentName('019a-B_c.d'), 'task_019a-B_c.d.json')
})

test('characters that file systems mind are written as percent codes', () => {
  assert.equal(documentName('tenant:order/1'), 'task_tenant%3Aorder%2F1.json')
  assert.equal(documentName('../etc'), 'task_..%2Fetc.json')
  assert.equal(documentName('100%'), 'task_100%25.json')
  assert.equal(documentName('ñ\u0000'), 'task_%C3%B1%00.json')
})

test('every id has a safe name of its own that is short enough for any file system', () => {
  const id = fc.string({ unit: 'binary', minLength: 1, maxLength: ID_LENGTH_MAX })
  fc.assert(
    fc.property(id, id, (one, other) => {
      const name = documentName(one)
      assert.match(name, /^task_[A-Za-z0-9_\-.%~]+\.json$/)
      assert.ok(name.length <= 200, name)
      // Lone surrogates have no UTF-8 form; the wire lets none in.
      if (one !== other && one.isWellFormed() && other.isWellFormed())
        assert.notEqual(name, documentName(other))
    }),
  )
})

test('long ids that differ only at their ends have different names', () => {
  const long = '/'.repeat(ID_LENGTH_MAX - 1)
  assert.notEqual(documentName(`${long}a`), documentName(`${long}b`))
})

test('a safe name tells the id, or where it was cut the ids among which it is', () => {
  const id = fc.string({ unit: 'binary', minLength: 1, maxLength: ID_LENGTH_MAX })
  fc.assert(
    fc.property(
      id.filter((one) => one.isWellFormed()),
      fc.integer({ min: 40, max: 200 }),
      (one, lengthMax) => {
        const name = safeName(one, lengthMax)
        const ids = idsOfName(name)
        if ('id' in ids) return assert.equal(ids.id, one)
        assert.ok(one.startsWith(ids.from), name)
        assert.ok(Buffer.compare(Buffer.from(one), Buffer.from(ids.before)) < 0, name)
        // Nothing of what the name still tells is given away: the least that stands before a cut character.
        assert.ok(safeName(ids.from, 10_000).length >= lengthMax - 33 - 11, name)
      },
    ),
  )
})
