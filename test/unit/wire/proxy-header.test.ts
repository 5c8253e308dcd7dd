import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PROXY_HEADER_BYTES_MAX } from '../../../src/task/limits.ts'
import { type ProxyHeader, readProxyHeader } from '../../../src/wire/proxy-header.ts'
import {
  BINARY_SIGNATURE,
  binaryHeader,
  damaged,
  extra,
  LOCAL_HEADER,
  tcp4Header,
  textHeader,
} from '../../support/proxy-headers.ts'
import { openRandom } from '../../support/random.ts'

const CASES = Number(process.env.CHASQUI_FUZZ_CASES ?? 50_000)
const AFTER = Buffer.from('{"type":"sumar"}')

function ipv6Block(source: string, port: number): Buffer {
  const block = Buffer.alloc(36)
  Buffer.from(source, 'hex').copy(block)
  block.writeUInt16BE(port, 32)
  return block
}

function unixBlock(source: string): Buffer {
  const block = Buffer.alloc(216)
  block.write(source, 0, 'latin1')
  block.write('/run/chasqui.sock', 108)
  return block
}

const long = (bytes: number) => extra(0x04, Buffer.alloc(bytes - 3))

const HEADERS: readonly [string, Buffer, { address: string; port: number } | null][] = [
  ['version 1, TCP4', textHeader('192.0.2.7', 40_000), { address: '192.0.2.7', port: 40_000 }],
  ['version 1, TCP6', textHeader('2001:db8::7', 0), { address: '2001:db8::7', port: 0 }],
  ['version 1, TCP6 in full', textHeader('2001:0db8:0:0:0:0:0:7', 9), { address: '2001:db8::7', port: 9 }],
  ['version 1, IPv4 in IPv6', textHeader('::ffff:192.0.2.7', 9), { address: '192.0.2.7', port: 9 }],
  ['version 1, UNKNOWN alone', Buffer.from('PROXY UNKNOWN\r\n'), null],
  [
    'version 1, UNKNOWN, the longest line there is',
    Buffer.from(`PROXY UNKNOWN ${'f'.repeat(39)} ${'f'.repeat(39)} 65535 65535\r\n`),
    null,
  ],
  ['version 2, TCP4', tcp4Header('192.0.2.7', 40_000), { address: '192.0.2.7', port: 40_000 }],
  [
    'version 2, TCP6',
    binaryHeader(0x21, 0x21, ipv6Block('20010db8000000000000000000000007', 1)),
    { address: '2001:db8::7', port: 1 },
  ],
  [
    'version 2, IPv4 in IPv6',
    binaryHeader(0x21, 0x21, ipv6Block('00000000000000000000ffffc0000207', 1)),
    { address: '192.0.2.7', port: 1 },
  ],
  [
    'version 2, a UNIX socket',
    binaryHeader(0x21, 0x31, unixBlock('/run/a b\n.sock')),
    { address: 'unix:/run/a?b?.sock', port: 0 },
  ],
  [
    'version 2, a UNIX socket without a name',
    binaryHeader(0x21, 0x31, unixBlock('')),
    { address: 'unix:', port: 0 },
  ],
  ['version 2, UDP: its own address stands', binaryHeader(0x21, 0x12, Buffer.alloc(12)), null],
  ['version 2, UNSPEC', binaryHeader(0x21, 0x00, Buffer.alloc(0)), null],
  ['version 2, UNSPEC with bytes to be left out', binaryHeader(0x21, 0x00, Buffer.alloc(40, 7)), null],
  ['version 2, LOCAL', LOCAL_HEADER, null],
  ['version 2, LOCAL with an address to be left out', binaryHeader(0x20, 0x11, Buffer.alloc(12, 7)), null],
  ['version 2, LOCAL of a family that nobody knows', binaryHeader(0x20, 0xff, Buffer.alloc(3)), null],
  [
    'version 2 with TLVs',
    tcp4Header(
      '192.0.2.7',
      1,
      Buffer.concat([extra(0x01, Buffer.from('amqp')), extra(0x05, Buffer.alloc(128))]),
    ),
    { address: '192.0.2.7', port: 1 },
  ],
  [
    'version 2, as long as it may be',
    tcp4Header('192.0.2.7', 1, long(PROXY_HEADER_BYTES_MAX - 28)),
    { address: '192.0.2.7', port: 1 },
  ],
]

describe('a header is read, and what follows it is left', () => {
  for (const [what, bytes, source] of HEADERS) {
    test(what, () => {
      assert.deepEqual(readProxyHeader(bytes), { kind: 'header', source, bytes: bytes.length })
      assert.deepEqual(readProxyHeader(Buffer.concat([bytes, AFTER])), {
        kind: 'header',
        source,
        bytes: bytes.length,
      })
    })
  }
})

test('a header that is cut anywhere is waited for', () => {
  for (const [what, bytes] of HEADERS) {
    for (let length = 0; length < bytes.length; length++) {
      assert.deepEqual(
        readProxyHeader(bytes.subarray(0, length)),
        { kind: 'more' },
        `${what} after ${length}`,
      )
    }
  }
})

