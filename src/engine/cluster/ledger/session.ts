/**
 * One connection to PostgreSQL that comes back by itself: prepared statements, rows as arrays, one statement after the other.
 *
 * Several hosts are tried in turn until one takes writes, so a promoted standby is found. Invariant: a statement is answered or rejected
 * within STATEMENT_TIMEOUT_MS of its sending; one whose connection broke may or may not have happened, and says so (`lost`).
 */

import pg from 'pg'
import { ChasquiError } from '../../../task/errors.ts'
import {
  DATABASE_CONNECT_TIMEOUT_MS,
  DATABASE_KEEPALIVE_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  STATEMENT_TIMEOUT_MS,
  STORE_RETRY_MS,
  STORE_WAIT_MS,
} from '../../../task/limits.ts'
import { explain, isRepeatable } from './database-errors.ts'
import type { DatabaseTarget } from './database-url.ts'
import { SCHEMA } from './schema.ts'

export type Cell = number | string | boolean | null
export type Row = readonly Cell[]
export type Parameter = number | string | null

/** A statement with a name is planned once a connection. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export interface SessionOptions {
  readonly targets: readonly DatabaseTarget[]
  readonly applicationName: string
  /** What each new connection begins with, one after the other: `set …`. */
  readonly setup?: readonly string[]
  /** Default STATEMENT_TIMEOUT_MS. */
  readonly statementTimeoutMs?: number
  /** Told how long each statement took, its way there and back included. */
  readonly onTook?: ((tookMs: number) => void) | undefined
  readonly onUp?: () => void
  readonly onDown?: (error: unknown) => void
}

const INT8 = 20
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    // Sequence numbers, epochs and times stay far below 2^53.
    oid === INT8 ? Number : pg.types.getTypeParser(oid as never, format as never),
}

