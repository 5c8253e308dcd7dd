/** Where a task stands, for whoever asks why it is not running. */

import type { Explanation } from '../../task/explanation.ts'
import { EXPLAIN_AHEAD_MAX } from '../../task/limits.ts'
import type { EngineReport } from '../engine.ts'
import { explain, NOWHERE, type Place, rivalTypes } from '../explain.ts'
import type { Ledger } from './ledger.ts'
import { goesBefore } from './ready-rows.ts'
import { isForOneAlone, type Row, recordOf } from './row.ts'

export function explainRow(
  ledger: Ledger,
  id: string,
  report: EngineReport,
  nowMs: number,
): Explanation | null {
  const row = ledger.find(id)
  if (row === undefined) return null
  const record = recordOf(row, false)
  return explain(record, placeOf(ledger, row, rivalTypes(record, report.consumers)), report, nowMs)
}

function placeOf(ledger: Ledger, row: Row, types: ReadonlySet<string> | null): Place {
  if (row.state === 'running') return { ...NOWHERE, leaseUntilMs: row.lease?.atMs ?? null }
  if (row.state !== 'queued') return NOWHERE
  const before = ledger
    .rows()
    .filter(
      (one) =>
        one.state === 'queued' &&
        one.submission.queue === row.submission.queue &&
        (types === null || types.has(one.submission.type)) &&
        goesBefore(one, row),
    ).length
  return {
    ahead: Math.min(before, EXPLAIN_AHEAD_MAX),
    isMore: before > EXPLAIN_AHEAD_MAX,
    leaseUntilMs: null,
    runsAlone: isForOneAlone(row),
  }
}
