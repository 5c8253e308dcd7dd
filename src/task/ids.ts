/** Names: ids of tasks (UUIDv7, RFC 9562) and file names made from ids that clients chose. */

import { createHash, randomFillSync } from 'node:crypto'
import { ID_LENGTH_MAX } from './limits.ts'

const RANDOM_POOL_BYTES = 4096
const pool = Buffer.alloc(RANDOM_POOL_BYTES)
let poolAt = RANDOM_POOL_BYTES
let lastMs = 0
let sequence = 0

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function randomBytes(count: number): number {
  if (poolAt + count > RANDOM_POOL_BYTES) {
    randomFillSync(pool)
    poolAt = 0
  }
  const at = poolAt
  poolAt += count
  return at
}

/**
 * A new UUIDv7: sorted by time, and within one millisecond of one process by a 12-bit counter (RFC 9562, 6.2 method 1),
 * so that the id index of a store is appended to and not scattered over.
 */
export function newTaskId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = 0
  } else if (++sequence > 0xfff) {
    // More than 4,096 ids in this millisecond: borrow from the next one.
    lastMs++
    sequence = 0
  }
  const at = randomBytes(8)
  const time = lastMs.toString(16).padStart(12, '0')
  const seq = (0x7000 | sequence).toString(16)
  const variant = HEX[(pool[at]! & 0x3f) | 0x80]!
  return `${time.slice(0, 8)}-${time.slice(8)}-${seq}-${variant}${HEX[pool[at + 1]!]}-${HEX[pool[at + 2]!]}${HEX[pool[at + 3]!]}${HEX[pool[at + 4]!]}${HEX[pool[at + 5]!]}${HEX[pool[at + 6]!]}${HEX[pool[at + 7]!]}`
}

/** Longest encoded id in a file name: `task_` + id + `.json` + a temporary suffix must fit in 255 bytes. */
const FILE_NAME_ID_LENGTH_MAX = 180

/** The name of the document of a task's result: `task_<id>.json`. Different ids give different names. */
export function documentName(id: string): string {
  return `task_${safeName(id, FILE_NAME_ID_LENGTH_MAX)}.json`
}

/**
 * An id as part of a name. Characters that are not safe in every file system (separators, dots at the start, case-folding is left alone)
 * are percent-encoded; what would be too long ends in a hash. Different ids give different names.
 */
export function safeName(id: string, lengthMax: number): string {
  let safe = ''
  for (const byte of Buffer.from(id, 'utf8')) {
    const char = String.fromCharCode(byte)
    safe += /[A-Za-z0-9_\-.]/.test(char) ? char : `%${HEX[byte]!.toUpperCase()}`
  }
  if (safe.length <= lengthMax) return safe
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 32)
  return `${safe.slice(0, lengthMax - 33)}~${hash}`
}

const LAST_CHARACTER = '\u{10ffff}'

/** Which id a name of `safeName` is of; where it was cut, between which two texts (in the order of UTF-8) the id is. */
export function idsOfName(
  name: string,
): { readonly id: string } | { readonly from: string; readonly before: string } {
  const [beginning, hash] = name.split('~')
  const whole = beginning!.replace(/%[0-9A-F]?$/, '')
  const bytes: number[] = []
  for (const [char, hex] of whole.matchAll(/%([0-9A-F]{2})|[^%]/g)) {
    bytes.push(hex === undefined ? char.charCodeAt(0) : Number.parseInt(hex, 16))
  }
  // What is left of a character that was cut is not a character.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes), { stream: true })
  return hash === undefined
    ? { id: text }
    : { from: text, before: text + LAST_CHARACTER.repeat(ID_LENGTH_MAX) }
}
