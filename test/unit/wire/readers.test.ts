/** However the bytes of a conversation are cut into packets, the messages are the same. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BareScanner } from '../../../src/wire/bare-scanner.ts'
import { DialectReader } from '../../../src/wire/dialect-reader.ts'
import { LineReader } from '../../../src/wire/line-reader.ts'

const FRAME_BYTES_MAX = 1_000

type Seen = string[]

function lineReader(seen: Seen, frameBytesMax = FRAME_BYTES_MAX): LineReader {
  return new LineReader({
    frameBytesMax,
    onLine: (text) => seen.push(text),
    onFault: (error) => seen.push(`!${error.code}`),
  })
}

function bareScanner(seen: Seen, frameBytesMax = FRAME_BYTES_MAX): BareScanner {
  return new BareScanner({
    frameBytesMax,
    onMessage: (text) => seen.push(text),
    onFault: (error) => seen.push(`!${error.code}`),
  })
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  const pieces: Buffer[] = []
  let from = 0
  for (const place of [...sorted, bytes.length]) {
    // A copy, as a socket would give it: a reader must not rely on what lies behind a piece.
    pieces.push(Buffer.from(bytes.subarray(from, place)))
    from = place
  }
  return pieces
}

const places = fc.array(fc.nat(), { maxLength: 40 })
const json = fc.json({ maxDepth: 4, stringUnit: 'binary' })
const object = fc
  .dictionary(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 }),
  )
  .map((value) => JSON.stringify(value))

describe('line reader', () => {
  test('any cutting of any lines gives the same lines', () => {
    fc.assert(
      fc.property(fc.array(json, { maxLength: 12 }), places, (lines, cuts) => {
        const seen: Seen = []
        const reader = lineReader(seen, 1_000_000)
        for (const piece of cut(Buffer.from(lines.map((line) => `${line}\n`).join('')), cuts))
          reader.push(piece)
        assert.deepEqual(seen, lines)
        assert.equal(reader.pendingBytes, 0)
      }),
      { numRuns: 500 },
    )
  })

  test('any bytes in any pieces give what they give in one piece, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), places, (bytes, cuts) => {
        const whole: Seen = []
        lineReader(whole, 50).push(Buffer.from(bytes))
        const pieces: Seen = []
        const reader = lineReader(pieces, 50)
        for (const piece of cut(Buffer.from(bytes), cuts)) reader.push(piece)
        assert.deepEqual(pieces, whole)
      }),
      { numRuns: 500 },
    )
  })

  test('lines of white space only are left out, and a CR before the LF is harmless', () => {
    const seen: Seen = []
    lineReader(seen).push(Buffer.from('\n \r\n\t\n{"a":1}\r\n7\n'))
    assert.deepEqual(
      seen.map((line) => JSON.parse(line)),
      [{ a: 1 }, 7],
    )
  })

  test('a line that is not UTF-8 is reported and left out, its neighbours are read', () => {
    const seen: Seen = []
    lineReader(seen).push(
      Buffer.concat([Buffer.from('1\n"'), Buffer.from([0xff, 0xfe]), Buffer.from('"\n2\n')]),
    )
    assert.deepEqual(seen, ['1', '!NOT_UTF8', '2'])
  })

  test('a line of exactly the limit passes, one byte more is a fault after which nothing is read', () => {
    const longest = 'x'.repeat(FRAME_BYTES_MAX)
    const seen: Seen = []
    const reader = lineReader(seen)
    reader.push(Buffer.from(`${longest}\n`))
    reader.push(Buffer.from(`1\n${longest}y\n2\n`))
    reader.push(Buffer.from('3\n'))
    assert.deepEqual(seen, [longest, '1', '!FRAME_TOO_LARGE'])
  })

  test('a line that never ends is a fault as soon as it is too long', () => {
    const seen: Seen = []
    const reader = lineReader(seen)
    for (let bytes = 0; bytes <= FRAME_BYTES_MAX; bytes++) reader.push(Buffer.from('x'))
    assert.deepEqual(seen, ['!FRAME_TOO_LARGE'])
    assert.equal(reader.pendingBytes, 0)
  })

  test('nothing is given after stop, not even of the chunk that is being read', () => {
    const seen: Seen = []
    const reader: LineReader = new LineReader({
      frameBytesMax: FRAME_BYTES_MAX,
      onLine: (text) => {
        seen.push(text)
        reader.stop()
      },
      onFault: (error) => seen.push(error.code),
    })
    reader.push(Buffer.from('1\n2\n3'))
    reader.push(Buffer.from('4\n'))
    assert.deepEqual(seen, ['1'])
  })

  test('a long line in single bytes costs linear time and little memory', () => {
    const seen: Seen = []
    const reader = lineReader(seen, 2_000_000)
    const byte = Buffer.from('x')
    for (let bytes = 0; bytes < 1_000_000; bytes++) reader.push(byte)
    reader.push(Buffer.from('\n'))
    assert.equal(seen[0]?.length, 1_000_000)
  })
})

describe('bare scanner', () => {
  test('any cutting of any objects, with anything white or nothing between them, gives the same objects', () => {
    const between = fc.constantFrom('', '\n', ' ', '\r\n', '\n\n\t')
    fc.assert(
      fc.property(fc.array(fc.tuple(object, between), { maxLength: 12 }), places, (messages, cuts) => {
        const seen: Seen = []
        const scanner = bareScanner(seen, 1_000_000)
        const bytes = Buffer.from(messages.map((parts) => parts.join('')).join(''))
        for (const piece of cut(bytes, cuts)) assert.equal(scanner.push(piece), piece.length)
        assert.deepEqual(
          seen,
          messages.map(([text]) => text),
        )
        assert.equal(scanner.pendingBytes, 0)
      }),
      { numRuns: 500 },
    )
  })

  test('any bytes in any pieces give what they give in one piece, and never throw', () => {
    // Bytes that matter are frequent.
    const byte = fc.oneof(fc.constantFrom(...Buffer.from('{}[]"\\\n a')), fc.nat(255))
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 300 }), places, (bytes, cuts) => {
        const whole: Seen = []
        bareScanner(whole, 50).push(Buffer.from(bytes))
        const pieces: Seen = []
        const scanner = bareScanner(pieces, 50)
        for (const piece of cut(Buffer.from(bytes), cuts)) scanner.push(piece)
        assert.deepEqual(pieces, whole)
      }),
      { numRuns: 2_000 },
    )
  })

  test('pretty-printed objects are read whole when their first line is `{` alone', () => {
    fc.assert(
      fc.property(object, fc.constantFrom(1, 2, '\t'), places, (text, indent, cuts) => {
        const pretty = JSON.stringify({ type: 'x', more: JSON.parse(text) }, null, indent)
        const seen: Seen = []
        const scanner = bareScanner(seen, 1_000_000)
        for (const piece of cut(Buffer.from(`${pretty}\n${pretty}`), cuts)) scanner.push(piece)
        assert.deepEqual(seen, [pretty, pretty])
      }),
      { numRuns: 300 },
    )
  })

  test('other objects end with their line, broken as they are, and the next line is read', () => {
    const seen: Seen = []
    bareScanner(seen).push(Buffer.from('{"a":1,\n"b":2}\n{"type":"x"}\n{ "open\n{"type":"y"}\n'))
    assert.deepEqual(seen, ['{"a":1,', '"b":2}', '{"type":"x"}', '{ "open', '{"type":"y"}'])
  })

  test('a line that ends in the middle of an escape does not touch the next one', () => {
    const seen: Seen = []
    bareScanner(seen).push(Buffer.from('{"a":"\\\n{"":1}'))
    assert.deepEqual(seen, ['{"a":"\\', '{"":1}'])
  })

  test('what is no object is a line', () => {
    const seen: Seen = []
    bareScanner(seen).push(Buffer.from('GET / HTTP/1.1\r\n[1,{}]\n{"type":"x"}rest\n'))
    assert.deepEqual(seen, ['GET / HTTP/1.1', '[1,{}]', '{"type":"x"}', 'rest'])
  })

  test('an object is given with its last brace, without waiting for more', () => {
    const seen: Seen = []
    const scanner = bareScanner(seen)
    for (const byte of Buffer.from('{"a":"}\\"}ñ","b":[{}]}')) scanner.push(Buffer.from([byte]))
    assert.deepEqual(seen, ['{"a":"}\\"}ñ","b":[{}]}'])
  })

  test('an object that is not UTF-8 is reported, the next one is read', () => {
    const seen: Seen = []
    bareScanner(seen).push(
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}{"b":1}')]),
    )
    assert.deepEqual(seen, ['!NOT_UTF8', '{"b":1}'])
  })

  test('an object or a line without end is a fault as soon as it is too long', () => {
    for (const start of ['{"a":"', '{', '{\n', 'x', '[[[[']) {
      const seen: Seen = []
      const scanner = bareScanner(seen)
      scanner.push(Buffer.from(start))
      for (let bytes = 0; bytes < FRAME_BYTES_MAX; bytes += 100) scanner.push(Buffer.alloc(100, '['))
      assert.deepEqual(seen, ['!FRAME_TOO_LARGE'], start)
      assert.equal(scanner.pendingBytes, 0)
    }
  })
})

test('whenever reading is interrupted, and whenever it turns out that JSON-RPC is spoken, nothing is lost', () => {
  const yields = fc.infiniteStream(fc.boolean())
  fc.assert(
    fc.property(
      fc.array(fc.oneof(object, fc.constantFrom('nonsense', ' ')), { minLength: 1, maxLength: 12 }),
      fc.nat(12),
      places,
      yields,
      (messages, turn, cuts, mayGoOn) => {
        const seen: Seen = []
        const reader: DialectReader = new DialectReader({
          frameBytesMax: 1_000_000,
          onMessage: (text) => {
            seen.push(text)
            if (seen.length === turn) reader.speakLines()
          },
          onFault: (error) => seen.push(error.code),
          mayGoOn: () => mayGoOn.next().value === true,
        })
        for (const piece of cut(Buffer.from(`${messages.join('\n')}\n`), cuts)) reader.push(piece)
        for (let turns = 0; reader.isBehind && turns < 10_000; turns++) reader.goOn()
        assert.deepEqual(
          seen,
          messages.filter((message) => message !== ' '),
        )
        assert.equal(reader.pendingBytes, 0)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('faults come in the order of the bytes, also after an interruption', () => {
  const seen: Seen = []
  let left = 1
  const reader: LineReader = new LineReader({
    frameBytesMax: 10,
    onLine: (text) => seen.push(text),
    onFault: (error) => seen.push(`!${error.code}`),
    mayGoOn: () => left-- > 0,
  })
  reader.push(Buffer.concat([Buffer.from('1\n'), Buffer.from([0xff]), Buffer.from('\n2\n01234567890\n3\n')]))
  assert.deepEqual(seen, ['1'])
  for (left = 2; reader.isBehind; left = 2) reader.goOn()
  assert.deepEqual(seen, ['1', '!NOT_UTF8', '2', '!FRAME_TOO_LARGE'])
})

test('a connection that turns out to speak JSON-RPC in the middle of a chunk loses nothing', () => {
  fc.assert(
    fc.property(
      fc.array(object, { minLength: 1, maxLength: 8 }),
      fc.nat(8),
      places,
      (messages, turn, cuts) => {
        const seen: Seen = []
        const reader: DialectReader = new DialectReader({
          frameBytesMax: 1_000_000,
          onMessage: (text) => {
            seen.push(text)
            if (seen.length === turn) reader.speakLines()
          },
          onFault: (error) => seen.push(error.code),
        })
        for (const piece of cut(Buffer.from(`${messages.join('\n')}\n`), cuts)) reader.push(piece)
        assert.deepEqual(seen, messages)
        assert.equal(reader.pendingBytes, 0)
      },
    ),
    { numRuns: 500 },
  )
})
