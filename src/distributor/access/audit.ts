/** What is written down for good: administrative acts and refusals. Who, from where, what, to which tasks; never a payload or a secret. */

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
}

export interface Audit {
  /** Never throws, never waits. */
  record(entry: AuditEntry): void
}

/** Where nobody asked for one. */
export const NO_AUDIT: Audit = { record() {} }
