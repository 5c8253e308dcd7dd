/** What can be seen: tasks, pages of them, log lines, counts. */

import type { TaskState } from '../../../task/lifecycle.ts'
import { ATTEMPTS_DEFAULT } from '../../../task/limits.ts'
import type { TaskError } from '../../../task/outcome.ts'
import type { TaskOptions, TaskRecord, WorkerIdentity } from '../../../task/task.ts'
import type { Lane } from '../lane.ts'
import { SPLIT } from './columns.ts'
import { STATE_OF_NUMBER } from './schema.ts'
import type { Row } from './session.ts'

const COLUMNS = `t.seq, t.id, t.lane, t.state, t.epoch, t.failures, t.crashes, t.attempt, t.created_at, t.run_at, t.started_at,
  t.finished_at, t.options, t.result, t.result_ref, t.error, w.id, w.pid, w.host`
const FROM = 'from task t left join worker w on w.no = t.worker'

export interface TaskRow {
  readonly seq: number
  readonly id: string
  readonly laneNo: number
  readonly state: TaskState
  readonly epoch: number
  readonly failures: number
  readonly crashes: number
  readonly attempt: number
  readonly createdAtMs: number
  readonly runAtMs: number
  readonly startedAtMs: number | null
  readonly finishedAtMs: number | null
  readonly options: TaskOptions | null
  readonly resultText: string | null
  readonly resultRef: string | null
  readonly errorText: string | null
  readonly worker: WorkerIdentity | null
  /** Only where asked for. */
  readonly dataText: string | null
  readonly dataRef: string | null
}

export function readTask(row: Row): TaskRow {
  return {
    seq: row[0] as number,
    id: row[1] as string,
    laneNo: row[2] as number,
    state: STATE_OF_NUMBER[row[3] as number] as TaskState,
    epoch: row[4] as number,
    failures: row[5] as number,
    crashes: row[6] as number,
    attempt: row[7] as number,
    createdAtMs: row[8] as number,
    runAtMs: row[9] as number,
    startedAtMs: row[10] as number | null,
    finishedAtMs: row[11] as number | null,
    options: row[12] === null ? null : (JSON.parse(row[12] as string) as TaskOptions),
    resultText: row[13] as string | null,
    resultRef: row[14] as string | null,
    errorText: row[15] as string | null,
    worker:
      row[16] === null ? null : { id: row[16] as string, pid: row[17] as number, host: row[18] as string },
    dataText: (row[19] as string | undefined) ?? null,
    dataRef: (row[20] as string | null | undefined) ?? null,
  }
}

/** `$2`: with data. */
export const FIND = {
  name: 'find',
  text: `select ${COLUMNS} ${FROM} where t.id = any(string_to_array($1, ${SPLIT}))`,
}
export const FIND_WITH_DATA = {
  name: 'find-with-data',
  text: `select ${COLUMNS}, t.payload, t.payload_ref ${FROM} where t.id = any(string_to_array($1, ${SPLIT}))`,
}
export const KNOWN = {
  name: 'known',
  text: `select id from task where id = any(string_to_array($1, ${SPLIT}))`,
}
export const FIND_SEQS = {
  name: 'find-seqs',
  text: `select ${COLUMNS} ${FROM} where t.seq = any($1::bigint[])`,
}

/** Of leases (`$1` tasks, `$2` epochs) those that are not the current ones. */
export const OTHER_EPOCHS = {
  name: 'other-epochs',
  text: `select t.seq, t.state, t.epoch from unnest($1::bigint[], $2::bigint[]) x(i, e) join task t on t.seq = x.i where t.epoch <> x.e`,
}

/** Newest first, all of a range; `$2`: how many are looked at. */
export const PAGE = {
  name: 'page',
  text: `select ${COLUMNS} ${FROM} where t.seq < $1 order by t.seq desc limit $2`,
}
export const PAGE_WITH_DATA = {
  name: 'page-with-data',
  text: `select ${COLUMNS}, t.payload, t.payload_ref ${FROM} where t.seq < $1 order by t.seq desc limit $2`,
}

