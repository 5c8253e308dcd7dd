/**
 * The token of whoever connects: as it was given, or from a file (`@FILE`), which keeps it out of lists of processes and histories of shells.
 *
 * Invariant: no error repeats a token.
 */

import { readFileSync } from 'node:fs'
import { ChasquiError } from '../task/errors.ts'
import type { Settings } from './settings.ts'

/** For `connect` and its like. @throws ChasquiError CONFIG_INVALID */
export function ownToken({ token }: Settings): { readonly token?: string } {
  if (token === undefined) return {}
  if (!token.startsWith('@')) return { token }
  const path = token.slice(1)
  try {
    return { token: readFileSync(path, 'utf8').trim() }
  } catch (cause) {
    throw new ChasquiError(
      'CONFIG_INVALID',
      `the token cannot be read from ${path}: ${(cause as Error).message}`,
      { cause },
    )
  }
}
