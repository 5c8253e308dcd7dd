/** People change their minds: cancel, and retry by hand. The old row is read under its lock, for PostgreSQL returns only the new one. */

import { SPLIT } from './columns.ts'

/** @param which states of `o` are cancelled */
function cancelling(which: string): string {
  return `
  with o as (
    select seq, id, state, epoch, lane, attempt from task where id = any(string_to_array($1, ${SPLIT})) order by seq for update
  ),
  s as (
    update task t set state = 7, finished_at = $2, due_at = null, error = null, epoch = (t.epoch >> 20) + 1 << 20
    from o where t.seq = o.seq and ${which} returning t.seq
  ),
  d as (insert into document (seq) select seq from s where $4::boolean on conflict (seq) do update set taken_at = null),
  k as (
    insert into count (lane, slot, running, scheduled, canceled)
    select lane, $3, -count(*) filter (where state = 2), -count(*) filter (where state = 0), count(*) from o where ${which} group by lane
    on conflict (lane, slot) do update set running = count.running + excluded.running, scheduled = count.scheduled + excluded.scheduled,
      canceled = count.canceled + excluded.canceled
  )
  select id, seq, state, epoch, lane, attempt from o`
}

/** Returns `id, seq, state before, epoch before, lane, attempt`; 0 to 3 were cancelled now, the others were final. */
export const CANCEL = { name: 'cancel', text: cancelling('o.state < 4') }
/** The same, but 2 runs on. */
export const CANCEL_WAITING = { name: 'cancel-waiting', text: cancelling('o.state in (0, 1, 3)') }

const REVIVAL = `
  s as (
    update task t set state = 1, run_at = $2, due_at = null, failed_at = null, expires_at = null, started_at = null, finished_at = null,
      worker = null, failures = 0, crashes = 0, attempt = 0, error = null, epoch = (t.epoch >> 20) + 1 << 20,
      options = case when t.options like '%"expiresAtMs"%' then (t.options::jsonb - 'expiresAtMs')::text else t.options end
    from o where t.seq = o.seq and o.state in (6, 7, 8) returning t.seq, t.run_at
  ),
  k as (
    insert into count (lane, slot, failed, canceled, expired)
    select lane, $3, -count(*) filter (where state = 6), -count(*) filter (where state = 7), -count(*) filter (where state = 8)
    from o where state in (6, 7, 8) group by lane
    on conflict (lane, slot) do update set failed = count.failed + excluded.failed, canceled = count.canceled + excluded.canceled,
      expired = count.expired + excluded.expired
  ),
  b as (insert into outbox (member, seqs) select $4, array_agg(seq order by seq) from s having count(*) > 0 returning seq)
  select o.id, o.seq, o.state, o.lane, (select seq from b), o.type, o.queue from o`

const OLD = 'select t.seq, t.id, t.state, t.lane, l.type, l.queue from task t join lane l on l.no = t.lane'

/** Returns `id, seq, state before, lane, outbox row, type, queue`; 6, 7 and 8 are queued now. */
export const REVIVE = {
  name: 'revive',
  text: `with o as (${OLD} where t.id = any(string_to_array($1, ${SPLIT})) order by t.seq for update of t), ${REVIVAL}`,
}

/** Of the dead-letter set, oldest failure first. `$1`: how many; `$5`, `$6`: types and queues, null for all. */
export const REVIVE_FAILED = {
  name: 'revive-failed',
  text: `with o as (
    ${OLD} where t.failed_at is not null and ($5::text is null or l.type = any(string_to_array($5, ${SPLIT})))
      and ($6::text is null or l.queue = any(string_to_array($6, ${SPLIT})))
    order by t.failed_at, t.seq limit $1 for update of t
  ), ${REVIVAL}`,
}
