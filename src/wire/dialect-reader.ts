/**
 * Bytes → messages for a server, which learns by listening what a connection speaks: until it has spoken JSON-RPC its bytes are
 * looked at one by one (bare-scanner.ts), from then on line by line (line-reader.ts), which is faster.
 *
 * Invariant: no byte is lost or read twice when the reader changes in the middle of a chunk.
 */

import type { ChasquiError } from '../task/errors.ts'
import { BareScanner } from './bare-scanner.ts'
import { LineReader } from './line-reader.ts'

export interface DialectReaderOptions {
  readonly frameBytesMax: number
  readonly onMessage: (text: string) => void
  /** NOT_UTF8: one message was left out. FRAME_TOO_LARGE: the reader is stopped. */
  readonly onFault: (error: ChasquiError) => void
}

export class DialectReader {
  readonly #lines: LineReader
  #scanner: BareScanner | null

  constructor({ frameBytesMax, onMessage, onFault }: DialectReaderOptions) {
    this.#scanner = new BareScanner({ frameBytesMax, onMessage, onFault })
    this.#lines = new LineReader({ frameBytesMax, onLine: onMessage, onFault })
  }

  get pendingBytes(): number {
    return this.#scanner === null ? this.#lines.pendingBytes : this.#scanner.pendingBytes
  }

  /** The connection has shown that it speaks JSON-RPC. May be called from within `onMessage`. */
  speakLines(): void {
    this.#scanner?.stop()
    this.#scanner = null
  }

  /** No further messages. May be called from within `onMessage`. */
  stop(): void {
    this.#scanner?.stop()
    this.#lines.stop()
  }

  push(chunk: Buffer): void {
    if (this.#scanner === null) {
      this.#lines.push(chunk)
      return
    }
    const used = this.#scanner.push(chunk)
    if (this.#scanner === null && used < chunk.length) this.#lines.push(chunk.subarray(used))
  }
}
