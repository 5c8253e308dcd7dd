/**
 * Bytes of a socket → lines of text. The first stage of whoever speaks JSON-RPC: clients, workers, and the server once a
 * connection has shown that it speaks it.
 *
 * Invariants: every line is given exactly once and in order, however the bytes were cut; memory is bounded by twice
 * `frameBytesMax` plus one chunk; time is linear in the bytes, also for a long message in small pieces.
 */

import { isUtf8 } from 'node:buffer'
import { ChasquiError } from '../task/errors.ts'

const LF = 0x0a
const SPACE = 0x20
const EMPTY = Buffer.alloc(0)
const REST_BYTES_MIN = 4096

export interface LineReaderOptions {
  /** Longest line, in bytes, its LF not counted. */
  readonly frameBytesMax: number
  /** One line without its LF. Lines of white space only are left out. */
  readonly onLine: (text: string) => void
  /**
   * NOT_UTF8: one line was left out, reading goes on, for the LF still tells where the next one begins.
   * FRAME_TOO_LARGE: framing is lost; the reader is stopped.
   */
  readonly onFault: (error: ChasquiError) => void
  /** Asked before each line; after a no the rest waits for `goOn`. Default: always. */
  readonly mayGoOn?: () => boolean
}

/** A line that is none: where it stood, so that faults come in the order of the bytes. */
const NOT_UTF8 = Symbol('not UTF-8')
const TOO_LARGE = Symbol('too large')

export class LineReader {
  #frameBytesMax: number
  readonly #onLine: (text: string) => void
  readonly #onFault: (error: ChasquiError) => void
  readonly #mayGoOn: () => boolean
  /** Lines of the last chunk; those before `#next` are given. */
  #lines: readonly (string | symbol)[] = []
  #next = 0
  /** Bytes that come after those lines. */
  #unread: Buffer = EMPTY
  /** What came after the last LF: the first `#restBytes` bytes of a buffer that doubles. */
  #rest: Buffer = EMPTY
  #restBytes = 0
  #stopped = false

  constructor(options: LineReaderOptions) {
    this.#frameBytesMax = options.frameBytesMax
    this.#onLine = options.onLine
    this.#onFault = options.onFault
    this.#mayGoOn = options.mayGoOn ?? (() => true)
  }

  /** Bytes of a line that was begun and is not complete. */
  get pendingBytes(): number {
    return this.#restBytes
  }

  /** From the next bytes on. */
  set frameBytesMax(bytes: number) {
    this.#frameBytesMax = bytes
  }

  /** Complete lines wait for `goOn`. */
  get isBehind(): boolean {
    return this.#next < this.#lines.length
  }

  /** No further lines, not even those of a chunk that is being read. */
  stop(): void {
    this.#stopped = true
    this.#lines = []
    this.#next = 0
    this.#unread = EMPTY
    this.#forget()
  }

  push(chunk: Buffer): void {
    if (this.#stopped) return
    if (this.isBehind) {
      this.#unread = Buffer.concat([this.#unread, chunk])
      return
    }
    const lastLf = chunk.lastIndexOf(LF)
    if (lastLf === -1) {
      this.#keep(chunk)
      return
    }
    let block = chunk.subarray(0, lastLf)
    if (this.#restBytes > 0) {
      block = Buffer.concat([this.#rest.subarray(0, this.#restBytes), block])
      this.#forget()
    }
    this.#unread = chunk.subarray(lastLf + 1)
    // A block no longer than one line may be has no line that is too long, and one check tells that all are UTF-8.
    const isPlain = block.length <= this.#frameBytesMax && isUtf8(block)
    this.#lines = isPlain ? block.toString('utf8').split('\n') : this.#splitOneByOne(block)
    this.goOn()
  }

  /** Gives what waits. */
  goOn(): void {
    while (this.#next < this.#lines.length) {
      if (!this.#mayGoOn()) return
      this.#give(this.#lines[this.#next++]!)
    }
    this.#lines = []
    this.#next = 0
    const unread = this.#unread
    this.#unread = EMPTY
    if (unread.length > 0) this.push(unread)
  }

  #give(line: string | symbol): void {
    if (line === NOT_UTF8) this.#onFault(new ChasquiError('NOT_UTF8', 'a line is not valid UTF-8'))
    else if (line === TOO_LARGE) this.#tooLarge()
    else if (typeof line === 'string' && (line.charCodeAt(0) > SPACE || line.trim() !== ''))
      this.#onLine(line)
  }

  #keep(part: Buffer): void {
    if (this.#stopped) return
    const bytes = this.#restBytes + part.length
    if (bytes > this.#frameBytesMax) {
      this.#tooLarge()
      return
    }
    if (bytes > this.#rest.length) {
      // Copied rather than kept: a buffer object for each single byte of a slow writer would be two hundred times its data.
      const grown = Buffer.allocUnsafe(Math.max(REST_BYTES_MIN, 2 * bytes))
      this.#rest.copy(grown, 0, 0, this.#restBytes)
      this.#rest = grown
    }
    part.copy(this.#rest, this.#restBytes)
    this.#restBytes = bytes
  }

  #forget(): void {
    this.#rest = EMPTY
    this.#restBytes = 0
  }

  #splitOneByOne(block: Buffer): (string | symbol)[] {
    const lines: (string | symbol)[] = []
    let from = 0
    while (from <= block.length) {
      const lf = block.indexOf(LF, from)
      const line = block.subarray(from, lf === -1 ? block.length : lf)
      from += line.length + 1
      if (line.length > this.#frameBytesMax) return [...lines, TOO_LARGE]
      lines.push(isUtf8(line) ? line.toString('utf8') : NOT_UTF8)
    }
    return lines
  }

  #tooLarge(): void {
    this.stop()
    this.#onFault(
      new ChasquiError('FRAME_TOO_LARGE', `a message is longer than ${this.#frameBytesMax} bytes`, {
        details: { frameBytesMax: this.#frameBytesMax },
      }),
    )
  }
}
