/**
 * The tokens file as `chasqui token` changes it.
 *
 * Invariants: it is replaced as a whole, so that no reader ever sees half of it; it stays readable by its owner only; two commands at a time do not
 * lose each other's change.
 */

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { EMPTY_TOKEN_FILE, formatTokenFile, type TokenFile } from '../distributor/access/token-file.ts'
import { ChasquiError } from '../task/errors.ts'
import { loadTokenFile } from './load-access.ts'

/** An empty one where there is none. @throws ChasquiError CONFIG_INVALID */
export function readTokens(path: string): TokenFile {
  return existsSync(path) ? loadTokenFile(path) : EMPTY_TOKEN_FILE
}

/** @throws ChasquiError CONFIG_INVALID: it cannot be read or written, or somebody else is at it */
export function changeTokens<Result>(
  path: string,
  change: (file: TokenFile) => { file: TokenFile; result: Result },
): Result {
  const draft = `${path}.new`
  const handle = openDraft(draft)
  try {
    const { file, result } = change(readTokens(path))
    writeFileSync(handle, formatTokenFile(file))
    fsyncSync(handle)
    renameSync(draft, path)
    return result
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  } finally {
    closeSync(handle)
  }
}

/** It is the lock, too. */
function openDraft(draft: string): number {
  try {
    return openSync(draft, 'wx', 0o600)
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    const why = isTaken
      ? `${draft} is there: another command is changing the tokens, or one was ended in the middle; then delete it`
      : `the tokens cannot be written: ${(cause as Error).message}`
    throw new ChasquiError('CONFIG_INVALID', why, { cause })
  }
}
