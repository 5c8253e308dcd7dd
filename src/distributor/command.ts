/** What a command is, and what it may use. commands.ts is the table of all of them. */

import type { Engine, Settlement } from '../engine/engine.ts'
import type { Clock } from '../task/clock.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../task/task.ts'
import type { Params } from '../wire/messages.ts'
import type { MethodDescription } from '../wire/protocol/method.ts'
import type { ClientIdentity } from '../wire/query-codec.ts'
import type { ServerReport } from '../wire/report-codec.ts'
import type { AuditEntry } from './access/audit.ts'
import type { Identity, Right } from './access/rights.ts'
import type { Consumers } from './consumers.ts'
import type { DistributorLimits } from './limits.ts'
import type { ReadLane } from './read-lane.ts'
import type { TurnBatch } from './turn-batch.ts'
import type { Waits } from './waits.ts'
import type { Watches } from './watches.ts'

/** What a connection must be allowed to do. `none`: nothing, strangers may; `any`: something, whatever it is. */
export type NeededRight = Right | 'none' | 'any'

export interface Command extends MethodDescription {
  readonly right: NeededRight
  /** `params` have passed the schema, unless the command checks them itself (`checksParams`). May throw; then the call fails with it. */
  readonly run: (context: CommandContext, params: Params, call: Call) => void
  /** The command has a faster check of its own, held equal to the schema by a test. */
  readonly checksParams?: boolean
}

/** One request on its way to its answer. Exactly one of the two is called, once. Neither throws. */
export interface Call {
  succeed(resultText: string): void
  fail(error: unknown): void
}

/** The connection and the server, as far as commands see them. */
export interface CommandContext {
  /** As the peer may see it. */
  readonly engine: Engine
  /** What the engine holds tasks at. */
  readonly durability: Durability
  readonly clock: Clock
  readonly limits: DistributorLimits
  /** Id of the connection. */
  readonly id: string
  /** Address of the peer. */
  readonly peer: string
  /** Who the peer said it is. */
  client: ClientIdentity | null
  readonly submissions: {
    readonly disk: TurnBatch<Submission, Receipt | Refusal>
    readonly relaxed: TurnBatch<Submission, Receipt | Refusal>
  }
  readonly outcomes: TurnBatch<Outcome, Settlement>
  readonly reads: Pick<ReadLane, 'run'>
  readonly waits: Pick<Waits, 'run'>
  readonly watches: Watches
  readonly consumers: Consumers
  readonly isCongested: boolean
  /** The server is stopping. */
  readonly isClosing: boolean
  /** Of the server. */
  readonly version: string
  serverReport(): ServerReport
  greet(client: ClientIdentity | null): void
  /** Who the peer has shown to be. */
  readonly identity: Identity
  /** @throws ChasquiError UNAUTHENTICATED, RETRY_AFTER */
  login(token: string): void
  /** Writes down an administrative act. */
  audit(entry: Pick<AuditEntry, 'act' | 'ids' | 'count' | 'queue' | 'details'>): void
}

/** A command that is answered with what a function returns. */
export function answering(
  answer: (context: CommandContext, params: Params) => string | Promise<string>,
): Command['run'] {
  return (context, params, call) => {
    const result = answer(context, params)
    if (typeof result === 'string') call.succeed(result)
    else
      result.then(
        (text) => call.succeed(text),
        (error: unknown) => call.fail(error),
      )
  }
}

/** The same where the reply may be long. */
export function reading(
  answer: (context: CommandContext, params: Params) => Promise<string>,
): Command['run'] {
  return answering((context, params) => context.reads.run(() => answer(context, params)))
}
