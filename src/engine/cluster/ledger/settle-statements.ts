/**
 * What attempts came to, recorded where the epoch still is the lease's. Two statements: success, which is nearly all of them, and everything
 * else. What they do not return was fenced off.
 */

import { numbers, SPLIT, texts } from './columns.ts'
import { STATE_NUMBER } from './schema.ts'
import type { Parameter } from './session.ts'

export interface Success {
  readonly seq: number
  readonly epoch: number
  readonly valueText: string
  /** JSON of a reference to a large value, or ''. */
  readonly valueRef: string
}

/** `$7`: final tasks leave a document. */
export const SUCCEED = {
  name: 'succeed',
  text: `
  with gone as (delete from claim where seq = any($6::bigint[])),
  s as (
    update task t set state = 5, result = x.r, result_ref = nullif(x.f, ''), finished_at = $4, error = null
    from unnest($1::bigint[], $2::bigint[], string_to_array($3, ${SPLIT}), string_to_array($8, ${SPLIT})) x(i, e, r, f)
    where t.seq = x.i and t.state + 0 = 2 and t.epoch = x.e returning t.seq, t.lane
  ),
  d as (insert into document (seq) select seq from s where $7::boolean on conflict (seq) do update set taken_at = null),
  k as (
    insert into count (lane, slot, running, succeeded) select lane, $5, -count(*), count(*) from s group by lane
    on conflict (lane, slot) do update set running = count.running + excluded.running, succeeded = count.succeeded + excluded.succeeded
  )
  select seq from s`,
}

export function succeedParameters(
  batch: readonly Success[],
  nowMs: number,
  slot: number,
  doneClaims: readonly number[],
  documents: boolean,
): Parameter[] {
  return [
    numbers(batch.map((one) => one.seq)),
    numbers(batch.map((one) => one.epoch)),
    texts(batch.map((one) => one.valueText)),
    nowMs,
    slot,
    numbers(doneClaims),
    documents ? 'true' : 'false',
    batch.every((one) => one.valueRef === '') ? '' : texts(batch.map((one) => one.valueRef)),
  ]
}

/** What follows from an outcome that was no success. */
export interface Consequence {
  readonly seq: number
  readonly epoch: number
  readonly state: 'queued' | 'scheduled' | 'failed' | 'expired'
  readonly failures: number
  readonly crashes: number
  readonly attempt: number
  /** New place in the queue; 0: as before. */
  readonly runAtMs: number
  /** JSON; '': as before. */
  readonly errorText: string
  /** Whether the lease that ended may settle again and hear that it is accepted. false: it is fenced off too. */
  readonly repeatable: boolean
}

export const CONCLUDE = {
  name: 'conclude',
  text: `
  with s as (
    update task t set state = x.s, failures = x.f, crashes = x.c, attempt = x.a, error = coalesce(nullif(x.x, ''), t.error),
      run_at = case when x.r > 0 then x.r else t.run_at end, due_at = case when x.s = 0 then x.r end,
      failed_at = case when x.s = 6 then $9::bigint end, finished_at = case when x.s >= 5 then $9::bigint end,
      started_at = case when x.s >= 5 then t.started_at end, worker = case when x.s >= 5 then t.worker end,
      epoch = case when x.b then t.epoch else (t.epoch >> 20) + 1 << 20 end
    from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::smallint[], $5::smallint[], $6::smallint[], $7::bigint[],
      string_to_array($8, ${SPLIT}), $12::boolean[]) x(i, e, s, f, c, a, r, x, b)
    where t.seq = x.i and t.state + 0 = 2 and t.epoch = x.e returning t.seq, t.lane, t.state, t.run_at
  ),
  d as (insert into document (seq) select seq from s where $11::boolean and state >= 5 on conflict (seq) do update set taken_at = null),
  k as (
    insert into count (lane, slot, running, scheduled, failed, expired)
    select lane, $10, -count(*), count(*) filter (where state = 0), count(*) filter (where state = 6), count(*) filter (where state = 8)
    from s group by lane
    on conflict (lane, slot) do update set running = count.running + excluded.running, scheduled = count.scheduled + excluded.scheduled,
      failed = count.failed + excluded.failed, expired = count.expired + excluded.expired
  ),
  o as (insert into outbox (member, seqs) select $13, array_agg(seq order by seq) from s where state = 1 having count(*) > 0 returning seq)
  select s.seq, s.lane, s.state, s.run_at, (select seq from o) from s`,
}

export function concludeParameters(
  batch: readonly Consequence[],
  nowMs: number,
  slot: number,
  documents: boolean,
  member: number,
): Parameter[] {
  return [
    numbers(batch.map((one) => one.seq)),
    numbers(batch.map((one) => one.epoch)),
    numbers(batch.map((one) => STATE_NUMBER[one.state])),
    numbers(batch.map((one) => one.failures)),
    numbers(batch.map((one) => one.crashes)),
    numbers(batch.map((one) => one.attempt)),
    numbers(batch.map((one) => one.runAtMs)),
    batch.every((one) => one.errorText === '') ? '' : texts(batch.map((one) => one.errorText)),
    nowMs,
    slot,
    documents ? 'true' : 'false',
    `{${batch.map((one) => one.repeatable).join()}}`,
    member,
  ]
}
