/**
 * A small secret file that a command changes.
 *
 * Invariants: it is replaced as a whole, so that no reader ever sees half of it; it stays readable by its owner only; two commands at a time do
 * not lose each other's change.
 */

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { ChasquiError } from '../task/errors.ts'

/**
 * @param what it holds, for messages: `the tokens`
 * @param change reads what is there and answers with the text to put in its place
 * @throws ChasquiError CONFIG_INVALID: it cannot be written, or somebody else is at it
 */
export function replaceFile<Result>(
  path: string,
  what: string,
  change: () => { readonly text: string; readonly result: Result },
): Result {
  const draft = `${path}.new`
  const handle = openDraft(draft, what)
  try {
    const { text, result } = change()
    writeFileSync(handle, text)
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
function openDraft(draft: string, what: string): number {
  try {
    return openSync(draft, 'wx', 0o600)
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    const why = isTaken
      ? `${draft} is there: another command is changing ${what}, or one was ended in the middle; then delete it`
      : `${what} cannot be written: ${(cause as Error).message}`
    throw new ChasquiError('CONFIG_INVALID', why, { cause })
  }
}