export class Session {
  readonly #options: SessionOptions
  readonly #statementTimeoutMs: number
  #client: pg.Client | null = null
  #connecting: Promise<void> | null = null
  #waiters: (() => void)[] = []
  /** Tries since a connection last held for a while. */
  #failures = 0
  #upSinceMs = 0
  #lastError: unknown = null
  #timer: NodeJS.Timeout | null = null
  #closed = false
  #taken = false
  readonly #queue: (() => void)[] = []
  /** Statements that are not answered. */
  pending = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.#statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
  }

  get isUp(): boolean {
    return this.#client !== null
  }

  /** The first connection: what is wrong with it is the caller's to say. Rejects with CONFIG_INVALID or CONNECTION_LOST. */
  async open(): Promise<void> {
    await this.#connect()
    if (this.#client === null) {
      this.#closed = true
      this.#timer = null
      throw explain(this.#lastError, this.#options.targets)
    }
  }

  /** Once, on the connection that there is. Rejects with what the database says. */
  async query(text: string, values?: readonly Parameter[]): Promise<Row[]> {
    return this.#send({ text }, values ?? [])
  }

  /**
   * Once, waiting for a connection for STORE_WAIT_MS. Rejects with STORE_FAILED; after a connection broke under it, nobody knows whether
   * it happened: `details.lost`.
   */
  async once<T extends Row = Row>(statement: Statement, values: readonly Parameter[]): Promise<T[]> {
    await this.#up(Date.now() + STORE_WAIT_MS)
    try {
      return (await this.#alone(() => this.#send(statement, values))) as T[]
    } catch (error) {
      throw failed(error)
    }
  }

  /** For what may be done twice: repeats after a lost connection, a deadlock and the like, for STORE_WAIT_MS. Rejects with STORE_FAILED. */
  async repeat<T extends Row = Row>(statement: Statement, values: readonly Parameter[]): Promise<T[]> {
    const untilMs = Date.now() + STORE_WAIT_MS
    for (;;) {
      await this.#up(untilMs)
      try {
        return (await this.#alone(() => this.#send(statement, values))) as T[]
      } catch (error) {
        if (!isRepeatable(error) || Date.now() >= untilMs || this.#closed) throw failed(error)
      }
    }
  }

  /**
   * A transaction of several statements; others of this session wait their turn. Repeated as a whole like `repeat`, so `work` must
   * keep nothing of a try that failed.
   */
  transact<T>(
    work: (query: (text: string, values?: readonly Parameter[]) => Promise<Row[]>) => Promise<T>,
  ): Promise<T> {
    return this.#alone(() => this.#transact(work))
  }

  /** The connection does one thing at a time: a statement, or a transaction with nothing of anybody else in it. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#taken) {
      this.#taken = true
      return work().finally(() => this.#next())
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push(() => {
        work()
          .then(resolve, reject)
          .finally(() => this.#next())
      })
    })
  }

  #next(): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#taken = false
    else next()
  }

  async #transact<T>(
    work: (query: (text: string, values?: readonly Parameter[]) => Promise<Row[]>) => Promise<T>,
  ): Promise<T> {
    const untilMs = Date.now() + STORE_WAIT_MS
    for (;;) {
      await this.#up(untilMs)
      const client = this.#client
      try {
        await this.query('begin')
        const answer = await work((text, values) => this.query(text, values))
        await this.query('commit')
        return answer
      } catch (error) {
        if (this.#client === client && client !== null) await this.query('rollback').catch(() => undefined)
        if (error instanceof ChasquiError || !isRepeatable(error) || Date.now() >= untilMs || this.#closed) {
          throw failed(error)
        }
      }
    }
  }

  async #send(statement: { text: string; name?: string }, values: readonly Parameter[]): Promise<Row[]> {
    const client = this.#client
    if (client === null) throw new Error('not connected')
    this.pending++
    const timer = setTimeout(
      () => this.#drop(client, new Error('no answer in time')),
      this.#statementTimeoutMs,
    )
    const { onTook } = this.#options
    const beganMs = onTook === undefined ? 0 : performance.now()
    try {
      const { rows } = await client.query({
        ...statement,
        values: values as Parameter[],
        rowMode: 'array',
        types,
      } as pg.QueryArrayConfig)
      onTook?.(performance.now() - beganMs)
      return rows as unknown as Row[]
    } catch (error) {
      // A standby that was a primary, a connection that the server ended: somewhere else, or later, it goes.
      if (this.#client === client && isRepeatable(error) && !isOfStatement(error)) this.#drop(client, error)
      throw error
    } finally {
      clearTimeout(timer)
      this.pending--
    }
  }

  async #up(untilMs: number): Promise<void> {
    while (this.#client === null) {
      const leftMs = untilMs - Date.now()
      if (this.#closed) throw new ChasquiError('CLOSED', 'the engine is closed')
      if (leftMs <= 0) throw failed(this.#lastError ?? new Error('not connected'))
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#waiters.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  #connect(): Promise<void> {
    this.#connecting ??= this.#tryAll().finally(() => {
      this.#connecting = null
    })
    return this.#connecting
  }

  async #tryAll(): Promise<void> {
    for (const target of this.#options.targets) {
      if (this.#closed) return
      const client = await this.#tryOne(target).catch((error: unknown) => {
        this.#lastError = error
        return null
      })
      if (client === null) continue
      if (this.#closed) {
        await client.end().catch(() => undefined)
        return
      }
      this.#client = client
      this.#upSinceMs = performance.now()
      this.#wakeWaiters()
      this.#options.onUp?.()
      return
    }
    this.#again()
  }

  async #tryOne(target: DatabaseTarget): Promise<pg.Client> {
    const client = new pg.Client({
      ...(target.host !== undefined && { host: target.host }),
      port: target.port,
      ...(target.user !== undefined && { user: target.user }),
      ...(target.password !== undefined && { password: target.password }),
      ...(target.database !== undefined && { database: target.database }),
      ssl: target.ssl,
      connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: DATABASE_KEEPALIVE_MS,
      application_name: this.#options.applicationName,
    })
    // Also after `end`: an unheard 'error' would end the process.
    client.on('error', (error) => this.#drop(client, error))
    client.on('end', () => this.#drop(client, new Error('the connection ended')))
    try {
      await client.connect()
      const { rows } = await client.query('select pg_is_in_recovery()')
      if (rows[0].pg_is_in_recovery) throw new Error(`${target.host}:${target.port} is a standby`)
      const setup = [
        `set search_path to ${SCHEMA}`,
        `set statement_timeout = ${this.#statementTimeoutMs}`,
        'set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3',
        ...(this.#options.setup ?? []),
      ]
      // Not as one: that would be one transaction, and its last word would hold for all of it.
      for (const text of setup) await client.query(text)
      return client
    } catch (error) {
      void client.end().catch(() => undefined)
      throw error
    }
  }

  #drop(client: pg.Client, error: unknown): void {
    if (this.#client !== client) return
    this.#client = null
    this.#lastError = error
    // Not `end`: a peer that is gone would never answer the farewell.
    ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    if (this.#closed) return
    this.#options.onDown?.(error)
    // One that broke as soon as it was made is not made again and again in a tight loop.
    if (performance.now() - this.#upSinceMs < RECONNECT_MAX_MS) this.#again()
    else {
      this.#failures = 0
      void this.#connect()
    }
  }

  #again(): void {
    if (this.#closed) return
    const step = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failures++, 20))
    this.#timer = setTimeout(() => void this.#connect(), step * (0.5 + Math.random() / 2))
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#wakeWaiters()
    await this.#connecting
    const client = this.#client
    this.#client = null
    await client?.end().catch(() => undefined)
  }

  /** As a crash of the process would. */
  abandon(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    const client = this.#client
    this.#client = null
    ;(
      client as unknown as { connection: { stream: { destroy(): void } } } | null
    )?.connection.stream.destroy()
    this.#wakeWaiters()
  }
}

/** The connection is as good as before: only this statement was in somebody's way. */
function isOfStatement(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return code === '40001' || code === '40P01' || code === '55P03' || code === '57014'
}

function failed(error: unknown): ChasquiError {
  if (error instanceof ChasquiError) return error
  const lost = isRepeatable(error)
  return new ChasquiError(
    'STORE_FAILED',
    `PostgreSQL: ${error instanceof Error ? error.message : String(error)}`,
    {
      cause: error,
      retryAfterMs: STORE_RETRY_MS,
      details: { lost },
    },
  )
}
