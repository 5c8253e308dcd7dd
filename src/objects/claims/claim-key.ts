/**
 * The key of a large value: `<kind>_<id>.<hour><hash>`, where the hour is that of the put, and the hash that of the value.
 *
 * Invariant: the same value of the same task, put again in the same hour, has the same key; put later it has another one. So a key that is
 * old is never put again, and whoever removes old keys that nobody names cannot hit a value that is just being put.
 */

import { safeName } from '../../task/ids.ts'
import { CLAIM_HOUR_MS } from '../../task/limits.ts'

export const CLAIM_KINDS = ['data', 'result'] as const
/** What the value is to its task. */
export type ClaimKind = (typeof CLAIM_KINDS)[number]

export interface ClaimKey {
  readonly kind: ClaimKind
  /** As it stands in the key: percent-encoded, and cut where it is long. */
  readonly id: string
  readonly hour: number
}

/** Keys are 220 characters at most; this leaves room for what goes around the id. */
const ID_IN_KEY_LENGTH_MAX = 160
/** In base 36: enough until the year 2100 and far beyond. */
const HOUR_DIGITS = 5
/** 128 bits: the whole hash stands in the reference. */
const HASH_DIGITS = 32
const FORM = new RegExp(
  `^(${CLAIM_KINDS.join('|')})_(.+)\\.([0-9a-z]{${HOUR_DIGITS}})[0-9a-f]{${HASH_DIGITS}}$`,
)

export function claimKey(kind: ClaimKind, id: string, sha256: string, nowMs: number): string {
  const hour = Math.floor(nowMs / CLAIM_HOUR_MS)
    .toString(36)
    .padStart(HOUR_DIGITS, '0')
  return `${claimPrefix(kind)}${safeName(id, ID_IN_KEY_LENGTH_MAX)}.${hour}${sha256.slice(0, HASH_DIGITS)}`
}

/** What all keys of a kind begin with. */
export function claimPrefix(kind: ClaimKind): string {
  return `${kind}_`
}

/** null: not the key of a large value. */
export function readClaimKey(key: string): ClaimKey | null {
  const [, kind, id, hour] = FORM.exec(key) ?? []
  if (kind === undefined || id === undefined || hour === undefined) return null
  return { kind: kind as ClaimKind, id, hour: Number.parseInt(hour, 36) }
}

/** No process whose clock is less than an hour behind can put this key any more. */
export function isSettled({ hour }: ClaimKey, nowMs: number): boolean {
  return nowMs >= (hour + 2) * CLAIM_HOUR_MS
}
