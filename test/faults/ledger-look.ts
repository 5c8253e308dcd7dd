/**
 * The ledger of the cluster engine as it lies in PostgreSQL, read without the engine: the places of its tasks, and whatever no ledger may look
 * like at any moment between two commits. The same shape as store-file.ts gives for the embedded store.
 */

import pg from 'pg'
import { STATE_OF_NUMBER } from '../../src/engine/cluster/ledger/schema.ts'
import type { FinalState } from '../../src/task/lifecycle.ts'
import type { StoredTask, StoreLook } from './store-file.ts'

type Cell = number | string | null

/** A query that should find nothing, and what it means when it does. */
const CONTRADICTIONS: readonly (readonly [what: string, sql: string])[] = [
  ['is final and has no time of it', 'select id from task where state >= 5 and finished_at is null'],
  [
    'is not final and has the time of its end',
    'select id from task where state < 5 and finished_at is not null',
  ],
  ['is scheduled and will never be due', 'select id from task where state = 0 and due_at is null'],
  [
    'is due again although it is not scheduled',
    'select id from task where state <> 0 and due_at is not null',
  ],
  [
    'is running and in nobody’s claim',
    `select t.id from task t where t.state = 2 and not exists (
      select 1 from claim c, unnest(c.seqs, c.epochs) h(seq, epoch) where h.seq = t.seq and h.epoch = t.epoch)`,
  ],
  ['is in no lane', 'select t.id from task t where not exists (select 1 from lane l where l.no = t.lane)'],
]

/** What the totals should be, from the rows. Holds as long as nothing was purged. */
const COUNTED = `select lane, count(*), count(*) filter (where state = 0), count(*) filter (where state = 2), count(*) filter (where state = 5),
    count(*) filter (where state = 6), count(*) filter (where state = 7), count(*) filter (where state = 8)
  from task group by lane order by lane`
const TOTALS = `select lane, sum(submitted)::bigint, sum(scheduled)::bigint, sum(running)::bigint, sum(succeeded)::bigint,
    sum(failed)::bigint, sum(canceled)::bigint, sum(expired)::bigint
  from count group by lane having sum(submitted) > 0 order by lane`

/**
 * May be called while engines run on it.
 *
 * @param readObject large values, by the key of their reference
 */
export async function lookAtLedger(
  databaseUrl: string,
  readObject: (key: string) => Promise<string> = unexpected,
): Promise<StoreLook> {
  const client = new pg.Client({ connectionString: databaseUrl, options: '-c search_path=chasqui' })
  await client.connect()
  const rows = async (text: string): Promise<Cell[][]> =>
    (await client.query({ text, rowMode: 'array' })).rows.map((row: Cell[]) =>
      // Only bigint comes as text: numbers here stay far below 2^53.
      row.map((cell) => (typeof cell === 'string' && /^-?\d{1,16}$/.test(cell) ? Number(cell) : cell)),
    )
  try {
    // All that follows is about one moment.
    await client.query('begin isolation level repeatable read')
    const faults: string[] = []
    for (const [what, sql] of CONTRADICTIONS) for (const [id] of await rows(sql)) faults.push(`${id} ${what}`)
    const counted = JSON.stringify(await rows(COUNTED))
    const totals = JSON.stringify(await rows(TOTALS))
    if (counted !== totals) faults.push(`the totals are ${totals}, but the rows make ${counted}`)
    const tasks = new Map<string, StoredTask>()
    const leased = new Map<string, number>()
    const { rows: found } = await client.query(
      'select seq::int, id, state::int, epoch::text, attempt::int, finished_at::text, result, result_ref, error from task',
    )
    let waiting = 0
    let scheduled = 0
    for (const { seq, id, state, epoch, attempt, finished_at, result, result_ref, error } of found) {
      const isFinal = state >= 5
      if (state === 0) scheduled++
      if (state === 1) waiting++
      if (state === 2) leased.set(id, Number(epoch))
      tasks.set(id, {
        seq,
        id,
        final: isFinal
          ? {
              state: STATE_OF_NUMBER[state] as FinalState,
              epoch: Number(epoch),
              attempt,
              finishedAtMs: Number(finished_at),
              value: result_ref === null ? result : await readObject(JSON.parse(result_ref).key),
              error,
            }
          : null,
      })
    }
    // Rows of members that were killed are swept later, and harmless once nothing of what they name waits.
    const live = { ready: waiting, scheduled, expiry: 0 }
    return { faults, tasks, live, leased, leaseRows: leased.size }
  } finally {
    await client.end()
  }
}

function unexpected(key: string): never {
  throw new Error(`there is no object store, and a row names ${key}`)
}
