/** The settings of queues that somebody said something about, one JSON document each; and what limits of bytes are held against. */

export const READ_QUEUES = { name: 'read-queues', text: 'select name, settings from queue' }

/** In one transaction: the row is made, read under its lock, and written. */
export const MAKE_QUEUE = `insert into queue (name, settings) values ($1, '{}') on conflict (name) do nothing`
export const LOCK_QUEUE = 'select settings from queue where name = $1 for update'
export const WRITE_QUEUE = 'update queue set settings = $2 where name = $1'

/** Mean bytes of unfinished tasks of lanes (`$1`), among the newest rows (`$2`: how many are looked at). */
export const MEAN_BYTES = {
  name: 'mean-bytes',
  text: `select l.queue, avg(coalesce((t.payload_ref::json ->> 'bytes')::int, octet_length(t.payload)))::float8
    from (select lane, state, payload, payload_ref from task order by seq desc limit $2) t join lane l on l.no = t.lane
    where t.state + 0 < 5 and t.lane = any($1::int[]) group by l.queue`,
}
