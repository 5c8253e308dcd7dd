/**
 * Keys by their ids: one that seals, and all that still open. Rotation is adding a key, letting it seal, and taking the old one away when nothing
 * that it sealed is kept any more.
 *
 * Invariant: no error repeats any part of a key.
 */

import { ChasquiError } from '../task/errors.ts'
import { SEALING_KEY_BYTES, SEALING_KEYS_MAX } from '../task/limits.ts'

export interface KeyRing {
  /** The id of the key that seals. */
  readonly write: string
  /** By id, 32 random bytes each: letters, digits, `_` and `-` make an id, up to 64 of them. */
  readonly keys: ReadonlyMap<string, Uint8Array>
}

/** Where keys come from that may change while a program runs: `keyFile`. */
export interface KeySource {
  current(): KeyRing
  /** A key is asked for that is not there: look again, if that could help. */
  refresh(): KeyRing
}

const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/

export function isKeyId(id: string): boolean {
  return KEY_ID.test(id)
}

/** @throws ChasquiError CONFIG_INVALID */
export function checkKeyRing({ write, keys }: KeyRing): KeyRing {
  if (keys.size > SEALING_KEYS_MAX) throw unusable(`there are more than ${SEALING_KEYS_MAX}`)
  for (const [id, key] of keys) {
    if (!isKeyId(id)) throw unusable('an id is up to 64 letters, digits, _ and -')
    if (!(key instanceof Uint8Array) || key.length !== SEALING_KEY_BYTES) {
      throw unusable(`key "${id}" does not have ${SEALING_KEY_BYTES} bytes`)
    }
  }
  if (!keys.has(write)) throw unusable(`the key that seals, "${write}", is not among them`)
  return { write, keys: new Map(keys) }
}

function unusable(why: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `the encryption keys cannot be used: ${why}`)
}
