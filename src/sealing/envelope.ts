/**
 * One text, sealed and opened: AES-256-GCM under a key of its own, with a nonce that follows from what is sealed.
 *
 *   envelope = `1.KEYID.` + base64url(nonce, 12 bytes · ciphertext · tag, 16 bytes)
 *   bound    = JSON of ["chasqui", 1, KEYID, kind, id of the task, type]
 *   key      = HMAC-SHA256(K, "chasqui/1 key\n" + bound)
 *   nonce    = the first 12 bytes of HMAC-SHA256(K, "chasqui/1 nonce\n" + bound + "\n" + plain text)
 *   GCM's additional data = bound
 *
 * The nonce is a synthetic one: Rogaway and Shrimpton, "Deterministic Authenticated-Encryption" (EUROCRYPT 2006), as in SIV (RFC 5297) and
 * AES-GCM-SIV (RFC 8452). So the same text sealed again for the same task is the same envelope, and two texts share a nonce only by a
 * collision of 96 bits within one task. docs/decisions/0041 says why this is so and what it tells an observer.
 */

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { ChasquiError } from '../task/errors.ts'

export const SEAL_VERSION = '1'

/** Which task, and which of its parts: an envelope that was moved elsewhere does not open. */
export interface Bound {
  readonly kind: 'data' | 'result' | 'text'
  readonly id: string
  /** '' where it is not known to the reader (texts). */
  readonly type: string
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
const ALGORITHM = 'aes-256-gcm'

/** Characters that sealing adds at most, and how much it lengthens what it seals. */
export const sealedLength = (bytes: number, keyId: string): number =>
  SEAL_VERSION.length + keyId.length + 2 + Math.ceil(((bytes + NONCE_BYTES + TAG_BYTES) * 4) / 3)

export function seal(plain: string, keyId: string, key: Uint8Array, bound: Bound): string {
  const about = boundText(keyId, bound)
  const nonce = createHmac('sha256', key)
    .update(`chasqui/${SEAL_VERSION} nonce\n${about}\n`)
    .update(plain)
    .digest()
    .subarray(0, NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, ownKey(key, about), nonce)
  cipher.setAAD(Buffer.from(about))
  const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${SEAL_VERSION}.${keyId}.${sealed.toString('base64url')}`
}

/**
 * @param keyOf undefined for a key that is not known
 * @throws ChasquiError KEY_UNKNOWN, DECRYPT_FAILED
 */
export function open(
  envelope: string,
  keyOf: (keyId: string) => Uint8Array | undefined,
  bound: Bound,
): string {
  const parts = envelope.split('.')
  const [version, keyId, body] = parts
  if (version !== SEAL_VERSION || parts.length !== 3) {
    throw new ChasquiError('DECRYPT_FAILED', `${of(bound)} is in an envelope that this version does not know`)
  }
  const key = keyOf(keyId!)
  if (key === undefined) {
    throw new ChasquiError(
      'KEY_UNKNOWN',
      `${of(bound)} is encrypted with key "${shown(keyId!)}", which is not here`,
    )
  }
  const about = boundText(keyId!, bound)
  const bytes = Buffer.from(body!, 'base64url')
  try {
    if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('it is too short')
    const options = { authTagLength: TAG_BYTES }
    const decipher = createDecipheriv(ALGORITHM, ownKey(key, about), bytes.subarray(0, NONCE_BYTES), options)
    decipher.setAAD(Buffer.from(about))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const plain = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([plain, decipher.final()]).toString('utf8')
  } catch (cause) {
    const why = 'it was altered, belongs to another task, or another key has this id'
    throw new ChasquiError(
      'DECRYPT_FAILED',
      `${of(bound)} cannot be decrypted with key "${shown(keyId!)}": ${why}`,
      { cause },
    )
  }
}

/** One line, so that what follows it in the nonce begins at one place only. */
function boundText(keyId: string, { kind, id, type }: Bound): string {
  return JSON.stringify(['chasqui', Number(SEAL_VERSION), keyId, kind, id, type])
}

function ownKey(key: Uint8Array, about: string): Buffer {
  return createHmac('sha256', key).update(`chasqui/${SEAL_VERSION} key\n${about}`).digest()
}

function of({ kind, id }: Bound): string {
  return `the ${kind} of task ${id}`
}

/** It came from elsewhere. */
function shown(keyId: string): string {
  return keyId.replaceAll(/[^A-Za-z0-9_-]/g, '?').slice(0, 64)
}
