/**
 * What the keeper does for everybody: moves what is due, expires, takes work back from members that are gone, makes lost hints anew, purges.
 * Every statement checks the rows again, so that two keepers at once (a lock that was lost unseen) do no harm.
 */

import { SPLIT } from './columns.ts'

/** `$1` now, `$2` limit, `$3` not before (the moving lower bound: without it a long transaction elsewhere makes each look dearer), `$4` slot, `$5` member. */
export const MOVE_DUE = {
  name: 'move-due',
  text: `
  with due as (select seq from task where due_at <= $1 and due_at >= $3 order by due_at limit $2 for update skip locked),
  m as (update task t set state = 1, due_at = null from due where t.seq = due.seq and t.state = 0 returning t.seq, t.lane, t.run_at, t.id, t.attempt, t.crashes, t.options),
  k as (
    insert into count (lane, slot, scheduled) select lane, $4, -count(*) from m group by lane
    on conflict (lane, slot) do update set scheduled = count.scheduled + excluded.scheduled
  ),
  o as (insert into outbox (member, seqs) select $5, array_agg(seq order by seq) from m having count(*) > 0 returning seq)
  select m.seq, m.lane, m.run_at, m.id, m.attempt, (select seq from o), m.crashes, case when m.crashes > 0 then m.options end
  from m order by m.run_at, m.seq`,
}
export const NEXT_DUE = {
  name: 'next-due',
  text: 'select min(due_at) from task where due_at is not null and due_at >= $1',
}

/** `$1` now, `$2` limit, `$3` slot, `$4` documents. Running ones run on; if they come back unstarted, their expiry is looked at again. */
export const EXPIRE = {
  name: 'expire',
  text: `
  with e as (delete from expiry where (at, seq) in (select at, seq from expiry where at <= $1 order by at, seq limit $2) returning seq),
  o as (
    select t.seq, t.state, t.lane, t.id, t.attempt from task t join e on e.seq = t.seq
    where t.state in (0, 1) and t.failures = 0 and t.crashes = 0 and t.expires_at <= $1 order by t.seq for update of t
  ),
  s as (update task t set state = 8, finished_at = $1, due_at = null, epoch = (t.epoch >> 20) + 1 << 20 from o where t.seq = o.seq returning t.seq),
  d as (insert into document (seq) select seq from s where $4::boolean on conflict (seq) do update set taken_at = null),
  k as (
    insert into count (lane, slot, scheduled, expired) select lane, $3, -count(*) filter (where state = 0), count(*) from o group by lane
    on conflict (lane, slot) do update set scheduled = count.scheduled + excluded.scheduled, expired = count.expired + excluded.expired
  )
  select o.id, o.lane, o.attempt, (select count(*) from e) from o right join (select 1) one on true`,
}
export const NEXT_EXPIRY = { name: 'next-expiry', text: 'select min(at) from expiry' }
/** A task that was not started came back: it may still expire. */
export const EXPIRY_AGAIN = {
  name: 'expiry-again',
  text: `insert into expiry (at, seq) select expires_at, seq from task where seq = any($1::bigint[]) and expires_at is not null
    on conflict do nothing`,
}

/** Members that have not said that they live since `$1`, or that closed, and still hold something. `$2`: myself. */
export const GONE = {
  name: 'gone',
  text: `select no, seen_at, closed from member m where no <> $2 and (seen_at < $1 or closed)`,
}
/** What a member held that nobody took over. */
export const HELD_BY = {
  name: 'held-by',
  text: `
  select t.seq, t.id, t.epoch, t.failures, t.crashes, t.options, t.lane, t.run_at, w.id, w.pid, w.host
  from claim c, unnest(c.seqs, c.epochs) h(seq, epoch) join task t on t.seq = h.seq and t.epoch = h.epoch left join worker w on w.no = t.worker
  where c.member = $1 and t.state = 2 and not exists (
    select 1 from claim c2, unnest(c2.seqs, c2.epochs) h2(seq, epoch) where c2.member <> $1 and h2.seq = h.seq and h2.epoch = h.epoch
  )
  limit $2`,
}
export const FORGET_CLAIMS = { name: 'forget-claims', text: 'delete from claim where member = $1' }
export const TAKE_OUTBOX = { name: 'take-outbox', text: 'update outbox set member = $2 where member = $1' }
/** From whom to whom; says how many. */
export const PASS_OUTBOX = {
  name: 'pass-outbox',
  text: 'with o as (update outbox set member = $2 where member = $1 returning seq) select count(*) from o',
}
export const FOLD_COUNTS = {
  name: 'fold-counts',
  text: `
  with old as (delete from count where slot / 16 = $1 returning *),
  s as (
    select lane, sum(submitted)::bigint submitted, sum(scheduled)::bigint scheduled, sum(running)::bigint running, sum(succeeded)::bigint succeeded,
      sum(failed)::bigint failed, sum(canceled)::bigint canceled, sum(expired)::bigint expired from old group by lane
  )
  insert into count (lane, slot, submitted, scheduled, running, succeeded, failed, canceled, expired)
  select lane, 0, submitted, scheduled, running, succeeded, failed, canceled, expired from s
  on conflict (lane, slot) do update set submitted = count.submitted + excluded.submitted, scheduled = count.scheduled + excluded.scheduled,
    running = count.running + excluded.running, succeeded = count.succeeded + excluded.succeeded, failed = count.failed + excluded.failed,
    canceled = count.canceled + excluded.canceled, expired = count.expired + excluded.expired`,
}
export const FORGET_MEMBER = { name: 'forget-member', text: 'delete from member where no = $1' }

