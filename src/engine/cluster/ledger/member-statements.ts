/** Members (open engines) and workers introduce themselves. */

export const JOIN = {
  name: 'join',
  text: 'insert into member (name, opened_at, seen_at) values ($1, $2, $2) returning no',
}
/** Returns nothing when somebody took this member for dead and forgot it. */
export const BEAT = {
  name: 'beat',
  text: 'update member set seen_at = $2, report = $3 where no = $1 returning no',
}
export const LEAVE = {
  name: 'leave',
  text: 'update member set seen_at = $2, closed = true, report = null where no = $1',
}
export const OTHERS = {
  name: 'others',
  text: 'select no, report from member where no <> $1 and not closed and seen_at >= $2',
}

export const WORKER = {
  name: 'worker',
  text: `insert into worker (id, pid, host) values ($1, $2, $3)
    on conflict (id) do update set pid = excluded.pid, host = excluded.host returning no`,
}

/** A lease changes hands: the row of the worker, and a claim row of the member that has it now. */
export const ADOPT = {
  name: 'adopt',
  text: `
  with a as (
    update task t set worker = coalesce(x.w, t.worker) from unnest($1::bigint[], $2::bigint[], $3::int[]) x(i, e, w)
    where t.seq = x.i and t.epoch = x.e and t.state + 0 = 2 returning t.seq, t.epoch
  ),
  n as (insert into claim (member, at, seqs, epochs) select $4, $5, array_agg(seq), array_agg(epoch) from a having count(*) > 0 returning seq)
  select a.seq, (select seq from n) from a`,
}

/** Leases that another member has taken over. */
export const HELD_ELSEWHERE = {
  name: 'held-elsewhere',
  text: `select h.seq from claim c, unnest(c.seqs, c.epochs) h(seq, epoch)
    join unnest($2::bigint[], $3::bigint[]) x(i, e) on x.i = h.seq and x.e = h.epoch where c.member <> $1`,
}

/** `now` of the database, in milliseconds: members on machines whose clocks differ agree on it. */
export const NOW = { name: 'now', text: 'select (extract(epoch from clock_timestamp()) * 1000)::bigint' }

/** Waits for whoever holds the key in a transaction that is not over. A hold goes with its task, so one that stands has a task. */
export const HOLD_DEDUPE = `
  insert into dedupe (queue, key, id, until) values ($1, $2, $3, $4)
  on conflict (queue, key) do update set id = excluded.id, until = excluded.until
  where dedupe.until <= $5 returning id`
export const DEDUPE_HOLDER = `
  select d.id, t.state from dedupe d join task t on t.id = d.id where d.queue = $1 and d.key = $2`
