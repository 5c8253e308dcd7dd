/**
 * Cutting what is asked into requests that the server takes. Almost everything fits in one frame, so it is written as one and only
 * cut when it turns out too long.
 *
 * Invariant: no text given here is longer than `bytesMax`; together the frames hold the whole batch, in its order.
 */

import { ChasquiError } from '../../task/errors.ts'
import { BATCH_ENTRIES_MAX } from '../../task/limits.ts'

/** What goes around the params of a request. */
const ENVELOPE_BYTES = 128

export interface Frame<Entry> {
  readonly entries: readonly Entry[]
  readonly text: string
}

/**
 * @param bytesMax longest message that the server takes
 * @param tooLarge is handed what is too large for any frame, which is then left out; without it FRAME_TOO_LARGE is thrown
 */
export function frames<Entry>(
  entries: readonly Entry[],
  write: (entries: readonly Entry[]) => string,
  bytesMax: number,
  tooLarge?: (entry: Entry) => void,
): Frame<Entry>[] {
  if (entries.length <= BATCH_ENTRIES_MAX) {
    const text = write(entries)
    if (fits(text, bytesMax - ENVELOPE_BYTES)) return [{ entries, text }]
  }
  if (entries.length <= 1) {
    if (tooLarge === undefined) {
      throw new ChasquiError('FRAME_TOO_LARGE', `the message would be longer than ${bytesMax} bytes`)
    }
    tooLarge(entries[0]!)
    return []
  }
  const half = entries.length >> 1
  return [
    ...frames(entries.slice(0, half), write, bytesMax, tooLarge),
    ...frames(entries.slice(half), write, bytesMax, tooLarge),
  ]
}

/** A UTF-16 unit takes at most three bytes, so that short texts need not be measured. */
function fits(text: string, bytesMax: number): boolean {
  return text.length * 3 <= bytesMax || (text.length <= bytesMax && Buffer.byteLength(text) <= bytesMax)
}
