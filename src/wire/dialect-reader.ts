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
  /** Asked before each message; after a no the rest waits for `goOn`. Default: always. */
  readonly mayGoOn?: () => boolean
}

const EMPTY = Buffer.alloc(0)

export class DialectReader {
  readonly #lines: LineReader
  #scanner: BareScanner | null
  /** Bytes that the scanner left. */
  #unread: Buffer = EMPTY
  #stopped = false

  constructor({ onMessage, ...options }: DialectReaderOptions) {
    this.#scanner = new BareScanner({ onMessage, ...options })
    this.#lines = new LineReader({ onLine: onMessage, ...options })
  }

  /** Bytes of a message that was begun and is not complete. */
  get pendingBytes(): number {
    return this.#scanner === null ? this.#lines.pendingBytes : this.#scanner.pendingBytes
  }

  /** Bytes that came wait for `goOn`. */
  get isBehind(): boolean {
    return this.#unread.length > 0 || this.#lines.isBehind
  }

  /** From the next bytes on. */
  set frameBytesMax(bytes: number) {
    if (this.#scanner !== null) this.#scanner.frameBytesMax = bytes
    this.#lines.frameBytesMax = bytes
  }

  /** The connection has shown that it speaks JSON-RPC. May be called from within `onMessage`. */
  speakLines(): void {
    this.#scanner?.stop()
    this.#scanner = null
  }

  /** No further messages. May be called from within `onMessage`. */
  stop(): void {
    this.#stopped = true
    this.#unread = EMPTY
    this.#scanner?.stop()
    this.#lines.stop()
  }

  push(chunk: Buffer): void {
    if (this.#unread.length > 0) {
      this.#unread = Buffer.concat([this.#unread, chunk])
      return
    }
    if (this.#scanner === null) {
      this.#lines.push(chunk)
      return
    }
    const used = this.#scanner.push(chunk)
    if (used === chunk.length || this.#stopped) return
    if (this.#scanner === null) this.#lines.push(chunk.subarray(used))
    else this.#unread = chunk.subarray(used)
  }

  /** Gives what waits. */
  goOn(): void {
    const unread = this.#unread
    this.#unread = EMPTY
    if (unread.length > 0) this.push(unread)
    else this.#lines.goOn()
  }
}
