/**
 * The audit log of a process: from entries to lines, stamped once, and to wherever they are kept: the file of `--audit`, the table of the cluster, or both.
 *
 * Invariant: nobody waits for it, and nothing that goes wrong in it reaches who records.
 */

import type { Audit, AuditEntry } from '../distributor/access/audit.ts'
import type { AuditStore } from '../engine/audit.ts'
import type { Clock } from '../task/clock.ts'
import type { Log } from '../telemetry/log.ts'
import { openAuditFile } from './audit-file.ts'
import { type AuditSink, lineOf } from './audit-sink.ts'
import { openAuditTable } from './audit-table.ts'
import { openAuditStore } from './composition.ts'
import type { AUDIT_SETTINGS, Settings } from './settings.ts'

export interface AuditLog extends Audit {
  reopen(): void
  close(): Promise<void>
}

/** Null: it is kept nowhere. @throws ChasquiError CONFIG_INVALID and what the database says */
export async function openAudit(
  settings: Pick<Settings, (typeof AUDIT_SETTINGS)[number] | 'auditRetentionMs'>,
  log: Log,
  clock: Clock,
): Promise<AuditLog | null> {
  const sinks: AuditSink[] = []
  if (settings.audit !== undefined) sinks.push(await openAuditFile(settings.audit, log))
  try {
    const store: AuditStore | null = await openAuditStore(settings)
    const retentionMs = settings.auditRetentionMs
    if (store !== null) sinks.push(openAuditTable({ store, clock, log, retentionMs }))
  } catch (error) {
    for (const sink of sinks) await sink.close()
    throw error
  }
  return sinks.length === 0 ? null : new FannedAudit(sinks)
}

class FannedAudit implements AuditLog {
  readonly #sinks: readonly AuditSink[]

  constructor(sinks: readonly AuditSink[]) {
    this.#sinks = sinks
  }

  record(entry: AuditEntry): void {
    const line = lineOf(entry, Date.now())
    const text = JSON.stringify(line)
    for (const sink of this.#sinks) sink.write(line, text)
  }

  reopen(): void {
    for (const sink of this.#sinks) sink.reopen()
  }

  async close(): Promise<void> {
    for (const sink of this.#sinks) await sink.close()
  }
}
