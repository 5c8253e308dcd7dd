/** Bytes of an archive → its lines, a block at a time, in memory that one line and one chunk bound. */

import { ARCHIVE_LINE_LENGTH_MAX } from '../task/limits.ts'
import { invalid } from './transcript.ts'

const LF = 0x0a

export interface LineBlock {
  readonly lines: readonly string[]
  /** Where the last of them ends, its LF included. */
  readonly endsAtByte: number
}

/** What comes after the last LF is told as `rest`, at the end: an archive has none. */
export async function* lineBlocks(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<LineBlock, { readonly restBytes: number }> {
  let pieces: Buffer[] = []
  let pieceBytes = 0
  let endsAtByte = 0
  for await (const chunk of chunks) {
    const lastLf = chunk.lastIndexOf(LF)
    if (lastLf >= 0) {
      const block = Buffer.concat([...pieces, chunk.subarray(0, lastLf)])
      endsAtByte += block.length + 1
      pieces = []
      pieceBytes = 0
      yield { lines: block.toString('utf8').split('\n'), endsAtByte }
    }
    const rest = chunk.subarray(lastLf + 1)
    if (rest.length === 0) continue
    pieces.push(rest)
    pieceBytes += rest.length
    if (pieceBytes > ARCHIVE_LINE_LENGTH_MAX) {
      throw invalid(`${name} has a line of more than ${ARCHIVE_LINE_LENGTH_MAX} bytes`)
    }
  }
  return { restBytes: pieceBytes }
}
