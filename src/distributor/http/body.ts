/**
 * The body of a request: bytes → text → JSON, with the limits and the words of the wire.
 *
 * Invariant: what is not complete is counted with the messages of all connections (`Intake`), so that many slow bodies together stay bounded.
 */

import type { Readable } from 'node:stream'
import { ChasquiError } from '../../task/errors.ts'
import { peerError } from '../../wire/fields.ts'
import { parseLine } from '../../wire/messages.ts'
import type { Intake } from '../intake.ts'

export interface BodyLimits {
  readonly bytesMax: number
  readonly intake: Intake
  /** Told to whom must come again because too much is under way. */
  readonly retryAfterMs: number
}

/** Throws FRAME_TOO_LARGE, RETRY_AFTER, MESSAGE_STALLED, NOT_UTF8, PARSE_ERROR, TOO_DEEP. */
export async function readBody(payload: Readable, limits: BodyLimits): Promise<unknown> {
  const { bytesMax, intake, retryAfterMs } = limits
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of payload as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      const hasRoom = intake.change(bytes, bytes + chunk.length)
      bytes += chunk.length
      if (bytes > bytesMax) throw tooLarge(bytesMax)
      if (!hasRoom) {
        throw new ChasquiError('RETRY_AFTER', 'too many large requests are under way', { retryAfterMs })
      }
    }
    return parseLine(textOf(Buffer.concat(chunks)))
  } catch (error) {
    if (error instanceof ChasquiError) throw error
    // Node's own: the peer went away.
    throw peerError('MESSAGE_STALLED', 'the request ended in the middle of its body')
  } finally {
    intake.change(bytes, 0)
  }
}

export function tooLarge(bytesMax: number): ChasquiError {
  return peerError('FRAME_TOO_LARGE', `a request may have ${bytesMax} bytes`)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function textOf(bytes: Buffer): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw peerError('NOT_UTF8', 'the body is not valid UTF-8')
  }
}
