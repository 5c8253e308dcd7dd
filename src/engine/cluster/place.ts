/**
 * Where a task stands, for whoever asks why it is not running. How many wait in lanes of higher priority is known from the counts; in those of its own priority
 * the rows before it are looked at, a bounded number.
 */

import type { Explanation } from '../../task/explanation.ts'
import { EXPLAIN_AHEAD_MAX, EXPLAIN_SCAN_MAX } from '../../task/limits.ts'
import type { EngineReport } from '../engine.ts'
import { explain, NOWHERE, type Place, rivalTypes } from '../explain.ts'
import { type Core, runsAlone } from './core.ts'
import { isPlain, numbers, texts } from './ledger/columns.ts'
import { AHEAD, FIND, LANE_COUNTS, readTask, type TaskRow } from './ledger/look-statements.ts'
import { toRecord } from './looking.ts'
import { laneOf } from './steering.ts'

export async function explainTask(core: Core, id: string, report: EngineReport): Promise<Explanation | null> {
  const rows = isPlain(id) ? await core.ledger.look.repeat(FIND, [texts([id])]) : []
  const row = rows.map(readTask)[0]
  if (row === undefined) return null
  const record = await toRecord(core, row, false)
  const place =
    row.state === 'running'
      ? { ...NOWHERE, leaseUntilMs: core.leases.find(row)?.untilMs ?? null }
      : row.state === 'queued'
        ? await placeInQueue(core, row, rivalTypes(record, report.consumers))
        : NOWHERE
  return explain(record, place, report, core.nowMs())
}

async function placeInQueue(core: Core, row: TaskRow, types: ReadonlySet<string> | null): Promise<Place> {
  const own = await laneOf(core, row.laneNo)
  const rivals = [...core.lanes.all].filter(
    (lane) => lane.queue === own.queue && (types === null || types.has(lane.type)),
  )
  const higher = new Set(rivals.filter(({ priority }) => priority > own.priority).map(({ no }) => no))
  const same = rivals.filter(({ priority }) => priority === own.priority).map(({ no }) => no)
  const [counts, [before]] = await Promise.all([
    core.ledger.look.repeat<[number, number]>(LANE_COUNTS, []),
    core.ledger.look.repeat<[number, number]>(AHEAD, [row.seq, row.runAtMs, numbers(same), EXPLAIN_SCAN_MAX]),
  ])
  const waitingHigher = counts.reduce(
    (sum, [laneNo, queued]) => sum + (higher.has(laneNo) ? Math.max(0, queued) : 0),
    0,
  )
  const [found, looked] = before!
  const ahead = waitingHigher + found
  return {
    ahead: Math.min(ahead, EXPLAIN_AHEAD_MAX),
    isMore: ahead > EXPLAIN_AHEAD_MAX || (looked === EXPLAIN_SCAN_MAX && found > 0),
    leaseUntilMs: null,
    runsAlone: runsAlone(row),
  }
}
