/**
 * One request, as commands see a connection: who asks, the engine as he may see it, and what his address may hold.
 *
 * Invariants: whatever a visit holds is given back when its response is over, or the peer is gone; a wait ends when nobody is there any more to hear of it.
 */

import type { Engine, Settlement } from '../../engine/engine.ts'
import type { Clock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Outcome } from '../../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../../task/task.ts'
import type { ServerReport } from '../../wire/report-codec.ts'
import { Pass } from '../access/pass.ts'
import type { Identity } from '../access/rights.ts'
import type { CommandContext, NeededRight } from '../command.ts'
import type { Grounds } from '../grounds.ts'
import type { DistributorLimits } from '../limits.ts'
import { TurnBatch } from '../turn-batch.ts'
import type { Guests } from './guests.ts'

export interface VisitOptions {
  readonly grounds: Grounds
  readonly guests: Guests
  readonly id: string
  readonly peer: string
  /** Of its certificate, where one was asked for and is good. */
  readonly subject: string | null
  readonly isClosing: () => boolean
}

/** Codes of what is written down as refused. */
const REFUSALS: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'FORBIDDEN'])

const ONLY_ON_CONNECTIONS = 'this takes a connection of its own: see docs/protocol.md'

export class Visit implements CommandContext {
  readonly id: string
  readonly peer: string
  readonly client = null
  readonly isCongested = false
  readonly submissions: {
    readonly disk: TurnBatch<Submission, Receipt | Refusal>
    readonly relaxed: TurnBatch<Submission, Receipt | Refusal>
  }
  readonly outcomes: TurnBatch<Outcome, Settlement>
  readonly reads: CommandContext['reads']
  readonly waits: CommandContext['waits']
  readonly #options: VisitOptions
  readonly #pass: Pass
  readonly #over = Promise.withResolvers<void>()
  readonly #gone = new AbortController()
  /** Who came with a cookie is in as long as that counts. */
  #stillIn: () => boolean = () => true
  #evicted = false

  constructor(options: VisitOptions) {
    const { grounds, guests, id, peer, subject } = options
    this.#options = options
    this.id = id
    this.peer = peer
    const { locks, engine, clock } = grounds
    this.#pass = new Pass({ locks, engine, clock, peer, session: id, subject })
    const pass = this.#pass
    const guest = guests.enter(peer)
    this.submissions = {
      disk: new TurnBatch(
        (batch) => pass.engine.submit(batch, 'disk'),
        () => {},
      ),
      relaxed: new TurnBatch(
        (batch) => pass.engine.submit(batch, 'relaxed'),
        () => {},
      ),
    }
    this.outcomes = new TurnBatch(
      (batch) => pass.engine.settle(batch),
      () => {},
    )
    this.reads = { run: (job) => this.#read(guest.reads.run.bind(guest.reads), job) }
    this.waits = {
      run: async (count, wait) => {
        const answer = await guest.waits.run(count, (signal) =>
          wait(AbortSignal.any([signal, this.#gone.signal])),
        )
        if (this.#evicted) throw new ChasquiError('UNAUTHENTICATED', 'this identity has changed or ended')
        return answer
      },
    }
  }

  get engine(): Engine {
    return this.#pass.engine
  }

  get durability(): Durability {
    return this.#options.grounds.durability
  }

  get clock(): Clock {
    return this.#options.grounds.clock
  }

  get limits(): DistributorLimits {
    return this.#options.grounds.limits
  }

  get version(): string {
    return this.#options.grounds.version
  }

  get identity(): Identity {
    return this.#pass.identity
  }

  get isClosing(): boolean {
    return this.#options.isClosing()
  }

  get isLocked(): boolean {
    return this.#options.grounds.locks.access.isLocked
  }

  get isStranger(): boolean {
    return this.#pass.isStranger
  }

  /** Whoever may do nothing before he says who he is, and there are too many of them at his address. */
  get isWelcome(): boolean {
    return this.#pass.isWelcome
  }

  get watches(): never {
    throw new ChasquiError('NOT_SUPPORTED', ONLY_ON_CONNECTIONS)
  }

  get consumers(): never {
    throw new ChasquiError('NOT_SUPPORTED', ONLY_ON_CONNECTIONS)
  }

  serverReport(): ServerReport {
    return this.#options.grounds.serverReport()
  }

  greet(): void {}

  login(token: string): void {
    this.#pass.login(token)
  }

  /** Somebody who has shown his token before. @returns whether he is still known */
  resume(identity: Identity, stillIn: () => boolean): boolean {
    this.#stillIn = stillIn
    return this.#pass.resume(identity)
  }

  demand(right: NeededRight): void {
    this.#pass.demand(right)
  }

  /** Whether what it was let in with still counts. */
  get holds(): boolean {
    return this.#stillIn() && this.#pass.verdict() === 'holds'
  }

  /** It does not: what it waits for is not told to it any more. */
  evict(): void {
    this.#evicted = true
    this.#gone.abort()
  }

  audit(entry: Parameters<CommandContext['audit']>[0]): void {
    this.#pass.record({ result: 'allowed', ...entry })
  }

  /** What was asked goes to the engine. */
  flush(): void {
    this.submissions.disk.flush()
    this.submissions.relaxed.flush()
    this.outcomes.flush()
  }

  /** The error as the peer is told of it; what is unexpected ends up in the log. */
  wireError(error: unknown, act: string): ChasquiError {
    this.#options.grounds.onRefused(error instanceof ChasquiError ? error.code : 'INTERNAL')
    if (error instanceof ChasquiError) {
      // Refusals of single tasks were written down one by one.
      if (REFUSALS.has(error.code) && error.details?.receipts === undefined)
        this.#pass.record({ result: 'refused', act, code: error.code })
      // The engine was closed under it: for the peer that is the server stopping.
      return error.code === 'CLOSED' ? new ChasquiError('SHUTTING_DOWN', 'the server is stopping') : error
    }
    this.#options.grounds.log.event('session.bug', {
      session: this.id,
      method: act,
      reason: String(error),
      error,
    })
    return new ChasquiError('INTERNAL', 'a bug in Chasqui; the log of the server has the details')
  }

  /** The response has left, or never will. Called once. */
  leave(): void {
    this.#gone.abort()
    this.#over.resolve()
    this.#pass.leave()
    this.#options.guests.leave(this.peer)
  }

  /** The place in the lane is kept until the reply has left: so what one address makes the server hold is bounded. */
  #read<Result>(
    run: (job: () => Promise<void>) => Promise<void>,
    job: () => Promise<Result>,
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      void run(async () => {
        await job().then(resolve, reject)
        await this.#over.promise
      })
    })
  }
}