/** Outbox rows of a member, with what of them still waits. */
export const READ_OUTBOX = {
  name: 'read-outbox',
  text: `select o.seq, t.seq, t.lane, t.run_at, t.crashes, t.options from (select seq, seqs from outbox where member = $1 and seq > $2 order by seq limit $3) o
    left join lateral (select t.seq, t.lane, t.run_at, t.crashes, case when t.crashes > 0 then t.options end options from unnest(o.seqs) u(s) join task t on t.seq = u.s and t.state + 0 = 1) t on true
    order by o.seq, t.run_at, t.seq`,
}
export const DELETE_OUTBOX = {
  name: 'delete-outbox',
  text: 'delete from outbox where seq = any($1::bigint[])',
}
export const DELETE_CLAIMS = {
  name: 'delete-claims',
  text: 'delete from claim where seq = any($1::bigint[])',
}
/** Claims of mine that I do not know: their answer was lost with a connection. */
export const LOST_CLAIMS = {
  name: 'lost-claims',
  text: `select c.seq, t.seq, t.id, t.epoch, t.failures, t.crashes, t.lane, t.run_at from claim c, unnest(c.seqs, c.epochs) h(seq, epoch)
    join task t on t.seq = h.seq and t.epoch = h.epoch where c.member = $1 and t.state = 2 and not (c.seq = any($2::bigint[]))`,
}

/** Waiting tasks of a lane, for hints that were lost. */
export const WAITING_IN = {
  name: 'waiting-in',
  text: `select seq, run_at, crashes, case when crashes > 0 then options end from task where seq > $2 and lane = $1 and state + 0 = 1 and run_at <= $4 order by seq limit $3`,
}

/**
 * `$1` after, `$2` rows looked at, `$3` and `$4`: finished before; `$5` to `$7`: lanes whose queues keep their tasks for other times, likewise. Returns the
 * last row looked at, and the references of what was deleted.
 */
export const PURGE = {
  name: 'purge',
  text: `
  with r as (select seq, id, lane from task where seq > $1 order by seq limit $2),
  d as (
    delete from task t using r left join unnest($5::int[], $6::bigint[], $7::bigint[]) q(lane, others, failed) on q.lane = r.lane
    where t.seq = r.seq and t.finished_at is not null
      and t.finished_at <= case when t.state = 6 then coalesce(q.failed, $4::bigint) else coalesce(q.others, $3::bigint) end
    returning t.seq, t.id, t.payload_ref, t.result_ref
  ),
  l as (delete from log where seq in (select seq from d)),
  x as (delete from expiry where seq in (select seq from d)),
  n as (delete from document where seq in (select seq from d)),
  h as (delete from dedupe where id in (select id from d))
  select (select max(seq) from r), (select count(*) from r), d.id, d.payload_ref, d.result_ref from (select 1) one left join d on true`,
}
/** `$1` ids. */
export const REFERENCES_OF = {
  name: 'references-of',
  text: `select payload_ref, result_ref from task where id = any(string_to_array($1, ${SPLIT})) and (payload_ref is not null or result_ref is not null)`,
}
/** Of the ids from `$1` on and before `$2`. */
export const REFERENCES_BETWEEN = {
  name: 'references-between',
  text: 'select payload_ref, result_ref from task where id >= $1 and id < $2 and (payload_ref is not null or result_ref is not null)',
}
export const PURGE_DEDUPE = {
  name: 'purge-dedupe',
  text: 'delete from dedupe where (queue, key) in (select queue, key from dedupe where until <= $1 limit $2)',
}
