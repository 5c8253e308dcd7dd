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
  return token === undefined ? {} : { token: readSecret(token, 'the token') }
}

/** As it was given, or from `@FILE`. @param what it is, for the sentence that says that it cannot be read */
export function readSecret(given: string, what: string): string {
  if (!given.startsWith('@')) return given
  const path = given.slice(1)
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new ChasquiError(
      'CONFIG_INVALID',
      `${what} cannot be read from ${path}: ${(cause as Error).message}`,
      { cause },
    )
  }
}
