/**
 * A token: `chq_<id>_<secret>`. The id finds its entry, the secret proves it. Of the secret only a hash is kept, keyed with a salt of its own.
 *
 * A fast hash is enough, and a slow one would be a gift to whoever wants to keep the processor busy: secrets are 256 random bits that
 * only `createToken` makes, so there is nothing to guess.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const ID_BYTES = 9
const SECRET_BYTES = 32
const SALT_BYTES = 32
const FORM = /^chq_([A-Za-z0-9-]{12})_([A-Za-z0-9_-]{43})$/

export interface TokenProof {
  readonly salt: string
  readonly hash: string
}

export interface NewToken extends TokenProof {
  readonly id: string
  /** Shown once and kept nowhere. */
  readonly token: string
}

export function createToken(): NewToken {
  // An underscore ends the id.
  const id = randomBytes(ID_BYTES).toString('base64url').replaceAll('_', '-')
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  const salt = randomBytes(SALT_BYTES).toString('base64url')
  return { id, token: `chq_${id}_${secret}`, salt, hash: digest(secret, salt).toString('base64url') }
}

/** Null: nothing that could be a token. */
export function readToken(text: string): { readonly id: string; readonly secret: string } | null {
  const [, id, secret] = FORM.exec(text) ?? []
  return id === undefined || secret === undefined ? null : { id, secret }
}

/** Takes the same time whatever is wrong. */
export function isProof(secret: string, { salt, hash }: TokenProof): boolean {
  const expected = Buffer.from(hash, 'base64url')
  const found = digest(secret, salt)
  return expected.length === found.length && timingSafeEqual(expected, found)
}

/** What a secret is held against where no such token is known, so that this takes no less time. */
export const NO_PROOF: TokenProof = {
  salt: randomBytes(SALT_BYTES).toString('base64url'),
  hash: randomBytes(SECRET_BYTES).toString('base64url'),
}

function digest(secret: string, salt: string): Buffer {
  return createHmac('sha256', Buffer.from(salt, 'base64url')).update(secret).digest()
}
