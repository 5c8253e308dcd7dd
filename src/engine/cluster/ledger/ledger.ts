/**
 * The connections to PostgreSQL of one process, each with its work: a statement never waits behind a slower one of another kind.
 *
 * Guards of the hot connections (docs/decisions/0016): a plan made while a table is young may scan it for ever, so only plans by key are
 * left to choose from. Claims commit asynchronously: the next settle makes them durable.
 */

import { ChasquiError } from '../../../task/errors.ts'
import { FENCE } from './claim-statement.ts'
import { explain } from './database-errors.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { migrate, requireVersion } from './migrate.ts'
import { BE_PRESENT, requireWhole } from './presence.ts'
import { Session } from './session.ts'

/** What a connection is for. */
export type LedgerRole = 'submit' | 'claim' | 'settle' | 'look' | 'careful' | 'office'

export interface LedgerOptions {
  readonly databaseUrl: string
  readonly applicationName: string
  /** false: the schema must have this version already. */
  readonly migrate: boolean
  /** A connection is there (again). */
  readonly onUp: (role: LedgerRole) => void
  readonly onDown: (error: unknown) => void
  /** How long a statement took that waits for the disk. Must not throw. */
  readonly onSync?: ((tookMs: number) => void) | undefined
}

const BY_KEY =
  'set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off'
const ASYNC = 'set synchronous_commit = off'

/** Connections that take submissions, and that settle: while one commits, the next batch gathers on the other. */
const HOT_CONNECTIONS = 2

export class Ledger {
  readonly submit: readonly Session[]
  readonly claim: Session
  readonly settle: readonly Session[]
  /** Reads, and what comes seldom. */
  readonly look: Session
  /** Transactions of several statements. */
  readonly careful: Session
  /** Holds the keeper's lock; nothing else may sit on it. */
  readonly office: Session

  private constructor(options: LedgerOptions) {
    const targets = parseDatabaseUrl(options.databaseUrl)
    const open = (role: LedgerRole, ...setup: string[]) =>
      new Session({
        targets,
        applicationName: `${options.applicationName} ${role}`,
        setup: [BE_PRESENT, ...setup],
        onUp: () => options.onUp(role),
        ...((role === 'submit' || role === 'settle') && { onTook: options.onSync }),
        // They all have the same server: one of them tells of it.
        ...(role === 'look' && { onDown: options.onDown }),
      })
    this.submit = Array.from({ length: HOT_CONNECTIONS }, () => open('submit', BY_KEY))
    // In this order: what fences must itself be durable.
    this.claim = open('claim', BY_KEY, FENCE, ASYNC)
    this.settle = Array.from({ length: HOT_CONNECTIONS }, () => open('settle', BY_KEY))
    this.look = open('look', BY_KEY)
    this.careful = open('careful', BY_KEY)
    this.office = open('office', BY_KEY, 'set enable_bitmapscan = off')
  }

  /** Rejects with CONFIG_INVALID, CONNECTION_LOST, STORE_VERSION, STORE_LOCKED or STORE_INCOMPLETE, with nothing left open. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(options)
    try {
      await ledger.look.open()
      if (options.migrate) await migrate(ledger.look)
      else await requireVersion(ledger.look)
      await requireWhole(ledger.look)
      for (const session of ledger.#sessions) if (session !== ledger.look) await session.open()
      return ledger
    } catch (error) {
      await ledger.close()
      throw error instanceof ChasquiError ? error : explain(error, parseDatabaseUrl(options.databaseUrl))
    }
  }

  get #sessions(): readonly Session[] {
    return [...this.submit, this.claim, ...this.settle, this.look, this.careful, this.office]
  }

  /** Statements that are not answered. */
  get pending(): number {
    return this.#sessions.reduce((sum, session) => sum + session.pending, 0)
  }

  get isUp(): boolean {
    return this.#sessions.every((session) => session.isUp)
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()))
  }

  abandon(): void {
    for (const session of this.#sessions) session.abandon()
  }
}
