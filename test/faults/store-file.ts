/**
 * The SQLite file of a store as it lies there, read without the engine: the places of its tasks, and whatever no store may look like
 * at any moment between two commits.
 */

import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { STATE_OF_NUMBER } from '../../src/engine/embedded/schema.ts'
import type { FinalState } from '../../src/task/lifecycle.ts'

export interface StoredTask {
  readonly seq: number
  readonly id: string
  /** null: it is not final. */
  readonly final: {
    readonly state: FinalState
    readonly epoch: number
    readonly attempt: number
    readonly finishedAtMs: number
    readonly value: string | null
    readonly error: string | null
  } | null
}

export interface StoreLook {
  /** Sentences; none when the file is sound. */
  readonly faults: readonly string[]
  readonly tasks: ReadonlyMap<string, StoredTask>
  /** Rows that only tasks that are not final have. */
  readonly live: { readonly ready: number; readonly scheduled: number; readonly expiry: number }
  /** Tasks, not final, that a lease names, with its epoch. */
  readonly leased: ReadonlyMap<string, number>
  readonly leaseRows: number
}

/** Which rows of one table contradict another: a query that should find nothing, and what it means when it does. */
const CONTRADICTIONS: readonly (readonly [what: string, sql: string])[] = [
  [
    'is in no place',
    `select t.id from task t where not exists (select 1 from result r where r.seq = t.seq)
      and not exists (select 1 from scheduled s where s.seq = t.seq)
      and not exists (select 1 from ready y where y.seq = t.seq)`,
  ],
  [
    'is in several places',
    `select t.id from task t join
      (select seq from result union all select seq from scheduled union all select seq from ready) p on p.seq = t.seq
      group by t.seq having count(*) > 1`,
  ],
  [
    'has several results',
    'select t.id from result r join task t using (seq) group by seq having count(*) > 1',
  ],
  [
    'is ready in another place than its own row says',
    `select t.id from ready y join task t using (seq)
      where y.queue <> t.queue or y.type <> t.type or y.rank <> -t.priority or y.run_at <> t.run_at`,
  ],
  [
    'is scheduled for another time than its own row says',
    'select t.id from scheduled s join task t using (seq) where s.run_at <> t.run_at',
  ],
  [
    'is final and still has a deadline',
    'select t.id from expiry e join result r using (seq) join task t using (seq)',
  ],
  ...['result', 'ready', 'scheduled', 'failure', 'log'].map(
    (table) =>
      [
        `is a sequence number in ${table} without a task`,
        `select distinct x.seq from ${table} x left join task t using (seq) where t.seq is null`,
      ] as const,
  ),
]

/** What the totals should be, from the rows. Holds as long as nothing was purged. */
const COUNTED = `select t.queue, count(*),
    sum(r.state is 5), sum(r.state is 6), sum(r.state is 7), sum(r.state is 8)
  from task t left join result r using (seq) group by t.queue order by t.queue`
const TOTALS =
  'select queue, submitted, succeeded, failed, canceled, expired from total where submitted > 0 order by queue'

const SQLITE_CORRUPT = 11

const NOTHING: StoreLook = {
  faults: [],
  tasks: new Map(),
  live: { ready: 0, scheduled: 0, expiry: 0 },
  leased: new Map(),
  leaseRows: 0,
}

/** May be called while the owner of the store runs. */
export function lookAtStore(dir: string): StoreLook {
  const database = new DatabaseSync(join(dir, 'chasqui.db'), { readOnly: true, timeout: 5_000 })
  const rows = (sql: string) => {
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    return statement.all() as unknown as (number | string | null)[][]
  }
  try {
    // All that follows is about one moment.
    database.exec('begin')
    const faults: string[] = []
    for (const [said] of rows('pragma integrity_check')) if (said !== 'ok') faults.push(`integrity: ${said}`)
    // What a damaged file says of its rows is worth nothing.
    if (faults.length > 0) return { ...NOTHING, faults }
    for (const [what, sql] of CONTRADICTIONS) for (const [id] of rows(sql)) faults.push(`${id} ${what}`)
    const counted = JSON.stringify(rows(COUNTED))
    const totals = JSON.stringify(rows(TOTALS))
    if (counted !== totals) faults.push(`the totals are ${totals}, but the rows make ${counted}`)

    const tasks = readTasks(rows)
    const leased = new Map<string, number>()
    const bySeq = new Map([...tasks.values()].map((task) => [task.seq, task]))
    const leases = rows('select epoch, seqs from lease order by epoch')
    for (const [epoch, seqs] of leases) {
      const live = (JSON.parse(seqs as string) as number[]).map((seq) => bySeq.get(seq))
      const open = live.filter((task) => task !== undefined && task.final === null) as StoredTask[]
      if (open.length === 0) faults.push(`lease ${epoch} is there although all its tasks are final`)
      for (const { id } of open) {
        if (leased.has(id)) faults.push(`${id} is leased under ${leased.get(id)} and under ${epoch}`)
        leased.set(id, epoch as number)
      }
    }
    for (const [id] of rows('select t.id from scheduled s join task t using (seq)')) {
      if (leased.has(id as string)) faults.push(`${id} is leased although it is not due`)
    }
    const count = (table: string) => rows(`select count(*) from ${table}`)[0]![0] as number
    const live = { ready: count('ready'), scheduled: count('scheduled'), expiry: count('expiry') }
    return { faults, tasks, live, leased, leaseRows: leases.length }
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== SQLITE_CORRUPT) throw error
    return { ...NOTHING, faults: [`integrity: ${(error as Error).message}`] }
  } finally {
    database.close()
  }
}

function readTasks(rows: (sql: string) => (number | string | null)[][]): Map<string, StoredTask> {
  const found = rows(
    `select t.seq, t.id, r.state, r.epoch, r.attempt, r.finished_at, r.value, r.error
     from task t left join result r using (seq)`,
  )
  return new Map(
    found.map(([seq, id, state, epoch, attempt, finishedAtMs, value, error]) => [
      id as string,
      {
        seq: seq as number,
        id: id as string,
        final:
          state === null
            ? null
            : {
                state: STATE_OF_NUMBER[state as keyof typeof STATE_OF_NUMBER],
                epoch: epoch as number,
                attempt: attempt as number,
                finishedAtMs: finishedAtMs as number,
                value: value as string | null,
                error: error as string | null,
              },
      },
    ]),
  )
}

/** The files of a store whose owner is dead, as they lie there; the log cut to `logBytes`. */
export function copyStore(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of ['chasqui.db', 'chasqui.db-wal']) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name))
  }
}
