/** Looking something up in the audit log: in the table of the cluster, or in a file. */

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { type AuditLine, type AuditQuery, fitsAudit } from '../engine/audit.ts'
import { ChasquiError } from '../task/errors.ts'
import { openAuditStore } from './composition.ts'
import type { AUDIT_SETTINGS, Settings } from './settings.ts'

/** The newest that fit, oldest first. @throws ChasquiError CONFIG_INVALID: there is none, or it cannot be read */
export async function readAudit(
  settings: Pick<Settings, (typeof AUDIT_SETTINGS)[number]>,
  query: AuditQuery,
): Promise<readonly AuditLine[]> {
  const store = await openAuditStore(settings)
  if (store !== null) return store.find(query).finally(() => store.close())
  if (settings.audit !== undefined) return readFile(settings.audit, query)
  throw new ChasquiError(
    'CONFIG_INVALID',
    'which audit log? Give --audit FILE, or --engine cluster with --database-url',
  )
}

async function readFile(path: string, query: AuditQuery): Promise<readonly AuditLine[]> {
  let found: AuditLine[] = []
  try {
    for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      const line = parsed(text)
      if (line === null || !fitsAudit(line, query)) continue
      found.push(line)
      // The newest stay; not shifted one by one.
      if (found.length >= 2 * query.limit) found = found.slice(-query.limit)
    }
  } catch (cause) {
    const why = (cause as Error).message
    throw new ChasquiError('CONFIG_INVALID', `--audit ${path} cannot be read: ${why}`, { cause })
  }
  return found.slice(-query.limit)
}

/** Null: the torn last line of a process that was killed. */
function parsed(text: string): AuditLine | null {
  try {
    return JSON.parse(text) as AuditLine
  } catch {
    return null
  }
}
