/** Tasks come into the ledger: one statement, one round trip, one commit for a whole batch. */

import { numbers, ownedOf, SPLIT, texts } from './columns.ts'
import type { Parameter, Row } from './session.ts'

export interface NewTask {
  readonly id: string
  readonly lane: number
  /** 0: now. */
  readonly runAtMs: number
  /** 0: never. */
  readonly expiresAtMs: number
  readonly dataText: string
  /** JSON of a reference to a large value, or ''. */
  readonly dataRef: string
  /** JSON, or ''. */
  readonly optionsText: string
}

export interface Accepted {
  readonly seq: number
  readonly id: string
}

/** Ids that are not returned were there before. An array of nothing but empty texts is passed as one: `unnest` fills up with null. */
export const SUBMIT = {
  name: 'submit',
  text: `
  with gone as (delete from outbox where seq = any($1::bigint[])),
  t as (
    insert into task (id, lane, state, created_at, run_at, due_at, expires_at, payload, options, payload_ref, owner, owner_bytes)
    select i, l, case when r > $2 then 0 else 1 end, $2, greatest(r, $2), case when r > $2 then r end, nullif(e, 0), p, nullif(o, ''), nullif(f, ''), ${ownedOf('o')}
    from unnest(string_to_array($3, ${SPLIT}), $4::int[], $5::bigint[], $6::bigint[], string_to_array($7, ${SPLIT}),
      string_to_array($8, ${SPLIT}), string_to_array($9, ${SPLIT})) x(i, l, r, e, p, o, f)
    on conflict (id) do nothing returning seq, id, lane, state, expires_at
  ),
  x as (insert into expiry (at, seq) select expires_at, seq from t where expires_at is not null),
  c as (
    insert into count (lane, slot, submitted, scheduled)
    select lane, $10, count(*), count(*) filter (where state = 0) from t group by lane
    on conflict (lane, slot) do update set submitted = count.submitted + excluded.submitted, scheduled = count.scheduled + excluded.scheduled
  ),
  o as (insert into outbox (member, seqs) select $11, array_agg(seq order by seq) from t where state = 1 having count(*) > 0 returning seq)
  select t.seq, t.id, (select seq from o) from t`,
}

export function submitParameters(
  tasks: readonly NewTask[],
  nowMs: number,
  doneOutbox: readonly number[],
  slot: number,
  member: number,
): Parameter[] {
  const none = (values: readonly string[]) => (values.every((value) => value === '') ? '' : texts(values))
  return [
    numbers(doneOutbox),
    nowMs,
    texts(tasks.map((task) => task.id)),
    numbers(tasks.map((task) => task.lane)),
    numbers(tasks.map((task) => task.runAtMs)),
    tasks.every((task) => task.expiresAtMs === 0) ? '{}' : numbers(tasks.map((task) => task.expiresAtMs)),
    texts(tasks.map((task) => task.dataText)),
    none(tasks.map((task) => task.optionsText)),
    none(tasks.map((task) => task.dataRef)),
    slot,
    member,
  ]
}

export function readAccepted(rows: readonly Row[]): { accepted: Accepted[]; outbox: number | null } {
  return {
    accepted: rows.map(([seq, id]) => ({ seq: seq as number, id: id as string })),
    outbox: (rows[0]?.[2] as number | null | undefined) ?? null,
  }
}
