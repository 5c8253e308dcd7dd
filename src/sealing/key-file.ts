/**
 * Encryption keys in a file that only its owner may read, as `chasqui keys` writes it. It is read again when it changes, so that a new key can
 * be handed out while everything runs.
 *
 * Invariants: no error repeats any part of the file; a file that was spoilt meanwhile changes nothing.
 */

import { randomBytes } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { ChasquiError } from '../task/errors.ts'
import { SEALING_KEY_BYTES, SEALING_KEY_FILE_LOOK_MS } from '../task/limits.ts'
import { checkKeyRing, type KeyRing, type KeySource } from './key-ring.ts'

/** @throws ChasquiError CONFIG_INVALID when it cannot be used now */
export function keyFile(path: string): KeySource {
  let seen = look(path)
  let ring = readKeyFile(path)
  let lookedAtMs = performance.now()
  const refresh = () => {
    lookedAtMs = performance.now()
    try {
      const now = look(path)
      if (isSame(now, seen)) return ring
      ring = readKeyFile(path)
      seen = now
    } catch {
      // It is being replaced, or was spoilt: what is in use stays.
    }
    return ring
  }
  return {
    current: () => (performance.now() - lookedAtMs < SEALING_KEY_FILE_LOOK_MS ? ring : refresh()),
    refresh,
  }
}

/** @throws ChasquiError CONFIG_INVALID */
export function readKeyFile(path: string): KeyRing {
  const { mode } = look(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw unusable(path, `others may read it (mode ${(mode & 0o777).toString(8)}): chmod 600`)
  }
  return parseKeyFile(textOf(path), path)
}

/** `{"version": 1, "write": "k2", "keys": {"k1": "BASE64", "k2": "BASE64"}}` */
export function parseKeyFile(text: string, path: string): KeyRing {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    // Its message would show a piece of the text; so it is no cause either.
    throw unusable(path, 'it is not JSON')
  }
  const { version, write, keys, ...rest } = (file ?? {}) as Record<string, unknown>
  if (version !== 1 || typeof write !== 'string' || typeof keys !== 'object' || keys === null) {
    throw unusable(path, 'it must be {"version": 1, "write": ID, "keys": {ID: BASE64, …}}')
  }
  if (Object.keys(rest).length > 0) throw unusable(path, 'it has fields that this version does not know')
  const read = Object.entries(keys).map(([id, key]): [string, Uint8Array] => [id, bytesOf(key)])
  try {
    return checkKeyRing({ write, keys: new Map(read) })
  } catch (error) {
    throw unusable(path, (error as Error).message.replace(/^.*cannot be used: /, ''))
  }
}

export function formatKeyFile({ write, keys }: KeyRing): string {
  const written = [...keys].map(([id, key]) => [id, Buffer.from(key).toString('base64')])
  return `${JSON.stringify({ version: 1, write, keys: Object.fromEntries(written) }, null, 2)}\n`
}

/** A new key, from the system's own source of randomness. */
export function createKey(): Uint8Array {
  return new Uint8Array(randomBytes(SEALING_KEY_BYTES))
}

function bytesOf(key: unknown): Uint8Array {
  // Node would stop at the first wrong character and take what comes before it. A wrong length is told by whoever looks at all of them.
  const isBase64 = typeof key === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(key)
  return isBase64 ? new Uint8Array(Buffer.from(key, 'base64')) : new Uint8Array(0)
}

function look(path: string): Stats {
  return told(path, () => statSync(path))
}

function textOf(path: string): string {
  return told(path, () => readFileSync(path, 'utf8'))
}

function told<Result>(path: string, read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw unusable(path, code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`)
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return a.mtimeMs === b.mtimeMs && a.ino === b.ino && a.size === b.size
}

function unusable(path: string, why: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `the encryption keys in ${path} cannot be used: ${why}`)
}
