/**
 * One connection: messages → commands → replies. It knows what the peer speaks, what is under way, and what it holds for the peer.
 *
 *   open ──► answering ──(peer ends, or the server closes)──► nothing under way ──► ended
 *              └──(framing lost, stalled, slow reader)──► error line, if it can be said ──► ended
 *
 * Invariants: every request that was read is answered exactly once while the connection lives; all that one connection can make the
 * server hold is bounded (message, requests, waits, watches, consumers, outbox); nothing it sends can throw out of here.
 */

import type { Socket } from 'node:net'
import type { Engine, Settlement } from '../engine/engine.ts'
import type { Clock } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { BATCH_ENTRIES_MAX, LAPSE_CHECK_MS, READS_AT_A_TIME } from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../task/task.ts'
import type { Log } from '../telemetry/log.ts'
import { bareErrorText, mixedErrorText } from '../wire/bare-reply.ts'
import { errorReplyText, type Incoming, isObject, parseLine, readIncoming } from '../wire/messages.ts'
import type { ClientIdentity } from '../wire/query-codec.ts'
import type { ServerReport } from '../wire/report-codec.ts'
import { BareCall, Batch, type CallOwner, RequestCall, SilentCall } from './calls.ts'
import { Channel } from './channel.ts'
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
import { WorkerVoice } from './worker-voice.ts'

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
  readonly #channel: Channel
  readonly #voice = new WorkerVoice()
  #dialect: Dialect = 'unknown'
  #inFlight = 0
  #closing = false
  /** The peer will send nothing more. */
  #peerEnded = false

  constructor(host: SessionHost, socket: Socket, id: string) {
    const { engine, limits, log } = host
    this.#host = host
    this.id = id
    this.peer = socket.remoteAddress ?? 'unknown'
    const isFull = () => this.#inFlight - this.waits.count >= limits.requestsInFlightMax
    this.#channel = new Channel(socket, {
      clock: host.clock,
      limits,
      intake: host.intake,
      get isFull() {
        return isFull()
      },
      onMessage: (text) => this.#onMessage(text),
      onBadMessage: (error) => this.#refuse(error),
      onTurnOver: () => this.#flushTurn(),
      onFatal: (error) => this.#cutOff(error),
      onPeerEnd: (isWithinMessage) => this.#onPeerEnd(isWithinMessage),
      onCongested: () => {
        this.reads.pause()
        this.consumers.throttle(true)
      },
      onDrained: () => {
        this.consumers.throttle(false)
        this.watches.drained()
        this.reads.resume()
      },
    })
    const send = (text: string) => this.send(text)
    const flush = () => this.#channel.flush()
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
      onDelivered: () => this.#voice.spokenTo(this.clock.nowMs(), this.#channel.heardAtMs),
      onRevoked: () => this.#onRevoked(),
    })
    this.closed = this.#live()
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
    return this.#channel.isCongested
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
    this.#channel.send(text)
  }

  onFinished(): void {
    this.#inFlight--
    this.#channel.updateReading()
    if (this.#inFlight > 0) return
    if (this.#peerEnded) this.#channel.end('the peer ended it')
    if (this.#closing) this.#host.onAnswered()
  }

  wireError(error: unknown, method: string): ChasquiError {
    this.#channel.chargeBadMessage()
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
    this.#channel.end('the server is stopping')
  }

  destroy(): void {
    this.#channel.destroy('the server is stopping')
  }

  // ---- its life ---------------------------------------------------------------------------------------------

  async #live(): Promise<void> {
    const { log } = this.#host
    log.event('session.opened', { session: this.id, peer: this.peer })
    const reason = await this.#channel.closed
    this.waits.abort()
    log.event('session.closed', { session: this.id, reason })
    // Errors here are the engine's own; there is nobody left to tell.
    await Promise.allSettled([this.consumers.stopAll(!this.#closing), this.watches.closeAll()])
  }

  /** The peer has said everything, or is gone: answer what is under way, then end. */
  #onPeerEnd(isWithinMessage: boolean): void {
    if (isWithinMessage) {
      this.#refuse(new ChasquiError('PARSE_ERROR', 'the connection ended in the middle of a message'))
    }
    this.#peerEnded = true
    this.waits.abort()
    void this.consumers.stopAll(true)
    void this.watches.closeAll()
    if (this.#inFlight === 0) this.#channel.end('the peer ended it')
  }

  /** A worker that lets its leases lapse and says nothing at all is frozen or cut off: others must have its tasks, and not it again. */
  #onRevoked(): void {
    const { id: session, peer } = this
    const silentMs = this.#voice.silentMs(this.clock.nowMs(), this.#channel.heardAtMs)
    if (silentMs < this.limits.leaseMs - LAPSE_CHECK_MS) return
    this.#host.log.event('session.silent', { session, peer, silentMs })
    this.#channel.destroy(`nothing was heard for ${silentMs} ms`)
  }

  /** It cannot go on. What was answered until now still leaves. */
  #cutOff(error: ChasquiError): void {
    if (this.#channel.isEnded) return
    const { id: session, peer } = this
    this.#host.log.event('session.cut-off', { session, peer, code: error.code, reason: error.message })
    if (error.code === 'SLOW_READER') {
      // Whoever does not read cannot be told.
      this.#channel.destroy(error.message)
      return
    }
    this.send(this.#errorText(error))
    this.#channel.end(error.message)
  }

  // ---- messages ---------------------------------------------------------------------------------------------

  #onMessage(text: string): void {
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
    this.#channel.speakLines()
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

  /** In the form that the peer understands, as far as that is known. */
  #errorText(error: ChasquiError): string {
    if (this.#dialect === 'rpc') return errorReplyText(null, error)
    return this.#dialect === 'bare' ? bareErrorText(error) : mixedErrorText(error)
  }

  #logBad(error: ChasquiError): void {
    this.#channel.chargeBadMessage()
    this.#host.log.event('session.bad-message', { session: this.id, code: error.code, reason: error.message })
  }
}

function quoted(method: string): string {
  return JSON.stringify(method.length > 64 ? `${method.slice(0, 64)}…` : method)
}
