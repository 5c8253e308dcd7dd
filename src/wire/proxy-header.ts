/**
 * The PROXY protocol, versions 1 and 2: the first bytes of a connection, in which a balancer says on whose behalf it connects. Read by
 * a server before anything else, TLS included. The rules are those of doc/proxy-protocol.txt of HAProxy (2020-03-05), sections 2.1 and 2.2.
 *
 * Pure: the bytes so far → what they are. However a header was cut, the answer is `more` until it is complete.
 *
 * Invariant: what is not exactly a header is never taken for one; at most `PROXY_HEADER_BYTES_MAX` bytes are asked for.
 */

import { isIPv4, isIPv6 } from 'node:net'
import { PROXY_HEADER_BYTES_MAX } from '../task/limits.ts'
import { plainAddress } from './networks.ts'

export interface ProxySource {
  /** An IP address, or `unix:PATH`. */
  readonly address: string
  /** 0 where there is none. */
  readonly port: number
}

export type ProxyHeader =
  /** It may become one. */
  | { readonly kind: 'more' }
  /** The connection begins with something else. */
  | { readonly kind: 'none' }
  /** `source` is null where the balancer speaks for itself (a health check), or for somebody whom the protocol has no words for. */
  | { readonly kind: 'header'; readonly source: ProxySource | null; readonly bytes: number }
  /** It began as one and is none: the connection cannot go on. */
  | { readonly kind: 'bad'; readonly reason: string }

const MORE: ProxyHeader = { kind: 'more' }
const NONE: ProxyHeader = { kind: 'none' }

/** @param bytes everything that came so far, from the first byte of the connection */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return MORE
  return readVersion2(bytes) ?? readVersion1(bytes) ?? NONE
}

// ---- version 1: a line of text ----------------------------------------------------------------------------

const LINE_SIGNATURE = Buffer.from('PROXY ')
const LINE_BYTES_MAX = 107
const LF = 0x0a

function readVersion1(bytes: Buffer): ProxyHeader | null {
  const begins = beginsWith(bytes, LINE_SIGNATURE)
  if (begins !== 'yes') return begins === 'perhaps' ? MORE : null
  const end = bytes.indexOf(LF)
  if (end === -1 ? bytes.length >= LINE_BYTES_MAX : end >= LINE_BYTES_MAX) {
    return bad(`its line is longer than ${LINE_BYTES_MAX} bytes`)
  }
  if (end === -1) return MORE
  const line = bytes.toString('latin1', 0, end + 1)
  if (!line.endsWith('\r\n')) return bad('its line does not end in CR LF')
  const [, family, ...fields] = line.slice(0, -2).split(' ')
  if (family === 'UNKNOWN') return { kind: 'header', source: null, bytes: line.length }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : null
  if (isAddress === null) return bad('its line names no known protocol')
  const [from, to, fromPort, toPort] = fields
  const isWhole =
    fields.length === 4 && isAddress(from!) && isAddress(to!) && isPort(fromPort!) && isPort(toPort!)
  if (!isWhole) return bad('its line is not two addresses and two ports')
  const source = { address: plainAddress(from!), port: Number(fromPort) }
  return { kind: 'header', source, bytes: line.length }
}

/** Without a zone: that means something on one machine only. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

// ---- version 2: binary ------------------------------------------------------------------------------------

const BINARY_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n')
/** Signature, version and command, family and transport, length of what follows. */
const FIXED_BYTES = 16
const LOCAL = 0
const PROXY = 1
const STREAM = 1
const TRANSPORT_MAX = 2

/** How long the addresses of a family are, and how the first of them is read. What follows them (TLVs) is left out. */
const FAMILIES: readonly { readonly bytes: number; readonly read: (block: Buffer) => ProxySource | null }[] =
  [
    { bytes: 0, read: () => null },
    {
      bytes: 12,
      read: (block) => ({ address: block.subarray(0, 4).join('.'), port: block.readUInt16BE(8) }),
    },
    {
      bytes: 36,
      read: (block) => ({ address: textOfIPv6(block), port: block.readUInt16BE(32) }),
    },
    { bytes: 216, read: (block) => ({ address: `unix:${pathOf(block.subarray(0, 108))}`, port: 0 }) },
  ]

function readVersion2(bytes: Buffer): ProxyHeader | null {
  const begins = beginsWith(bytes, BINARY_SIGNATURE)
  if (begins === 'no') return null
  if (begins === 'perhaps' || bytes.length < FIXED_BYTES) return MORE
  const version = bytes[12]! >> 4
  const command = bytes[12]! & 0x0f
  const family = FAMILIES[bytes[13]! >> 4]
  const transport = bytes[13]! & 0x0f
  const blockBytes = bytes.readUInt16BE(14)
  const total = FIXED_BYTES + blockBytes
  if (version !== 2) return bad(`it has version ${version}`)
  if (command > PROXY) return bad(`it has the unknown command ${command}`)
  if (total > PROXY_HEADER_BYTES_MAX) {
    return bad(`it is ${total} bytes long, and ${PROXY_HEADER_BYTES_MAX} are allowed`)
  }
  if (command === PROXY) {
    if (family === undefined || transport > TRANSPORT_MAX) return bad('it names no known protocol')
    if (blockBytes < family.bytes) return bad('it is too short for its addresses')
  }
  if (bytes.length < total) return MORE
  // What comes over datagrams is not what came over this connection: as for a family that is not known, its own address stands.
  const hasSource = command !== LOCAL && transport === STREAM
  const source = hasSource ? family!.read(bytes.subarray(FIXED_BYTES, total)) : null
  return { kind: 'header', source, bytes: total }
}

function textOfIPv6(block: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(2 * index).toString(16))
  return plainAddress(groups.join(':'))
}

/** Up to its NUL. It goes into logs, and a path may hold anything. */
function pathOf(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end === -1 ? field.length : end).replaceAll(/[^\x21-\x7e]/g, '?')
}

// ---- both -------------------------------------------------------------------------------------------------

function beginsWith(bytes: Buffer, signature: Buffer): 'yes' | 'no' | 'perhaps' {
  const length = Math.min(bytes.length, signature.length)
  if (bytes.compare(signature, 0, length, 0, length) !== 0) return 'no'
  return length === signature.length ? 'yes' : 'perhaps'
}

function bad(reason: string): ProxyHeader {
  return { kind: 'bad', reason }
}
