/** Where a page of a list ended, as callers see it: opaque, and refused when it is not one that was given. Shared by the engines with sequence numbers. */

import { ChasquiError } from '../task/errors.ts'

export function writeCursor(seq: number): string {
  return seq.toString(36)
}

/** @throws ChasquiError INVALID_PARAMS */
export function readCursor(cursor: string): number {
  const seq = Number.parseInt(cursor, 36)
  if (!Number.isSafeInteger(seq) || writeCursor(seq) !== cursor) {
    throw new ChasquiError('INVALID_PARAMS', 'cursor is not one that task.list gave')
  }
  return seq
}
