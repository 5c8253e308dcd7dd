/** What an archive reads of the ledger, and writes to it. One archive is alone with the ledger, so nothing here is guarded against others. */

import type { ArchivedTask } from '../../archive.ts'
import { numbers, ownedOf, SPLIT, texts } from './columns.ts'
import { STATE_NUMBER } from './schema.ts'
import type { Parameter } from './session.ts'

/**
 * `$1`: after which, `$2`: how many at most, `$3`: how long at most. What is free in length is measured before it is read, and the first comes
 * in any case.
 */
export const ARCHIVE_PAGE = `
  select t.seq, t.id, l.type, l.queue, l.priority, t.state, t.created_at, t.run_at, t.failures, t.crashes, t.options, t.payload, t.payload_ref,
    t.epoch, t.attempt, t.started_at, t.finished_at, w.id, w.pid, w.host, t.result, t.result_ref, t.error, p.lines > 0, d.until, o.seq is not null
  from (
    select seq, lines, sum(length) over (order by seq) - length before from (
      select f.seq, g.lines, octet_length(payload) + coalesce(octet_length(result), 0) + coalesce(octet_length(error), 0) + g.length length
      from (select seq, payload, result, error from task where seq > $1 order by seq limit $2) f,
        lateral (select count(*) lines, coalesce(sum(octet_length(text)), 0) length from log where log.seq = f.seq) g
    ) m
  ) p
  join task t on t.seq = p.seq join lane l on l.no = t.lane left join worker w on w.no = t.worker left join document o on o.seq = t.seq
  left join dedupe d on t.options like '%"dedupeKey"%' and d.queue = l.queue and d.key = t.options::json ->> 'dedupeKey' and d.id = t.id
  where p.before < $3 order by t.seq`

export const SEQ_OF = 'select seq from task where id = $1'

export const LOG_OF = 'select number, at, attempt, level, text from log where seq = $1 order by number'

export const COUNT_ROWS = `
  select l.queue, t.state, count(*) from task t join lane l on l.no = t.lane group by 1, 2`

/** A generation and a half above all there are. */
export const EPOCHS_BELOW = 'select (coalesce(max(epoch), 0) >> 20) + 2 << 20 from task'

/** Members are numbered as they come, also when they are forgotten. */
export const REVISION = `select coalesce(pg_sequence_last_value(pg_get_serial_sequence('member', 'no')::regclass), 0)`

export const MEMBERS = 'select name from member where not closed order by no desc limit 3'

export const READ_META = 'select value from meta where name = $1'
export const WRITE_META =
  'insert into meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value'
export const FORGET_META = 'delete from meta where name = $1'
export const ADD_WORKERS = `
  insert into worker (id, pid, host) select i, p, h from unnest(string_to_array($1, ${SPLIT}), $2::int[], string_to_array($3, ${SPLIT})) x(i, p, h)
  on conflict (id) do nothing`
export const READ_WORKERS = `select id, no from worker where id = any(string_to_array($1, ${SPLIT}))`

export const KNOWN_IDS = `
  select t.id, t.created_at, l.type, l.queue, l.priority, t.options, t.payload, t.payload_ref
  from task t join lane l on l.no = t.lane where t.id = any(string_to_array($1, ${SPLIT}))`

/** A task that is not there, with what does not follow from itself. */
export interface Arriving {
  readonly task: ArchivedTask
  readonly lane: number
  readonly workerNo: number | null
  readonly epoch: number
  /** JSON of the error that the record shows, or ''. */
  readonly errorText: string
  readonly dataText: string
  readonly dataRef: string
  readonly resultText: string
  readonly resultRef: string
}