export const LOG = {
  name: 'log',
  text: `select g.number, g.at, g.attempt, g.level, g.text from log g join task t on t.seq = g.seq
    where t.id = $1 and g.number > $2 order by g.number limit $3`,
}
/** Lines of running attempts, numbered here. Returns the numbers; nothing when the lease is not the current one. */
export const LOG_LAST = {
  name: 'log-last',
  text: 'select coalesce(max(number), 0) from log where seq = $1',
}
export const LOG_ADD = {
  name: 'log-add',
  text: `insert into log (seq, number, at, attempt, level, text)
    select $1, n, a, $2, l, x from unnest($3::int[], $4::bigint[], $5::smallint[], string_to_array($6, ${SPLIT})) y(n, a, l, x)
    on conflict do nothing`,
}

export const COUNTS = {
  name: 'counts',
  text: `select l.queue, sum(c.submitted)::bigint, sum(c.scheduled)::bigint, sum(c.running)::bigint, sum(c.succeeded)::bigint,
      sum(c.failed)::bigint, sum(c.canceled)::bigint, sum(c.expired)::bigint
    from count c join lane l on l.no = c.lane group by l.queue order by l.queue`,
}
export const LANE_COUNTS = {
  name: 'lane-counts',
  text: `select lane, sum(submitted - scheduled - running - succeeded - failed - canceled - expired)::bigint from count group by lane order by lane`,
}
/** Waiting tasks of lanes (`$3`) before a place, among the `$4` rows before it; and how many were looked at. */
export const AHEAD = {
  name: 'ahead',
  text: `select count(*) filter (where state + 0 = 1 and lane = any($3::int[]) and (run_at, seq) < ($2::bigint, $1::bigint)), count(*)
    from (select seq, state, lane, run_at from task where seq < $1 order by seq desc limit $4) t`,
}
/** The longest due task of a queue, among the first rows that are not final: `$1` lanes, `$2` rows looked at. */
export const OLDEST = {
  name: 'oldest',
  text: `select min(run_at) from (
      select state, run_at, lane from task order by seq limit $2
    ) t where t.state + 0 = 1 and t.lane = any($1::int[])`,
}
export const SIZE = {
  name: 'size',
  text: `select pg_total_relation_size('task'), (select count(*) from outbox), (select count(*) from claim)`,
}

export function recordOf(
  row: TaskRow,
  lane: Lane,
  values: { resultText: string | null; dataText: string | null },
): TaskRecord {
  const { options } = row
  return {
    id: row.id,
    type: lane.type,
    queue: lane.queue,
    state: row.state,
    priority: lane.priority,
    attempt: row.attempt,
    maxAttempts: options?.maxAttempts ?? ATTEMPTS_DEFAULT,
    crashes: row.crashes,
    createdAtMs: row.createdAtMs,
    runAtMs: row.runAtMs,
    ...(row.startedAtMs !== null && { startedAtMs: row.startedAtMs }),
    ...(row.finishedAtMs !== null && { finishedAtMs: row.finishedAtMs }),
    ...(options?.expiresAtMs !== undefined && { expiresAtMs: options.expiresAtMs }),
    ...(values.resultText !== null && { resultText: values.resultText }),
    ...(row.errorText !== null && { error: JSON.parse(row.errorText) as TaskError }),
    ...(row.worker !== null && { worker: row.worker }),
    ...(options?.key !== undefined && { key: options.key }),
    ...(options?.metadata !== undefined && { metadata: options.metadata }),
    ...(values.dataText !== null && { dataText: values.dataText }),
  }
}

/** Which of these nobody has claimed. */
export const STILL_WAITING = {
  name: 'still-waiting',
  text: 'select seq from task where seq = any($1::bigint[]) and state + 0 = 1',
}
/** By the index that holds nothing but tasks with an account. */
export const OWNED = {
  name: 'owned',
  text: 'select owner, sum(owner_bytes)::bigint from task where owner is not null group by owner',
}
