/**
 * What goes out on one socket: lines that were said in one turn of the loop leave in one `write`. One write a turn instead of one a line
 * is worth a factor of two in replies per second, and keeps lines of one turn in one packet.
 *
 * It counts what waits (its own text and what the socket has not handed to the kernel) and says when that is more than the
 * limit. It drops nothing and refuses nothing: the owner stops producing, or closes the connection after its deadline.
 *
 * Invariants: lines leave in the order of `send`; a line is never split by another; after the socket is gone `send` does nothing.
 */

import type { Socket } from 'node:net'
import { OUTBOX_WRITE_LENGTH_MAX } from '../task/limits.ts'

export interface OutboxOptions {
  /** More than this waiting means `congested`. */
  readonly bytesMax: number
  /** Called when the outbox becomes congested; once until it has drained. May be called from within `send`. */
  readonly onCongested?: () => void
  /** Called when at most half of `bytesMax` is left waiting after a congestion. */
  readonly onDrained?: () => void
}

export class Outbox {
  readonly #socket: Socket
  readonly #bytesMax: number
  readonly #onCongested: (() => void) | undefined
  readonly #onDrained: (() => void) | undefined
  #text = ''
  #scheduled = false
  #congested = false

  constructor(socket: Socket, options: OutboxOptions) {
    this.#socket = socket
    this.#bytesMax = options.bytesMax
    this.#onCongested = options.onCongested
    this.#onDrained = options.onDrained
  }

  /** Says one line, given without its LF (and without any other inside). It leaves at the end of this turn or at `flush`. */
  send(text: string): void {
    this.#text += text
    this.#text += '\n'
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(this.#flushTurn)
    }
    // Looked at before the text leaves: the write that follows then brings the end of the congestion.
    if (!this.#congested && this.bytesWaiting > this.#bytesMax) {
      this.#congested = true
      this.#onCongested?.()
    }
    if (this.#text.length > OUTBOX_WRITE_LENGTH_MAX) this.flush()
  }

  /** Hands what was said so far to the socket now, for an owner that knows that its turn is over. */
  flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    if (!this.#socket.writable) return
    // A buffer and not a string, so that `writableLength` counts bytes. The callback is only paid for while there is a congestion to end.
    this.#socket.write(Buffer.from(text), this.#congested ? this.#written : undefined)
  }

  /** Bytes that the kernel has not taken yet; text of the current turn counts by its characters. */
  get bytesWaiting(): number {
    return this.#text.length + this.#socket.writableLength
  }

  get congested(): boolean {
    return this.#congested
  }

  /** Flushes and ends the socket's writing side. */
  end(): void {
    this.flush()
    this.#socket.end()
  }

  readonly #flushTurn = (): void => {
    this.#scheduled = false
    this.flush()
  }

  readonly #written = (): void => {
    if (!this.#congested || this.#socket.destroyed || this.bytesWaiting > this.#bytesMax / 2) return
    this.#congested = false
    this.#onDrained?.()
  }
}
