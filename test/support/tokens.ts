/** Identities for tests: a tokens file with one token each, and the tokens themselves. */

import { Access } from '../../src/distributor/access/access.ts'
import type { Grant, IdentityLimits } from '../../src/distributor/access/rights.ts'
import { createToken } from '../../src/distributor/access/token.ts'
import { formatTokenFile, parseTokenFile, type TokenFile } from '../../src/distributor/access/token-file.ts'

export interface Wanted {
  readonly roles?: readonly string[]
  readonly grants?: readonly Grant[]
  readonly expiresAt?: string
  readonly limits?: IdentityLimits
}

export interface Issued {
  /** The secret, by name. */
  readonly tokens: Readonly<Record<string, string>>
  readonly file: TokenFile
  readonly access: Access
}

export function issue(
  wanted: Readonly<Record<string, Wanted>>,
  rest: Partial<Pick<TokenFile, 'anonymous' | 'certificates' | 'roles'>> = {},
): Issued {
  const tokens: Record<string, string> = {}
  const entries = Object.entries(wanted).map(
    ([name, { roles = [], grants = [], expiresAt = null, limits = {} }]) => {
      const { token, ...proof } = createToken()
      tokens[name] = token
      return { ...proof, name, roles, grants, createdAt: '2026-01-31T12:00:00Z', expiresAt, limits }
    },
  )
  const written = { roles: {}, certificates: [], anonymous: [], ...rest, tokens: entries }
  // Through the form that is on disk, so that every test reads it.
  const file = parseTokenFile(formatTokenFile(written), 'the tokens of this test')
  return { tokens, file, access: new Access({ file }) }
}
