/** A task's row joined with whatever says where the task is: read wherever a task is found outside memory. */

import type { TaskOptions } from '../../task/task.ts'
import type { Row } from './sql.ts'

/** A task's row with whatever says where it is: FULL_COLUMNS. */
export interface FullRow {
  readonly seq: number
  readonly id: string
  readonly queueNo: number
  readonly typeNo: number
  readonly priority: number
  readonly createdAtMs: number
  readonly runAtMs: number
  readonly options: TaskOptions | null
  readonly dataText: string | null
  readonly place: 'ready' | 'scheduled' | 'final'
  readonly failures: number
  readonly crashes: number
  readonly final: {
    readonly stateNumber: 5 | 6 | 7 | 8
    readonly epoch: number
    readonly attempt: number
    readonly startedAtMs: number | null
    readonly finishedAtMs: number
    readonly workerNo: number | null
    readonly valueText: string | null
    readonly errorText: string | null
  } | null
}

export const FULL_COLUMNS = `t.seq, t.id, t.queue, t.type, t.priority, t.created_at, t.run_at, t.options,
  r.state, r.epoch, r.attempt, r.crashes, r.started_at, r.finished_at, r.worker, r.value, r.error,
  s.failures, s.crashes, y.failures, y.crashes`
export const FULL_JOINS = `left join result r on r.seq = t.seq
  left join scheduled s on s.run_at = t.run_at and s.seq = t.seq
  left join ready y on y.queue = t.queue and y.type = t.type and y.rank = -t.priority and y.run_at = t.run_at and y.seq = t.seq`

export function readFull(row: Row): FullRow {
  const final = row[8] !== null
  const scheduled = !final && row[17] !== null
  return {
    seq: row[0] as number,
    id: row[1] as string,
    queueNo: row[2] as number,
    typeNo: row[3] as number,
    priority: row[4] as number,
    createdAtMs: row[5] as number,
    runAtMs: row[6] as number,
    options: row[7] === null ? null : (JSON.parse(row[7] as string) as TaskOptions),
    dataText: (row[21] as string | undefined) ?? null,
    place: final ? 'final' : scheduled ? 'scheduled' : 'ready',
    failures: (final ? 0 : scheduled ? row[17] : row[19]) as number,
    crashes: (final ? row[11] : scheduled ? row[18] : row[20]) as number,
    final: final
      ? {
          stateNumber: row[8] as 5 | 6 | 7 | 8,
          epoch: row[9] as number,
          attempt: row[10] as number,
          startedAtMs: row[12] as number | null,
          finishedAtMs: row[13] as number,
          workerNo: row[14] as number | null,
          valueText: row[15] as string | null,
          errorText: row[16] as string | null,
        }
      : null,
  }
}
