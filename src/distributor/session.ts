/**
 * One connection: bytes → messages → commands → replies. It knows what is under way, what the peer has not read, and how it ends.
 *
 *   open ──► answering ──(peer ends, or the server closes)──► nothing under way ──► ended
 *              └──(framing lost, stalled, slow reader)──► error line, if it can be said ──► ended
 *
 * Invariants: every request that was read is answered exactly once while the connection lives; all that one connection can make the
 * server hold is bounded (message, requests, waits, watches, consumers, outbox); nothing it sends can throw out of here.
 */

import type { Socket } from 'node:net'
import type { Engine, Settlement } from '../engine/engine.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { BATCH_ENTRIES_MAX, READS_AT_A_TIME } from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../task/task.ts'
import type { Log } from '../telemetry/log.ts'
import { bareErrorText, mixedErrorText } from '../wire/bare-reply.ts'
import { DialectReader } from '../wire/dialect-reader.ts'
import { errorReplyText, type Incoming, isObject, parseLine, readIncoming } from '../wire/messages.ts'
import { Outbox } from '../wire/outbox.ts'
import type { ClientIdentity } from '../wire/query-codec.ts'
import type { ServerReport } from '../wire/report-codec.ts'
import { BareCall, Batch, type CallOwner, RequestCall, SilentCall } from './calls.ts'
import type { Call, CommandContext } from './command.ts'
import { submitBare } from './commands/submit.ts'
import { COMMANDS } from './commands.ts'
import { Consumers } from './consumers.ts'
import type { Intake } from './intake.ts'
import type { DistributorLimits } from './limits.ts'
import { checkParams } from './params-check.ts'
import { ReadLane } from './read-lane.ts'
import { TurnBatch } from './turn-batch.ts'
import { Waits } from './waits.ts'
import { Watches } from './watches.ts'

/** What all connections of a server share. */
export interface SessionHost {
  readonly engine: Engine
  readonly durability: Durability
  readonly clock: Clock
  readonly limits: DistributorLimits
  readonly log: Log
  readonly intake: Intake
  readonly version: string
  serverReport(): ServerReport
  /** A session that is closing has answered all that was under way. */
  onAnswered(): void
}

/** What these ask in one turn is asked of the engine in one call. */
const JOINED: ReadonlySet<string> = new Set(['task.submit', 'work.settle'])

type Dialect = 'unknown' | 'bare' | 'rpc'

export class Session implements CommandContext, CallOwner {
  readonly id: string
  readonly peer: string
  readonly submissions: {
    readonly disk: TurnBatch<Submission, Receipt | Refusal>
    readonly relaxed: TurnBatch<Submission, Receipt | Refusal>
  }
  readonly outcomes: TurnBatch<Outcome, Settlement>
  readonly reads = new ReadLane(READS_AT_A_TIME)
  readonly waits: Waits
  readonly watches: Watches
  readonly consumers: Consumers
  /** Resolves when the connection is over and everything that it held is given back. */
  readonly closed: Promise<void>
  client: ClientIdentity | null = null
  readonly #host: SessionHost
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #reader: DialectReader
  #dialect: Dialect = 'unknown'
  #inFlight = 0
  #closing = false
  /** The peer will send nothing more. */
  #peerEnded = false
  /** Why it ended; set once. */
  #end: string | null = null
  #intakeBytes = 0
  /** When the message that is not complete was begun, or the peer could go on with it; null: there is none. */
  #begunAtMs: number | null = null
  #messagesRead = 0
  #stallTimer: Timer | null = null
  #slowTimer: Timer | null = null

