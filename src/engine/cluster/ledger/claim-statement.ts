/**
 * Tasks go into workers' hands: one statement a batch. What it does not return is not to be had: cancelled, done, expired, or taken.
 *
 * Runs with synchronous_commit off: a settle's commit makes every claim before it durable too. A crash of PostgreSQL may lose a claim; the epoch
 * holds a number that each connection for claims takes anew, and every crash breaks all connections, so a later claim never has the epoch of
 * a lost one (docs/decisions/0038).
 */

import { numbers } from './columns.ts'
import type { Parameter, Row } from './session.ts'

/** Epochs are generation × this + the connection's number mod this: whole numbers for eight thousand million deliveries of one task. */
export const MEMBERS_PER_EPOCH = 2 ** 20

export interface Claimed {
  readonly seq: number
  readonly id: string
  readonly epoch: number
  readonly failures: number
  readonly crashes: number
  readonly runAtMs: number
  readonly optionsText: string | null
  readonly dataText: string
  readonly dataRef: string | null
  readonly createdAtMs: number
}

/**
 * Once a connection, and durable before its first claim. The row of a member takes the number, and counts as one that has left; having written
 * something, the commit waits for the disk, which a mere `nextval` would not.
 */
export const FENCE = `
  with m as (insert into member (name, opened_at, seen_at, closed) values ('a connection for claims', 0, 0, true) returning no)
  select set_config('chasqui.fence', (no % ${MEMBERS_PER_EPOCH})::text, false) from m`

/** `t.state + 0`: no index may be used for this condition, whoever makes one. */
export const CLAIM = {
  name: 'claim',
  text: `
  with gone as (delete from claim where seq = any($1::bigint[])),
  c as (
    update task t set state = 2, epoch = ((t.epoch >> 20) + 1 << 20) | (select current_setting('chasqui.fence')::bigint), attempt = t.failures + 1, started_at = $2, worker = x.w
    from unnest($3::bigint[], $4::int[]) x(i, w)
    where t.seq = x.i and t.state + 0 = 1 and (t.expires_at is null or t.expires_at > $2 or t.failures > 0 or t.crashes > 0)
    returning t.seq, t.id, t.epoch, t.failures, t.crashes, t.run_at, t.options, t.payload, t.payload_ref, t.lane, t.created_at
  ),
  n as (
    insert into claim (member, at, seqs, epochs) select $5, $2, array_agg(seq), array_agg(epoch) from c having count(*) > 0 returning seq
  ),
  k as (
    insert into count (lane, slot, running) select lane, $6, count(*) from c group by lane
    on conflict (lane, slot) do update set running = count.running + excluded.running
  )
  select c.seq, c.id, c.epoch, c.failures, c.crashes, c.run_at, c.options, c.payload, c.payload_ref, (select seq from n), c.created_at from c`,
}

export function claimParameters(
  picks: readonly { readonly seq: number; readonly workerNo: number }[],
  nowMs: number,
  doneClaims: readonly number[],
  slot: number,
  member: number,
): Parameter[] {
  return [
    numbers(doneClaims),
    nowMs,
    numbers(picks.map((pick) => pick.seq)),
    numbers(picks.map((pick) => pick.workerNo)),
    member,
    slot,
  ]
}

export function readClaimed(rows: readonly Row[]): { claimed: Claimed[]; claim: number | null } {
  return {
    claimed: rows.map((row) => ({
      seq: row[0] as number,
      id: row[1] as string,
      epoch: row[2] as number,
      failures: row[3] as number,
      crashes: row[4] as number,
      runAtMs: row[5] as number,
      optionsText: row[6] as string | null,
      dataText: row[7] as string,
      dataRef: row[8] as string | null,
      createdAtMs: row[10] as number,
    })),
    claim: (rows[0]?.[9] as number | undefined) ?? null,
  }
}
