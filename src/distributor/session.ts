/**
 * One connection: messages → commands → replies. It knows what the peer speaks, what is under way, and what it holds for the peer.
 *
 *   open ──► answering ──(peer ends, or the server closes)──► nothing under way ──► ended
 *              └──(framing lost, stalled, slow reader)──► error line, if it can be said ──► ended
 *
 * Invariants: every request that was read is answered exactly once while the connection lives; all that one connection can make the
 * server hold is bounded (message, requests, waits, watches, consumers, outbox); nothing it sends can throw out of here.
 */

import type { Engine, Settlement } from '../engine/engine.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { LAPSE_CHECK_MS, READS_AT_A_TIME, STRANGER_FRAME_BYTES_MAX } from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../task/task.ts'
import type { ClientIdentity } from '../wire/query-codec.ts'
import type { ServerReport } from '../wire/report-codec.ts'
import { Pass } from './access/pass.ts'
import type { Identity } from './access/rights.ts'
import type { Arrival } from './arrivals.ts'
import { Channel } from './channel.ts'
import type { CommandContext, NeededRight } from './command.ts'
import { Consumers } from './consumers.ts'
import { Conversation, type Host } from './conversation.ts'
import type { Grounds } from './grounds.ts'
import type { DistributorLimits } from './limits.ts'
import { ReadLane } from './read-lane.ts'
import { TurnBatch } from './turn-batch.ts'
import { Waits } from './waits.ts'
import { Watches } from './watches.ts'
import { WorkerVoice } from './worker-voice.ts'

/** What all connections of a server share. */
export interface SessionHost extends Grounds {
  /** A session that is closing has answered all that was under way. */
  onAnswered(): void
}

/** Codes of what is written down as refused. */
const REFUSALS: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'FORBIDDEN'])

export class Session implements Host {
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
  readonly #pass: Pass
  readonly #voice = new WorkerVoice()
  readonly #talk = new Conversation(this)
  #helloTimer: Timer | null = null
  #inFlight = 0
  #closing = false
  /** The peer will send nothing more. */
  #peerEnded = false