  constructor(host: SessionHost, socket: Socket, id: string) {
    const { engine, limits, log } = host
    this.#host = host
    this.#socket = socket
    this.id = id
    this.peer = socket.remoteAddress ?? 'unknown'
    this.#reader = new DialectReader({
      frameBytesMax: limits.frameBytesMax,
      onMessage: (text) => this.#onMessage(text),
      onFault: (error) => this.#onFault(error),
    })
    this.#outbox = new Outbox(socket, {
      bytesMax: limits.outboxBytesMax,
      onCongested: () => this.#onCongested(),
      onDrained: () => this.#onDrained(),
    })
    const send = (text: string) => this.send(text)
    const flush = () => this.#outbox.flush()
    this.submissions = {
      disk: new TurnBatch((batch) => engine.submit(batch, 'disk'), flush),
      relaxed: new TurnBatch((batch) => engine.submit(batch, 'relaxed'), flush),
    }
    this.outcomes = new TurnBatch((batch) => engine.settle(batch), flush)
    this.waits = new Waits(limits.waitsMax)
    this.watches = new Watches({
      engine,
      watchesMax: limits.watchesMax,
      idsMax: limits.waitsMax,
      send,
      isCongested: () => this.isCongested,
    })
    this.consumers = new Consumers({
      engine,
      consumersMax: limits.consumersMax,
      log,
      send,
      onFailed: (error) => this.#cutOff(this.wireError(error, 'work.deliver')),
    })
    this.closed = this.#listen()
  }

  // ---- for commands -----------------------------------------------------------------------------------------

  get engine(): Engine {
    return this.#host.engine
  }

  get durability(): Durability {
    return this.#host.durability
  }

  get clock(): Clock {
    return this.#host.clock
  }

  get limits(): DistributorLimits {
    return this.#host.limits
  }

  get isCongested(): boolean {
    return this.#outbox.congested
  }

  get isClosing(): boolean {
    return this.#closing
  }

  get version(): string {
    return this.#host.version
  }

  serverReport(): ServerReport {
    return this.#host.serverReport()
  }

  greet(client: ClientIdentity | null): void {
    this.client = client
    this.#host.log.event('session.hello', { session: this.id, client: client?.name ?? 'unnamed' })
  }

  // ---- for calls --------------------------------------------------------------------------------------------

  send(text: string): void {
    if (this.#end === null) this.#outbox.send(text)
  }

  onFinished(): void {
    this.#inFlight--
    this.#updateReading()
    if (this.#inFlight > 0) return
    if (this.#peerEnded) this.#finish('the peer ended it')
    if (this.#closing) this.#host.onAnswered()
  }

  wireError(error: unknown, method: string): ChasquiError {
    if (error instanceof ChasquiError) {
      // The engine was closed under it: for the peer that is the server stopping.
      return error.code === 'CLOSED' ? new ChasquiError('SHUTTING_DOWN', 'the server is stopping') : error
    }
    this.#host.log.event('session.bug', { session: this.id, method, reason: String(error), error })
    return new ChasquiError('INTERNAL', 'a bug in Chasqui; the log of the server has the details')
  }

  // ---- for the distributor ----------------------------------------------------------------------------------

  get inFlight(): number {
    return this.#inFlight
  }

  /** No new work: waits are answered, deliveries end, requests that still come hear SHUTTING_DOWN. */
  async beginClosing(): Promise<void> {
    this.#closing = true
    this.waits.abort()
    // Not lost: the leases are there for when the store is opened again.
    await Promise.all([this.consumers.stopAll(false), this.watches.closeAll()])
  }

  /** Says what is left to say and ends. */
  finishClosing(): void {
    this.#finish('the server is stopping')
  }

  destroy(): void {
    this.#socket.destroy()
  }

  // ---- the socket -------------------------------------------------------------------------------------------

  async #listen(): Promise<void> {
    const { log } = this.#host
    const socket = this.#socket
    log.event('session.opened', { session: this.id, peer: this.peer })
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onPeerEnd())
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
    this.waits.abort()
    log.event('session.closed', { session: this.id, reason: this.#end })
    // Errors here are the engine's own; there is nobody left to tell.
    await Promise.allSettled([this.consumers.stopAll(!this.#closing), this.watches.closeAll()])
  }

  #onData(chunk: Buffer): void {
    // Ended, and lingering only so that the peer can read why.
    if (this.#end !== null) return
    const messagesBefore = this.#messagesRead
    this.#reader.push(chunk)
    this.#flushTurn()
    this.#watchStall(this.#messagesRead > messagesBefore)
    if (!this.#updateIntake()) {
      this.#cutOff(
        new ChasquiError('RETRY_AFTER', 'too many large messages are under way', {
          retryAfterMs: this.limits.messageStallMs,
        }),
      )
    }
    this.#updateReading()
  }

  /** The peer has said everything, or is gone: answer what is under way, then end. */
  #onPeerEnd(): void {
    if (this.#end !== null) return
    if (this.#reader.pendingBytes > 0) {
      this.send(
        this.#errorText(new ChasquiError('PARSE_ERROR', 'the connection ended in the middle of a message')),
      )
    }
    this.#peerEnded = true
    this.waits.abort()
    void this.consumers.stopAll(true)
    void this.watches.closeAll()
    if (this.#inFlight === 0) this.#finish('the peer ended it')
  }

  /** Reads on only while there is room for requests and the peer reads its replies. */
  #updateReading(): void {
    const underWay = this.#inFlight - this.waits.count
    const full = underWay >= this.limits.requestsInFlightMax || this.isCongested
    if (this.#end !== null || full === this.#socket.isPaused()) return
    if (full) this.#socket.pause()
    else {
      // While it was not read the peer could not finish its message.
      if (this.#begunAtMs !== null) this.#begunAtMs = this.clock.nowMs()
      this.#socket.resume()
    }
  }

  // ---- messages ---------------------------------------------------------------------------------------------

  #onMessage(text: string): void {
    this.#messagesRead++
    let value: unknown
    try {
      value = parseLine(text)
    } catch (error) {
      this.#refuse(error as ChasquiError)
      return
    }
    if (Array.isArray(value)) {
      this.#speakRpc()
      this.#onBatch(value)
      return
    }
    const incoming = readIncoming(value)
    if (incoming.kind === 'bare') {
      if (this.#dialect === 'unknown') this.#dialect = 'bare'
    } else if (incoming.kind !== 'invalid' || (isObject(value) && value.jsonrpc !== undefined)) {
      this.#speakRpc()
    }
    this.#onIncoming(incoming)
  }

  #speakRpc(): void {
    if (this.#dialect === 'rpc') return
    this.#dialect = 'rpc'
    this.#reader.speakLines()
  }

  #onIncoming(incoming: Incoming): void {
    switch (incoming.kind) {
      case 'request':
        this.#run(incoming.method, incoming.params, new RequestCall(this, incoming.id, incoming.method))
        return
      case 'notification':
        this.#run(incoming.method, incoming.params, new SilentCall(this, incoming.method))
        return
      case 'bare':
        this.#guard(new BareCall(this), (call) => submitBare(this, incoming.fields, call))
        return
      case 'invalid':
        this.#logBad(incoming.error)
        this.send(
          this.#dialect === 'rpc'
            ? errorReplyText(incoming.id, incoming.error)
            : this.#errorText(incoming.error),
        )
    }
  }

  #onBatch(entries: readonly unknown[]): void {
    if (entries.length === 0 || entries.length > BATCH_ENTRIES_MAX) {
      this.#refuse(new ChasquiError('INVALID_REQUEST', `a batch has 1 to ${BATCH_ENTRIES_MAX} entries`))
      return
    }
    const batch = new Batch(this)
    for (const entry of entries) {
      const incoming = readIncoming(entry)
      if (incoming.kind === 'request') {
        this.#run(incoming.method, incoming.params, batch.request(incoming.id, incoming.method))
      } else if (incoming.kind === 'notification') {
        this.#run(incoming.method, incoming.params, batch.notification(incoming.method))
      } else {
        const error =
          incoming.kind === 'invalid'
            ? incoming.error
            : new ChasquiError('INVALID_REQUEST', 'bare tasks cannot be part of a batch')
        this.#inFlight++
        batch.request(incoming.kind === 'invalid' ? incoming.id : null, '').fail(error)
      }
    }
    batch.begun()
  }

  #run(method: string, params: Readonly<Record<string, unknown>>, call: Call): void {
    this.#guard(call, () => {
      const command = COMMANDS.get(method)
      if (command === undefined)
        throw new ChasquiError('METHOD_NOT_FOUND', `there is no method ${quoted(method)}`)
      if (command.checksParams !== true) checkParams(method, command, params)
      // Nothing overtakes what the same connection asked before it.
      if (!JOINED.has(method)) this.#flushTurn()
      command.run(this, params, call)
    })
  }

  #flushTurn(): void {
    this.submissions.disk.flush()
    this.submissions.relaxed.flush()
    this.outcomes.flush()
  }

  /** Begins a call; whatever it throws is its answer. */
  #guard(call: Call, begin: (call: Call) => void): void {
    this.#inFlight++
    if (this.#closing) {
      call.fail(new ChasquiError('SHUTTING_DOWN', 'the server is stopping'))
      return
    }
    try {
      begin(call)
    } catch (error) {
      call.fail(error)
    }
  }

  // ---- what goes wrong --------------------------------------------------------------------------------------

  /** A message that cannot be understood; the next one may be. */
  #refuse(error: ChasquiError): void {
    this.#logBad(error)
    this.send(this.#errorText(error))
  }

  #onFault(error: ChasquiError): void {
    if (error.code === 'NOT_UTF8') {
      this.#messagesRead++
      this.#refuse(error)
    } else this.#cutOff(error)
  }

  /** In the form that the peer understands, as far as that is known. */
  #errorText(error: ChasquiError): string {
    if (this.#dialect === 'rpc') return errorReplyText(null, error)
    return this.#dialect === 'bare' ? bareErrorText(error) : mixedErrorText(error)
  }

  #logBad(error: ChasquiError): void {
    this.#host.log.event('session.bad-message', { session: this.id, code: error.code, reason: error.message })
  }

  /** One look when a message may have stalled, however many were begun and finished until then. */
  #watchStall(isNewMessage: boolean): void {
    const pending = this.#reader.pendingBytes > 0
    if (!pending) this.#begunAtMs = null
    else if (isNewMessage || this.#begunAtMs === null) this.#begunAtMs = this.clock.nowMs()
    if (pending && this.#stallTimer === null) this.#planStallCheck(this.#begunAtMs!)
  }

  #planStallCheck(begunAtMs: number): void {
    const { messageStallMs } = this.limits
    this.#stallTimer = this.clock.at(begunAtMs + messageStallMs, () => {
      this.#stallTimer = null
      if (this.#begunAtMs === null || this.#end !== null) return
      if (this.#socket.isPaused()) this.#planStallCheck(this.clock.nowMs())
      else if (this.clock.nowMs() - this.#begunAtMs < messageStallMs) this.#planStallCheck(this.#begunAtMs)
      else {
        this.#cutOff(
          new ChasquiError(
            'MESSAGE_STALLED',
            `a message was begun and not finished within ${messageStallMs} ms`,
          ),
        )
      }
    })
  }

  #onCongested(): void {
    const { slowReaderMs, outboxBytesMax } = this.limits
    this.#updateReading()
    this.reads.pause()
    this.consumers.throttle(true)
    this.#slowTimer = this.clock.at(this.clock.nowMs() + slowReaderMs, () => {
      const reason = `more than ${outboxBytesMax} bytes were not read for ${slowReaderMs} ms`
      this.#logCutOff(new ChasquiError('SLOW_READER', reason))
      // Whoever does not read cannot be told.
      this.#socket.destroy()
    })
  }

  #onDrained(): void {
    this.#slowTimer?.cancel()
    this.#slowTimer = null
    this.#updateReading()
    this.consumers.throttle(false)
    this.watches.drained()
    this.reads.resume()
  }

  #updateIntake(): boolean {
    const before = this.#intakeBytes
    this.#intakeBytes = this.#reader.pendingBytes
    return this.#host.intake.change(before, this.#intakeBytes)
  }

  // ---- the end ----------------------------------------------------------------------------------------------

  /** Says why and ends: nothing more is understood, but what was answered until now still leaves. */
  #cutOff(error: ChasquiError): void {
    if (this.#end !== null) return
    this.send(this.#errorText(error))
    this.#logCutOff(error)
    this.#finish(error.message)
  }

  #logCutOff(error: ChasquiError): void {
    const { id: session, peer } = this
    this.#host.log.event('session.cut-off', { session, peer, code: error.code, reason: error.message })
    this.#end ??= error.message
  }

  #finish(reason: string): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    this.#end ??= reason
    this.#reader.stop()
    this.#updateIntake()
    this.#outbox.end()
    // Read on and throw away, so that closing does not reset the connection before the peer has read the last line.
    this.#socket.resume()
    this.#destroyAfter(this.limits.slowReaderMs)
    this.#socket.once('finish', () => this.#destroyAfter(this.limits.lingerMs))
  }

  #destroyAfter(ms: number): void {
    const timer = this.clock.at(this.clock.nowMs() + ms, () => this.#socket.destroy())
    this.#socket.once('close', () => timer.cancel())
  }
}

function quoted(method: string): string {
  return JSON.stringify(method.length > 64 ? `${method.slice(0, 64)}…` : method)
}
