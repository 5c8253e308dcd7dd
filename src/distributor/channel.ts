/**
 * The socket of a connection as messages in and lines out, with the limits and deadlines of both directions: messages that stall or are
 * too long, peers that do not read, and an end that does not cut off the last words.
 *
 * Invariants: after `end` nothing more is read as messages or said; the socket is always closed in the end; while the owner is full, or the peer
 * does not read, no message is taken; no connection keeps the loop for itself.
 */

import type { Socket } from 'node:net'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { BAD_MESSAGE_COST, TURN_MESSAGES_MAX } from '../task/limits.ts'
import { DialectReader } from '../wire/dialect-reader.ts'
import { Outbox } from '../wire/outbox.ts'
import { isTlsHello } from '../wire/tls-policy.ts'
import type { Intake } from './intake.ts'
import type { DistributorLimits } from './limits.ts'

export interface ChannelOwner {
  readonly clock: Clock
  readonly limits: DistributorLimits
  readonly intake: Intake
  /** Longest message, to begin with. */
  readonly frameBytesMax: number
  /** Whether there is room for further requests. */
  readonly isFull: boolean
  onMessage(text: string): void
  /** A message that was no text; the next one may be. */
  onBadMessage(error: ChasquiError): void
  /** All messages that came in this turn were given. */
  onTurnOver(): void
  /** The connection cannot go on. The owner says so to the peer, unless it does not read (SLOW_READER), and ends it. */
  onFatal(error: ChasquiError): void
  /** The peer will send nothing more. */
  onPeerEnd(isWithinMessage: boolean): void
  onCongested(): void
  onDrained(): void
}

export class Channel {
  /** Resolves with why it ended, when the socket is closed. */
  readonly closed: Promise<string>
  readonly #owner: ChannelOwner
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #reader: DialectReader
  /** Why it ended; set once. */
  #end: string | null = null
  #heardAtMs: number
  #messagesRead = 0
  /** Messages that may still be taken in this turn. */
  #turnBudget = 0
  #turnPlanned = false
  /** The peer has ended its side, and the owner was not told yet. */
  #peerEnded = false
  #intakeBytes = 0
  /** When the message that is not complete was begun, or the peer could go on with it; null: there is none. */
  #begunAtMs: number | null = null
  #stallTimer: Timer | null = null
  #slowTimer: Timer | null = null

