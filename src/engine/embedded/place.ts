/** Where a task stands, for whoever asks why it is not running. Reads only what is committed. */

import type { Explanation } from '../../task/explanation.ts'
import { EXPLAIN_AHEAD_MAX } from '../../task/limits.ts'
import { mustRunAlone } from '../budget.ts'
import type { EngineReport } from '../engine.ts'
import { explain, NOWHERE, type Place, rivalTypes } from '../explain.ts'
import type { FullRow } from './full-row.ts'
import type { Heart } from './heart.ts'
import { recordOf } from './records.ts'

export function explainRow(heart: Heart, id: string, report: EngineReport): Explanation | null {
  const row = heart.store.look.find(id)
  if (row === null) return null
  const record = recordOf(heart, row)
  const place =
    record.state === 'running'
      ? { ...NOWHERE, leaseUntilMs: heart.leases.byId.get(id)!.leaseUntilMs }
      : record.state === 'queued'
        ? placeInQueue(heart, row, rivalTypes(record, report.consumers))
        : NOWHERE
  return explain(record, place, report, heart.clock.nowMs())
}

/** In each lane in question the rows before it are counted in the index, up to the limit; leased ones among them wait no more. */
function placeInQueue(heart: Heart, row: FullRow, types: ReadonlySet<string> | null): Place {
  const { tasks, names } = heart.store
  const lines = heart.lines.all.filter(
    ({ queueNo, typeNo }) => queueNo === row.queueNo && (types === null || types.has(names.nameOf(typeNo))),
  )
  const typeNos = new Set(lines.map(({ typeNo }) => typeNo))
  let leased = 0
  for (const entry of heart.leases.byId.values()) {
    if (entry.queueNo === row.queueNo && typeNos.has(entry.typeNo) && goesBefore(entry, row)) leased++
  }
  let ahead = -leased
  for (const { queueNo, typeNo } of lines) {
    if (ahead > EXPLAIN_AHEAD_MAX) break
    ahead += tasks.countBefore(queueNo, typeNo, row, EXPLAIN_AHEAD_MAX + 1 - ahead)
  }
  return {
    ahead: Math.min(ahead, EXPLAIN_AHEAD_MAX),
    isMore: ahead > EXPLAIN_AHEAD_MAX,
    leaseUntilMs: null,
    runsAlone: mustRunAlone(row),
  }
}

interface Placed {
  readonly priority: number
  readonly runAtMs: number
  readonly seq: number
}

function goesBefore(a: Placed, b: Placed): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  return a.runAtMs < b.runAtMs || (a.runAtMs === b.runAtMs && a.seq < b.seq)
}
