/** Where lines of the audit log go, and how an entry becomes one. */

import type { AuditEntry, AuditLine } from '../engine/audit.ts'
import { AUDIT_IDS_MAX } from '../task/limits.ts'

/** Neither call throws or waits, but `close`. */
export interface AuditSink {
  /** @param text the same as JSON */
  write(line: AuditLine, text: string): void
  /** The file was moved away: begin a new one. */
  reopen(): void
  /** Writes what waits. */
  close(): Promise<void>
}

export function lineOf({ ids, ...entry }: AuditEntry, nowMs: number): AuditLine {
  const named = ids === undefined ? {} : { ids: ids.slice(0, AUDIT_IDS_MAX), count: ids.length }
  return { at: new Date(nowMs).toISOString(), ...entry, ...named }
}