  constructor(socket: Socket, owner: ChannelOwner) {
    this.#socket = socket
    this.#owner = owner
    this.#heardAtMs = owner.clock.nowMs()
    this.#reader = new DialectReader({
      frameBytesMax: owner.frameBytesMax,
      onMessage: (text) => {
        this.#messagesRead++
        this.#turnBudget--
        owner.onMessage(text)
      },
      onFault: (error) => this.#onFault(error),
      mayGoOn: () => this.#turnBudget > 0 && !this.#mustWait,
    })
    this.#outbox = new Outbox(socket, {
      bytesMax: owner.limits.outboxBytesMax,
      onCongested: () => this.#onCongested(),
      onDrained: () => this.#onDrained(),
    })
    this.closed = this.#listen()
  }

  get isCongested(): boolean {
    return this.#outbox.congested
  }

  /** When anything at all came from the peer last. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  get isEnded(): boolean {
    return this.#end !== null
  }

  /** One line, without its LF. */
  send(text: string): void {
    if (this.#end === null) this.#outbox.send(text)
  }

  /** What was said so far leaves now. */
  flush(): void {
    this.#outbox.flush()
  }

  set frameBytesMax(bytes: number) {
    this.#reader.frameBytesMax = bytes
  }

  /** The peer has shown that it speaks JSON-RPC. */
  speakLines(): void {
    this.#reader.speakLines()
  }

  /** Something was answered with an error. */
  chargeBadMessage(): void {
    this.#turnBudget -= BAD_MESSAGE_COST
  }

  /** Reads on only while there is room for requests and the peer reads its replies, and what came was taken. */
  updateReading(): void {
    if (this.#end !== null) return
    const isBehind = this.#reader.isBehind
    const wait = isBehind || this.#mustWait
    if (isBehind && !this.#mustWait) this.#planTurn()
    if (wait === this.#socket.isPaused()) return
    if (wait) this.#socket.pause()
    else {
      // While it was not read the peer could not finish its message.
      if (this.#begunAtMs !== null) this.#begunAtMs = this.#owner.clock.nowMs()
      this.#socket.resume()
    }
  }

  get #mustWait(): boolean {
    return this.#owner.isFull || this.isCongested
  }

  /** What was said still leaves, then the connection is over. Repeatable. */
  end(reason: string): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    this.#end ??= reason
    this.#reader.stop()
    this.#updateIntake()
    this.#outbox.end()
    // Read on and throw away, so that closing does not reset the connection before the peer has read the last line.
    this.#socket.resume()
    const { slowReaderMs, lingerMs } = this.#owner.limits
    this.#destroyAfter(slowReaderMs)
    this.#socket.once('finish', () => this.#destroyAfter(lingerMs))
  }

  /** At once, whatever is still to be said. */
  destroy(reason: string): void {
    this.#end ??= reason
    this.#socket.destroy()
  }

  async #listen(): Promise<string> {
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    // Also emitted while the socket is paused: what it sent before may still wait to be taken.
    socket.on('end', () => {
      this.#peerEnded = true
      this.#tellPeerEnd()
    })
    // What went wrong is told by 'close', which follows.
    socket.on('error', (error) => {
      this.#end ??= error.message
    })
    await new Promise<void>((resolve) => socket.once('close', () => resolve()))
    this.#end ??= 'the connection broke'
    this.#reader.stop()
    this.#updateIntake()
    this.#stallTimer?.cancel()
    this.#slowTimer?.cancel()
    return this.#end
  }

  #onData(chunk: Buffer): void {
    this.#heardAtMs = this.#owner.clock.nowMs()
    // Ended, and lingering only so that the peer can read why.
    if (this.#end !== null) return
    if (this.#messagesRead === 0 && this.#reader.pendingBytes === 0 && isTlsHello(chunk)) {
      this.#owner.onFatal(
        new ChasquiError('TLS_FAILED', 'this port does not speak TLS: connect with chasqui://'),
      )
    } else this.#takeTurn(() => this.#reader.push(chunk))
  }

  /** The other connections have their turn first. */
  #planTurn(): void {
    if (this.#turnPlanned) return
    this.#turnPlanned = true
    setImmediate(() => {
      this.#turnPlanned = false
      if (this.#end === null && !this.#mustWait) this.#takeTurn(() => this.#reader.goOn())
    })
  }

  #takeTurn(read: () => void): void {
    const messagesBefore = this.#messagesRead
    this.#turnBudget = TURN_MESSAGES_MAX
    read()
    this.#owner.onTurnOver()
    this.#watchStall(this.#messagesRead > messagesBefore)
    if (!this.#updateIntake()) {
      const retryAfterMs = this.#owner.limits.messageStallMs
      this.#owner.onFatal(
        new ChasquiError('RETRY_AFTER', 'too many large messages are under way', { retryAfterMs }),
      )
    }
    this.updateReading()
    this.#tellPeerEnd()
  }

  #tellPeerEnd(): void {
    if (!this.#peerEnded || this.#end !== null || this.#reader.isBehind) return
    this.#peerEnded = false
    this.#owner.onPeerEnd(this.#reader.pendingBytes > 0)
  }

  #onFault(error: ChasquiError): void {
    if (error.code === 'NOT_UTF8') {
      this.#messagesRead++
      this.#owner.onBadMessage(error)
    } else this.#owner.onFatal(error)
  }

  #updateIntake(): boolean {
    const before = this.#intakeBytes
    this.#intakeBytes = this.#reader.pendingBytes
    return this.#owner.intake.change(before, this.#intakeBytes)
  }

  // ---- a peer that does not finish its message --------------------------------------------------------------

  /** One look when a message may have stalled, however many were begun and finished until then. */
  #watchStall(isNewMessage: boolean): void {
    const pending = this.#reader.pendingBytes > 0
    if (!pending) this.#begunAtMs = null
    else if (isNewMessage || this.#begunAtMs === null) this.#begunAtMs = this.#owner.clock.nowMs()
    if (pending && this.#stallTimer === null) this.#planStallCheck(this.#begunAtMs!)
  }

  #planStallCheck(begunAtMs: number): void {
    const { clock, limits } = this.#owner
    this.#stallTimer = clock.at(begunAtMs + limits.messageStallMs, () => {
      this.#stallTimer = null
      if (this.#begunAtMs === null || this.#end !== null) return
      const isOver = clock.nowMs() - this.#begunAtMs >= limits.messageStallMs
      if (this.#socket.isPaused()) this.#planStallCheck(clock.nowMs())
      else if (!isOver) this.#planStallCheck(this.#begunAtMs)
      else {
        const reason = `a message was begun and not finished within ${limits.messageStallMs} ms`
        this.#owner.onFatal(new ChasquiError('MESSAGE_STALLED', reason))
      }
    })
  }

  // ---- a peer that does not read ----------------------------------------------------------------------------

  #onCongested(): void {
    const { clock, limits } = this.#owner
    this.updateReading()
    this.#slowTimer = clock.at(clock.nowMs() + limits.slowReaderMs, () => {
      const reason = `more than ${limits.outboxBytesMax} bytes were not read for ${limits.slowReaderMs} ms`
      this.#owner.onFatal(new ChasquiError('SLOW_READER', reason))
    })
    this.#owner.onCongested()
  }

  #onDrained(): void {
    this.#slowTimer?.cancel()
    this.#slowTimer = null
    this.updateReading()
    this.#owner.onDrained()
  }

  #destroyAfter(ms: number): void {
    const { clock } = this.#owner
    const timer = clock.at(clock.nowMs() + ms, () => this.#socket.destroy())
    this.#socket.once('close', () => timer.cancel())
  }
}