  constructor(host: SessionHost, { socket, peer, subject }: Arrival, id: string) {
    const { limits, log, locks } = host
    this.#pass = new Pass({ locks, engine: host.engine, clock: host.clock, peer, session: id, subject })
    const pass = this.#pass
    this.#host = host
    this.id = id
    this.peer = peer
    const isFull = () => this.#inFlight - this.waits.count >= limits.requestsInFlightMax
    this.#channel = new Channel(socket, {
      clock: host.clock,
      limits,
      intake: host.intake,
      frameBytesMax: pass.isStranger
        ? Math.min(STRANGER_FRAME_BYTES_MAX, limits.frameBytesMax)
        : limits.frameBytesMax,
      get isFull() {
        return isFull()
      },
      onMessage: (text) => this.#talk.hear(text),
      onBadMessage: (error) => this.#talk.refuse(error),
      onTurnOver: () => this.flushTurn(),
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
      disk: new TurnBatch((batch) => pass.engine.submit(batch, 'disk'), flush),
      relaxed: new TurnBatch((batch) => pass.engine.submit(batch, 'relaxed'), flush),
    }
    this.outcomes = new TurnBatch((batch) => pass.engine.settle(batch), flush)
    this.waits = new Waits(limits.waitsMax)
    this.watches = new Watches({
      get engine() {
        return pass.engine
      },
      watchesMax: limits.watchesMax,
      idsMax: limits.waitsMax,
      send,
      isCongested: () => this.isCongested,
    })
    this.consumers = new Consumers({
      get engine() {
        return pass.engine
      },
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
    return this.#pass.engine
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

  get identity(): Identity {
    return this.#pass.identity
  }

  login(token: string): void {
    try {
      this.#pass.login(token)
    } catch (error) {
      // After the answer: whoever has shown a wrong token begins anew.
      setImmediate(() => this.#channel.end('it did not authenticate'))
      throw error
    }
    if (!this.#pass.isStranger) this.#letIn()
  }

  audit(entry: Parameters<CommandContext['audit']>[0]): void {
    this.#pass.record({ result: 'allowed', ...entry })
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
    this.#host.onRefused(error instanceof ChasquiError ? error.code : 'INTERNAL')
    if (error instanceof ChasquiError) {
      // Refusals of single tasks were written down one by one.
      if (REFUSALS.has(error.code) && error.details?.receipts === undefined)
        this.#pass.record({ result: 'refused', act: method, code: error.code })
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
    if (this.#pass.isStranger) this.#watchStranger()
    const reason = await this.#channel.closed
    this.#helloTimer?.cancel()
    this.#pass.leave()
    this.waits.abort()
    log.event('session.closed', { session: this.id, reason })
    // Errors here are the engine's own; there is nobody left to tell.
    await Promise.allSettled([this.consumers.stopAll(!this.#closing), this.watches.closeAll()])
  }

  /** He says who he is within his time, or goes. */
  #watchStranger(): void {
    if (!this.#pass.isWelcome) {
      const reason = 'too many connections of this address have not said who they are'
      this.#cutOff(new ChasquiError('TOO_MANY_CONNECTIONS', reason))
      return
    }
    const { helloMs } = this.limits
    this.#helloTimer = this.clock.at(this.clock.nowMs() + helloMs, () =>
      this.#cutOff(new ChasquiError('UNAUTHENTICATED', `no token was shown within ${helloMs} ms`)),
    )
  }

  #letIn(): void {
    this.#helloTimer?.cancel()
    this.#channel.frameBytesMax = this.limits.frameBytesMax
  }

  /** Holds the connection against the tokens as they are now. */
  recheck(): void {
    const verdict = this.#pass.verdict()
    if (verdict === 'holds' || this.#channel.isEnded) return
    this.#pass.record({
      result: 'refused',
      act: 'session',
      code: verdict === 'gone' ? 'UNAUTHENTICATED' : 'SHUTTING_DOWN',
    })
    this.#cutOff(
      verdict === 'gone'
        ? new ChasquiError('UNAUTHENTICATED', 'the token was revoked or has expired')
        : new ChasquiError('SHUTTING_DOWN', 'the rights of this identity have changed: connect again'),
    )
    // Not one more delivery or event, though the peer may take its time to read why.
    this.waits.abort()
    void Promise.allSettled([this.consumers.stopAll(true), this.watches.closeAll()])
  }

  /** The peer has said everything, or is gone: answer what is under way, then end. */
  #onPeerEnd(isWithinMessage: boolean): void {
    if (isWithinMessage) {
      this.#talk.refuse(new ChasquiError('PARSE_ERROR', 'the connection ended in the middle of a message'))
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
    this.#host.onRefused(error.code)
    const { id: session, peer } = this
    this.#host.log.event('session.cut-off', { session, peer, code: error.code, reason: error.message })
    if (error.code === 'SLOW_READER') {
      // Whoever does not read cannot be told.
      this.#channel.destroy(error.message)
      return
    }
    this.send(this.#talk.errorText(error))
    this.#channel.end(error.message)
  }

  // ---- for its conversation ----------------------------------------------------------------------------------

  onBegun(): void {
    this.#inFlight++
  }

  speakLines(): void {
    this.#channel.speakLines()
  }

  onBadMessage(error: ChasquiError): void {
    this.#channel.chargeBadMessage()
    this.#host.onRefused(error.code)
    this.#host.log.event('session.bad-message', { session: this.id, code: error.code, reason: error.message })
  }

  /** A stranger who wants more than to say who he is, is answered and goes. */
  demand(right: NeededRight): void {
    if (right === 'none') return
    try {
      this.#pass.demand(right)
    } catch (error) {
      if (this.#pass.isStranger) setImmediate(() => this.#channel.end('it did not authenticate'))
      throw error
    }
  }

  flushTurn(): void {
    this.submissions.disk.flush()
    this.submissions.relaxed.flush()
    this.outcomes.flush()
  }
}
