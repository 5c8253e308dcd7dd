/**
 * Bytes → messages, for connections that have not shown that they speak JSON-RPC: the seed's clients send one JSON object, perhaps
 * without a newline, perhaps many in one packet, perhaps byte by byte. A message is taken the moment its object is complete.
 *
 * Framing rules:
 *  - White space between messages means nothing.
 *  - An object ends with its closing brace. A line feed inside it ends it too, broken as it is, for then the sender has
 *    finished a line that is not JSON; except where the line began with `{` and nothing else: that is pretty-printed JSON and goes on.
 *  - Anything else is a line and ends with its line feed.
 *
 * Invariants: each byte is looked at once; memory is bounded by twice `frameBytesMax` plus one chunk; nothing recurses.
 */

import { isUtf8 } from 'node:buffer'
import { ChasquiError } from '../task/errors.ts'

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const EMPTY = Buffer.alloc(0)
const REST_BYTES_MIN = 512

export interface BareScannerOptions {
  /** Longest message, in bytes. */
  readonly frameBytesMax: number
  /** One message. Objects are complete as far as their braces tell; lines come without their LF. */
  readonly onMessage: (text: string) => void
  /** As for the line reader: NOT_UTF8 concerns one message, after FRAME_TOO_LARGE the scanner is stopped. */
  readonly onFault: (error: ChasquiError) => void
  /** Asked before each message; after a no the rest of the chunk is left. Default: always. */
  readonly mayGoOn?: () => boolean
}

/** Between messages, within an object (or a string of it), or within a line that is no object. */
type Mode = 'between' | 'object' | 'string' | 'line'

export class BareScanner {
  readonly #options: BareScannerOptions
  #mode: Mode = 'between'
  /** Open braces and brackets of the object. */
  #depth = 0
  /** The byte before was a backslash within a string. */
  #escaped = false
  /** Only `{` and white space so far in the object: a line feed now makes it a pretty-printed one. */
  #bare = false
  #pretty = false
  #rest: Buffer = EMPTY
  #restBytes = 0
  #stopped = false

  #frameBytesMax: number

  constructor(options: BareScannerOptions) {
    this.#frameBytesMax = options.frameBytesMax
    this.#options = options
  }

  /** Bytes of a message that was begun and is not complete. */
  get pendingBytes(): number {
    return this.#restBytes
  }

  /** No further messages, not even those of a chunk that is being read. */
  stop(): void {
    this.#stopped = true
    this.#rest = EMPTY
    this.#restBytes = 0
  }

  /** @returns how many bytes were used: fewer than there are when `stop` was called, or going on was not allowed, on the way. */
  /** From the next bytes on. */
  set frameBytesMax(bytes: number) {
    this.#frameBytesMax = bytes
  }

  push(chunk: Buffer): number {
    let from = 0
    let at = 0
    while (at < chunk.length && !this.#stopped) {
      if (this.#mode === 'between' && this.#options.mayGoOn?.() === false) return at
      at = this.#scan(chunk, at)
      if (this.#mode === 'between') {
        // A message ends before `at`, or there was nothing but white space.
        this.#take(chunk.subarray(from, at))
        from = at
      } else if (this.#restBytes + at - from > this.#frameBytesMax) {
        this.#tooLarge()
      }
    }
    if (!this.#stopped) this.#keep(chunk.subarray(from))
    return at
  }

  /** Looks at bytes from `at` until a message ends (mode `between`) or the chunk does. @returns where it stopped. */
  #scan(chunk: Buffer, at: number): number {
    switch (this.#mode) {
      case 'between':
        return this.#scanBetween(chunk, at)
      case 'object':
        return this.#scanObject(chunk, at)
      case 'string':
        return this.#scanString(chunk, at)
      case 'line':
        return this.#scanLine(chunk, at)
    }
  }

  #scanBetween(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && isWhiteSpace(chunk[at]!)) at++
    if (at === chunk.length) return at
    if (chunk[at] === OPEN_BRACE) {
      this.#mode = 'object'
      this.#depth = 1
      this.#bare = true
      this.#pretty = false
      return at + 1
    }
    this.#mode = 'line'
    return at
  }

  #scanObject(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (byte === LF) {
        if (this.#bare) this.#pretty = true
        if (!this.#pretty) return this.#end(at + 1)
      } else if (byte === QUOTE) {
        this.#bare = false
        this.#mode = 'string'
        return at + 1
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#bare = false
        this.#depth++
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth--
        if (this.#depth === 0) return this.#end(at + 1)
      } else if (this.#bare && !isWhiteSpace(byte)) this.#bare = false
    }
    return chunk.length
  }

  #scanString(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!
      // JSON has no raw line feed in a string: whatever this was, it ends here.
      if (byte === LF) return this.#end(at + 1)
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH) this.#escaped = true
      else if (byte === QUOTE) {
        this.#mode = 'object'
        return at + 1
      }
    }
    return chunk.length
  }

  #scanLine(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from)
    return lf === -1 ? chunk.length : this.#end(lf + 1)
  }

  #end(at: number): number {
    this.#mode = 'between'
    this.#escaped = false
    return at
  }

  #take(last: Buffer): void {
    const message =
      this.#restBytes === 0 ? last : Buffer.concat([this.#rest.subarray(0, this.#restBytes), last])
    this.#rest = EMPTY
    this.#restBytes = 0
    if (message.length > this.#frameBytesMax) {
      this.#tooLarge()
      return
    }
    if (!isUtf8(message)) {
      this.#options.onFault(new ChasquiError('NOT_UTF8', 'a message is not valid UTF-8'))
      return
    }
    const text = message.toString('utf8').trim()
    if (text !== '') this.#options.onMessage(text)
  }

  #keep(part: Buffer): void {
    // White space between messages is no message that was begun.
    if (this.#mode === 'between') return
    const bytes = this.#restBytes + part.length
    if (bytes > this.#rest.length) {
      const grown = Buffer.allocUnsafe(Math.max(REST_BYTES_MIN, 2 * bytes))
      this.#rest.copy(grown, 0, 0, this.#restBytes)
      this.#rest = grown
    }
    part.copy(this.#rest, this.#restBytes)
    this.#restBytes = bytes
  }

  #tooLarge(): void {
    const { onFault } = this.#options
    const frameBytesMax = this.#frameBytesMax
    this.stop()
    onFault(
      new ChasquiError('FRAME_TOO_LARGE', `a message is longer than ${frameBytesMax} bytes`, {
        details: { frameBytesMax },
      }),
    )
  }
}

function isWhiteSpace(byte: number): boolean {
  return byte === SPACE || byte === LF || byte === TAB || byte === CR
}
