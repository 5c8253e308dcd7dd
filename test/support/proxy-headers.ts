/** PROXY headers as balancers send them, written from the specification and not with the code under test; and what becomes of them on the way. */

import type { Random } from './random.ts'

export const BINARY_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** A header of version 2; the first byte after the signature is version and command, then family and transport. */
export function binaryHeader(versionAndCommand: number, familyAndTransport: number, block: Buffer): Buffer {
  const fixed = Buffer.from([versionAndCommand, familyAndTransport, block.length >> 8, block.length & 0xff])
  return Buffer.concat([BINARY_SIGNATURE, fixed, block])
}

export function tcp4Header(source: string, port: number, more: Buffer = Buffer.alloc(0)): Buffer {
  const block = Buffer.alloc(12)
  for (const [index, part] of source.split('.').entries()) block[index] = Number(part)
  block.writeUInt32BE(0x7f000001, 4)
  block.writeUInt16BE(port, 8)
  block.writeUInt16BE(5000, 10)
  return binaryHeader(0x21, 0x11, Buffer.concat([block, more]))
}

/** What HAProxy sends with a health check. */
export const LOCAL_HEADER = binaryHeader(0x20, 0x00, Buffer.alloc(0))

export function textHeader(source: string, port: number): Buffer {
  const family = source.includes(':') ? 'TCP6 ' : 'TCP4 '
  const target = source.includes(':') ? '::1' : '127.0.0.1'
  return Buffer.from(`PROXY ${family}${source} ${target} ${port} 5000\r\n`)
}

/** Type, length, value. */
export function extra(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value])
}

/** Bytes changed, turned, left out and put in, up to three times, mostly where a header is; and perhaps cut off. */
export function damaged(random: Random, bytes: Buffer): Buffer {
  let copy = Buffer.from(bytes)
  for (let times = random.below(4); times > 0; times--) {
    const at = random.below(Math.min(copy.length, 64))
    switch (random.below(4)) {
      case 0:
        copy[at] = random.below(256)
        break
      case 1:
        copy[at]! ^= 1 << random.below(8)
        break
      case 2:
        copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + random.below(3))])
        break
      default:
        copy = Buffer.concat([copy.subarray(0, at), Buffer.from([random.below(256)]), copy.subarray(at)])
    }
  }
  return copy.subarray(0, random.below(8) === 0 ? random.below(copy.length + 1) : copy.length)
}
