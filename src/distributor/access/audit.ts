/** What is written down for good, as who decides about access sees it: administrative acts and refusals. */

import type { AuditEntry } from '../../engine/audit.ts'

export type { AuditEntry } from '../../engine/audit.ts'

export interface Audit {
  /** Never throws, never waits. */
  record(entry: AuditEntry): void
}

/** Where nobody asked for one. */
export const NO_AUDIT: Audit = { record() {} }
