/**
 * The third, small port beside `Engine` and `Archive`: the audit log as a store. Who did what to which tasks or queue, from where; never a payload or a
 * secret. The cluster keeps it in PostgreSQL; everywhere there may be a file.
 *
 * Invariants: lines are only ever added, and leave only by their age; a line that is appended again, after a connection broke under it, is there once.
 */

export interface AuditEntry {
  /** `allowed`: it was done. `refused`: somebody wanted to. */
  readonly result: 'allowed' | 'refused'
  /** A method of the wire, or what happened to the locks themselves: `tokens.changed`. */
  readonly act: string
  readonly who: string
  /** Address of the client; behind a trusted balancer, what its header says. */
  readonly from: string
  readonly session?: string
  /** The first of them; `count` says how many there were. */
  readonly ids?: readonly string[]
  readonly count?: number
  readonly queue?: string
  readonly details?: Readonly<Record<string, unknown>>
  /** Code of the refusal. */
  readonly code?: string
  /** Refusals of strangers of the same address that were not written down one by one before this one. */
  readonly alsoRefused?: number
}

/** As it is written. */
export interface AuditLine extends AuditEntry {
  /** ISO 8601, UTC. */
  readonly at: string
  /** Entries before this one that could not be written. */
  readonly lostBefore?: number
}

/** What is not given is not asked. */
export interface AuditQuery {
  readonly sinceMs?: number
  readonly who?: string
  readonly act?: string
  readonly result?: 'allowed' | 'refused'
  /** Named among `ids`. */
  readonly id?: string
  /** The newest so many. */
  readonly limit: number
}

export interface AuditStore {
  /** In this order, all or none. Rejects with STORE_FAILED; then it may be said again. */
  append(lines: readonly AuditLine[]): Promise<void>
  /** The newest that fit, oldest first. */
  find(query: AuditQuery): Promise<readonly AuditLine[]>
  /** Forgets what is older; in small steps, each on its own. */
  purge(beforeMs: number): Promise<void>
  close(): Promise<void>
}

export function fitsAudit(line: AuditLine, { sinceMs, who, act, result, id }: AuditQuery): boolean {
  return (
    (sinceMs === undefined || Date.parse(line.at) >= sinceMs) &&
    (who === undefined || line.who === who) &&
    (act === undefined || line.act === act) &&
    (result === undefined || line.result === result) &&
    (id === undefined || line.ids?.includes(id) === true)
  )
}