/** With hints for the queued ones, as a member would leave them behind that ends right after its commit. Returns seqs and ids. */
export const ARRIVE = `
  with t as (
    insert into task (id, lane, state, created_at, run_at, due_at, failed_at, expires_at, started_at, finished_at, epoch, worker, failures, crashes,
      attempt, payload, payload_ref, options, result, result_ref, error, owner, owner_bytes)
    select i, l, s, c, r, case when s = 0 then r end, case when s = 6 then f end, nullif(e, 0), nullif(b, 0), nullif(f, 0), g, nullif(w, 0), n, k, a, p,
      nullif(pr, ''), nullif(o, ''), nullif(v, ''), nullif(vr, ''), nullif(x, ''), ${ownedOf('o')}
    from unnest(string_to_array($1, ${SPLIT}), $2::int[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
      $9::bigint[], $10::int[], $11::smallint[], $12::smallint[], $13::smallint[], string_to_array($14, ${SPLIT}), string_to_array($15, ${SPLIT}),
      string_to_array($16, ${SPLIT}), string_to_array($17, ${SPLIT}), string_to_array($18, ${SPLIT}), string_to_array($19, ${SPLIT})) with ordinality
      y(i, l, s, c, r, e, b, f, g, w, n, k, a, p, pr, o, v, vr, x, place)
    order by place
    returning seq, id, lane, state, expires_at
  ),
  e as (insert into expiry (at, seq) select expires_at, seq from t where expires_at is not null and state < 5),
  c as (
    insert into count (lane, slot, submitted, scheduled, succeeded, failed, canceled, expired)
    select lane, $20::bigint, count(*), count(*) filter (where state = 0), count(*) filter (where state = 5), count(*) filter (where state = 6),
      count(*) filter (where state = 7), count(*) filter (where state = 8) from t group by lane
    on conflict (lane, slot) do update set submitted = count.submitted + excluded.submitted, scheduled = count.scheduled + excluded.scheduled,
      succeeded = count.succeeded + excluded.succeeded, failed = count.failed + excluded.failed, canceled = count.canceled + excluded.canceled,
      expired = count.expired + excluded.expired
  ),
  o as (insert into outbox (member, seqs) select $21::int, array_agg(seq order by seq) from t where state = 1 having count(*) > 0)
  select seq, id from t order by seq`

export function arriveParameters(batch: readonly Arriving[], slot: number, member: number): Parameter[] {
  const final = (of: (task: NonNullable<ArchivedTask['final']>) => number | null) =>
    numbers(batch.map(({ task }) => (task.final === null ? 0 : (of(task.final) ?? 0))))
  // An array of nothing but empty texts is passed as one: `unnest` fills up with null.
  const optional = (values: readonly string[]) => (values.every((value) => value === '') ? '' : texts(values))
  return [
    texts(batch.map(({ task }) => task.id)),
    numbers(batch.map(({ lane }) => lane)),
    numbers(batch.map(({ task }) => STATE_NUMBER[task.state])),
    numbers(batch.map(({ task }) => task.createdAtMs)),
    numbers(batch.map(({ task }) => task.runAtMs)),
    numbers(batch.map(({ task }) => task.options?.expiresAtMs ?? 0)),
    final((ended) => ended.startedAtMs),
    final((ended) => ended.finishedAtMs),
    numbers(batch.map(({ epoch }) => epoch)),
    numbers(batch.map(({ workerNo }) => workerNo ?? 0)),
    numbers(batch.map(({ task }) => task.failures)),
    numbers(batch.map(({ task }) => task.crashes)),
    numbers(batch.map(({ task }) => task.final?.attempt ?? task.failures)),
    texts(batch.map(({ dataText }) => dataText)),
    optional(batch.map(({ dataRef }) => dataRef)),
    optional(batch.map(({ task }) => (task.options === null ? '' : JSON.stringify(task.options)))),
    optional(batch.map(({ resultText }) => resultText)),
    optional(batch.map(({ resultRef }) => resultRef)),
    optional(batch.map(({ errorText }) => errorText)),
    slot,
    member,
  ]
}

export const ARRIVE_LOG = `
  insert into log (seq, number, at, attempt, level, text)
  select $1, n, a, m, l, x from unnest($2::int[], $3::bigint[], $4::smallint[], $5::smallint[], string_to_array($6, ${SPLIT})) y(n, a, m, l, x)`
export const ARRIVE_DOCUMENTS = 'insert into document (seq) select unnest($1::bigint[])'
/** A hold of the ledger that lasts longer stays. */
export const ARRIVE_DEDUPE = `
  insert into dedupe (queue, key, id, until) values ($1, $2, $3, $4)
  on conflict (queue, key) do update set id = excluded.id, until = excluded.until where excluded.until > dedupe.until`

/** Totals of purged tasks belong to a queue; they are counted in any of its lanes. */
export const LANE_OF_QUEUE = 'select no from lane where queue = $1 order by no limit 1'
export const ADD_LANE = `
  insert into lane (queue, type, priority) values ($1, $2, $3) on conflict (queue, type, priority) do update set type = excluded.type returning no`
export const ADD_TOTALS = `
  insert into count (lane, slot, submitted, succeeded, failed, canceled, expired) values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (lane, slot) do update set submitted = count.submitted + excluded.submitted, succeeded = count.succeeded + excluded.succeeded,
    failed = count.failed + excluded.failed, canceled = count.canceled + excluded.canceled, expired = count.expired + excluded.expired`
