/**
 * What a command writes down itself, because it changes the locks without a distributor: one line, in every audit log that the settings name.
 *
 * Invariant: the logs are opened before anything is changed, so that a change that cannot be written down is not made; where only the writing
 * fails, the caller gets that instead of the result: a token that nobody wrote down is shown to nobody.
 */

import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { AuditEntry } from '../engine/audit.ts'
import { ChasquiError } from '../task/errors.ts'
import { lineOf } from './audit-sink.ts'
import { openAuditStore } from './composition.ts'
import type { AUDIT_SETTINGS, Settings } from './settings.ts'

export type Note = Pick<AuditEntry, 'act' | 'details'>

/** @throws what `change` throws; STORE_FAILED: it was done, and is not written down; CONFIG_INVALID and what the database says: nothing was done */
export async function withNote<Result>(
  settings: Pick<Settings, (typeof AUDIT_SETTINGS)[number]>,
  change: () => Result,
  noteOf: (result: Result) => Note,
): Promise<Result> {
  const store = await openAuditStore(settings)
  const file = settings.audit === undefined ? null : openFile(settings.audit)
  try {
    const result = change()
    const note = noteOf(result)
    const line = lineOf({ result: 'allowed', who: nameOfUser(), from: 'local', ...note }, Date.now())
    try {
      if (file !== null) {
        writeSync(file, `${JSON.stringify(line)}\n`)
        fsyncSync(file)
      }
      await store?.append([line])
    } catch (cause) {
      const why = (cause as Error).message
      throw new ChasquiError('STORE_FAILED', `this was done, but is not in the audit log: ${why}`, { cause })
    }
    return result
  } finally {
    if (file !== null) closeSync(file)
    await store?.close()
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'a', 0o600)
  } catch (cause) {
    const why = (cause as Error).message
    throw new ChasquiError('CONFIG_INVALID', `--audit ${path} cannot be written to: ${why}`, { cause })
  }
}

function nameOfUser(): string {
  try {
    return `user ${userInfo().username}`
  } catch {
    // An id without a name, as in containers.
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}