const BROKEN: readonly [string, Buffer | string, RegExp][] = [
  ['an address of the other family', 'PROXY TCP4 ::1 ::1 1 2\r\n', /two addresses and two ports/],
  ['a number above 255', 'PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n', /two addresses/],
  ['a zero in front of a number', 'PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n', /two addresses/],
  ['a zero in front of a port', 'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n', /two ports/],
  ['a port above 65535', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n', /two ports/],
  ['a negative port', 'PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n', /two ports/],
  ['an address with a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', /two addresses/],
  ['two spaces', 'PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n', /two addresses/],
  ['a space at the end', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n', /two addresses/],
  ['a field too few', 'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n', /two addresses/],
  ['a protocol that nobody knows', 'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n', /no known protocol/],
  ['a protocol in small letters', 'PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n', /no known protocol/],
  ['nothing', 'PROXY \r\n', /no known protocol/],
  ['an LF without its CR', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n', /CR LF/],
  ['an LF without its CR within UNKNOWN', 'PROXY UNKNOWN a\nb\r\n', /CR LF/],
  ['a line of 107 bytes that goes on', `PROXY UNKNOWN ${'f'.repeat(93)}`, /longer than 107/],
  ['a line of 108 bytes', `PROXY UNKNOWN ${'f'.repeat(92)}\r\n`, /longer than 107/],
  ['version 1 in binary', binaryHeader(0x11, 0x11, Buffer.alloc(12)), /version 1/],
  ['version 3', binaryHeader(0x31, 0x11, Buffer.alloc(12)), /version 3/],
  ['a command that nobody knows', binaryHeader(0x22, 0x11, Buffer.alloc(12)), /unknown command 2/],
  ['a family that nobody knows', binaryHeader(0x21, 0x41, Buffer.alloc(12)), /no known protocol/],
  ['a transport that nobody knows', binaryHeader(0x21, 0x13, Buffer.alloc(12)), /no known protocol/],
  ['TCP4 in 11 bytes', binaryHeader(0x21, 0x11, Buffer.alloc(11)), /too short/],
  ['TCP6 in 35 bytes', binaryHeader(0x21, 0x21, Buffer.alloc(35)), /too short/],
  ['a UNIX socket in 215 bytes', binaryHeader(0x21, 0x31, Buffer.alloc(215)), /too short/],
  [
    'more bytes than are allowed, before they come',
    tcp4Header('192.0.2.7', 1, long(PROXY_HEADER_BYTES_MAX - 27)).subarray(0, 16),
    /4097 bytes long, and 4096 are allowed/,
  ],
]

describe('what began as a header and is none is told apart', () => {
  for (const [what, bytes, reason] of BROKEN) {
    test(what, () => {
      const header = readProxyHeader(Buffer.from(bytes as string, 'latin1'))
      assert.equal(header.kind, 'bad')
      assert.match((header as { reason: string }).reason, reason)
    })
  }
})

test('what begins otherwise is no header, as soon as that shows', () => {
  const strangers = ['{', '[', ' ', '\n', '\r\n{', '\r\n\r\n\r', 'PING\n', 'PROXYX', 'proxy ', '\x16\x03\x01']
  for (const text of strangers) {
    assert.deepEqual(readProxyHeader(Buffer.from(text, 'latin1')), { kind: 'none' }, JSON.stringify(text))
  }
})

// ---- random headers ---------------------------------------------------------------------------------------

/** The other reading of the specification: what a damaged header still has to satisfy to count as one. */
function mayBeHeader(bytes: Buffer): boolean {
  if (bytes.subarray(0, 12).equals(BINARY_SIGNATURE)) {
    const total = 16 + bytes.readUInt16BE(14)
    return (bytes[12] === 0x20 || bytes[12] === 0x21) && bytes.length >= total
  }
  return /^PROXY (UNKNOWN(?: [^\n]*)?|TCP[46] [0-9a-fA-F:.]+ [0-9a-fA-F:.]+ \d{1,5} \d{1,5})\r\n/.test(
    bytes.toString('latin1'),
  )
}

test(`${CASES} damaged headers are read alike in one piece and in many, and only whole ones count`, (context) => {
  const random = openRandom(context)
  const seen: Record<ProxyHeader['kind'], number> = { more: 0, none: 0, header: 0, bad: 0 }
  for (let number = 0; number < CASES; number++) {
    const bytes = damaged(random, Buffer.concat([random.pick(HEADERS)[1], AFTER]))
    const whole = readProxyHeader(bytes)
    seen[whole.kind]++
    let pieces: ProxyHeader = { kind: 'more' }
    for (let length = 1; length <= bytes.length && pieces.kind === 'more'; length += 1 + random.below(20)) {
      pieces = readProxyHeader(bytes.subarray(0, length))
    }
    if (pieces.kind === 'more') pieces = readProxyHeader(bytes)
    const shown = `case ${number}: ${bytes.toString('hex').slice(0, 600)}`
    // Which fault is named first may depend on how much is there.
    if (whole.kind === 'bad') assert.equal(pieces.kind, 'bad', shown)
    else assert.deepEqual(pieces, whole, shown)
    if (whole.kind === 'header') {
      assert.ok(mayBeHeader(bytes), shown)
      assert.ok(whole.bytes <= bytes.length, shown)
      assert.match(whole.source?.address ?? '', /^[\x21-\x7e]*$/, shown)
    }
  }
  for (const [kind, count] of Object.entries(seen))
    assert.ok(count > 0, `${kind} never came: ${JSON.stringify(seen)}`)
})
