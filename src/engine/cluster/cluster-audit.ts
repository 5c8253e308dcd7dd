/**
 * The audit log of a cluster: one table for all distributors, on a connection of its own, so that neither waits for the other.
 *
 * Invariant: the table itself refuses to change or forget lines (ledger/schema.ts); only what is older than the retention goes.
 */

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { ChasquiError } from '../../task/errors.ts'
import { AUDIT_BATCH, AUDIT_PURGE_BATCH } from '../../task/limits.ts'
import { type AuditLine, type AuditQuery, type AuditStore, fitsAudit } from '../audit.ts'
import { APPEND_AUDIT, FIND_AUDIT, PURGE_AUDIT } from './ledger/audit-statements.ts'
import { numbers, texts } from './ledger/columns.ts'
import { explain } from './ledger/database-errors.ts'
import { parseDatabaseUrl } from './ledger/database-url.ts'
import { migrate, requireVersion } from './ledger/migrate.ts'
import { Session } from './ledger/session.ts'

export interface ClusterAuditOptions {
  readonly databaseUrl: string
  /** false: the tables must be there. */
  readonly migrate: boolean
}

/** Rejects with CONFIG_INVALID, CONNECTION_LOST or STORE_VERSION, with nothing left open. */
export async function openClusterAudit(options: ClusterAuditOptions): Promise<AuditStore> {
  const targets = parseDatabaseUrl(options.databaseUrl)
  const session = new Session({ targets, applicationName: `chasqui ${hostname()} ${process.pid} audit` })
  await session.open()
  try {
    if (options.migrate) await migrate(session)
    else await requireVersion(session)
    return new ClusterAudit(session)
  } catch (error) {
    await session.close()
    throw error instanceof ChasquiError ? error : explain(error, targets)
  }
}

class ClusterAudit implements AuditStore {
  readonly #session: Session
  readonly #writer = randomUUID()
  #numbered = 0
  /** Of the batch that was appended last: said again, it keeps its numbers. */
  #last: { readonly lines: readonly AuditLine[]; readonly from: number } | null = null

  constructor(session: Session) {
    this.#session = session
  }

  async append(lines: readonly AuditLine[]): Promise<void> {
    if (lines.length === 0) return
    if (this.#last?.lines !== lines) {
      this.#last = { lines, from: this.#numbered }
      this.#numbered += lines.length
    }
    const { from } = this.#last
    const column = (of: (line: AuditLine) => string) => texts(lines.map((line) => plain(of(line))))
    await this.#session.repeat(APPEND_AUDIT, [
      numbers(lines.map(({ at }) => Date.parse(at))),
      column(({ result }) => result),
      column(({ act }) => act),
      column(({ who }) => who),
      column((line) => line.from),
      texts(lines.map((line) => JSON.stringify(line))),
      this.#writer,
      numbers(lines.map((_, index) => from + index)),
    ])
  }

  async find(query: AuditQuery): Promise<readonly AuditLine[]> {
    const { sinceMs = 0, who = '', act = '', result = '', id, limit } = query
    const piece = id === undefined ? '' : JSON.stringify(id)
    const found: AuditLine[] = []
    let before = Number.MAX_SAFE_INTEGER
    while (found.length < limit) {
      const rows = await this.#session.repeat<readonly [number, string]>(FIND_AUDIT, [
        sinceMs,
        plain(who),
        plain(act),
        result,
        piece,
        before,
        AUDIT_BATCH,
      ])
      for (const [seq, text] of rows) {
        before = seq
        const line = JSON.parse(text) as AuditLine
        // The piece may stand elsewhere in it.
        if (found.length < limit && fitsAudit(line, query)) found.push(line)
      }
      if (rows.length < AUDIT_BATCH) break
    }
    return found.reverse()
  }

  async purge(beforeMs: number): Promise<void> {
    for (let gone = AUDIT_PURGE_BATCH; gone === AUDIT_PURGE_BATCH; ) {
      gone = await this.#session.transact(async (query) => {
        await query(`select set_config('chasqui.audit_before', $1, true)`, [String(beforeMs)])
        const [row] = await query(PURGE_AUDIT, [beforeMs, AUDIT_PURGE_BATCH])
        return row![0] as number
      })
    }
  }

  close(): Promise<void> {
    return this.#session.close()
  }
}

/** As a column holds it: what splits columns, and what PostgreSQL knows no text with, is in no name that came through the door. */
function plain(text: string): string {
  return text.replaceAll(/[\u0000-\u001f]/g, '?')
}
