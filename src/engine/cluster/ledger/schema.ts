/**
 * The tables of the cluster's ledger in PostgreSQL, as migrations. Times are milliseconds since the epoch; the view `tasks` shows them for people.
 *
 * RULE: no index and no index predicate mentions a column that claim or settle writes (state, epoch, attempt, started_at, worker, result,
 * finished_at …): the planner would use such an index for the claim itself, at half the rate (docs/decisions/0016). What the keeper
 * looks for has columns of its own that are null on the hot path: due_at, failed_at.
 */

/** One entry a version; never edited once released. */
export const MIGRATIONS: readonly string[] = [
  `
  create table lane (
    no integer generated always as identity primary key, queue text collate "C" not null, type text collate "C" not null,
    priority smallint not null, mean_ms real, unique (queue, type, priority)
  );
  create table worker (
    no integer generated always as identity primary key, id text collate "C" not null unique, pid integer not null, host text not null
  );
  create table member (
    no integer generated always as identity primary key, name text not null, opened_at bigint not null, seen_at bigint not null,
    closed boolean not null default false, report text
  );
  create table task (
    seq bigint generated always as identity primary key,
    id text collate "C" not null unique,
    created_at bigint not null, run_at bigint not null,
    due_at bigint, failed_at bigint, expires_at bigint, started_at bigint, finished_at bigint,
    epoch bigint not null default 0,
    lane integer not null, worker integer,
    state smallint not null, failures smallint not null default 0, crashes smallint not null default 0,
    attempt smallint not null default 0,
    payload text not null, payload_ref text, options text, result text, result_ref text, error text
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
  create index task_due on task (due_at) where due_at is not null;
  create index task_failed on task (failed_at, seq) where failed_at is not null;
  create table outbox (seq bigint generated always as identity primary key, member integer not null, seqs bigint[] not null);
  create table claim (
    seq bigint generated always as identity primary key, member integer not null, at bigint not null,
    seqs bigint[] not null, epochs bigint[] not null
  );
  create table count (
    lane integer not null, slot bigint not null,
    submitted bigint not null default 0, scheduled bigint not null default 0, running bigint not null default 0,
    succeeded bigint not null default 0, failed bigint not null default 0, canceled bigint not null default 0,
    expired bigint not null default 0,
    primary key (lane, slot)
  ) with (fillfactor = 50);
  create table expiry (at bigint not null, seq bigint not null, primary key (at, seq));
  create table dedupe (
    queue text collate "C" not null, key text collate "C" not null, id text not null, until bigint not null, primary key (queue, key)
  );
  create index dedupe_until on dedupe (until);
  create index dedupe_id on dedupe (id);
  create table log (
    seq bigint not null, number integer not null, at bigint not null, attempt smallint not null, level smallint not null,
    text text not null, primary key (seq, number)
  );
  create table document (seq bigint primary key, taken_at bigint);
  create view tasks as
    select t.seq, t.id, l.queue, l.type, l.priority,
      (array['scheduled','queued','running','blocked',null,'succeeded','failed','canceled','expired'])[t.state + 1] as state,
      t.attempt, t.failures, t.crashes, to_timestamp(t.created_at / 1000.0) as created_at, to_timestamp(t.run_at / 1000.0) as run_at,
      to_timestamp(t.started_at / 1000.0) as started_at, to_timestamp(t.finished_at / 1000.0) as finished_at,
      w.id as worker, w.pid, w.host, t.payload as data, t.result, t.error
    from task t join lane l on l.no = t.lane left join worker w on w.no = t.worker;
  `,
  // The audit log. It is only added to: its own trigger refuses every change, and every deletion but that of what is older than the purge says.
  `
  create table audit (
    seq bigint generated always as identity primary key, at bigint not null, result text not null, act text not null, who text not null,
    origin text not null, line text not null, writer text not null, number bigint not null, unique (writer, number)
  );
  create index audit_at on audit (at);
  create function audit_stays() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then
        if old.at < coalesce(nullif(current_setting('chasqui.audit_before', true), ''), '0')::bigint then return old; end if;
      end if;
      raise exception 'the audit log is only added to';
    end $$;
  create trigger audit_stays before update or delete on audit for each row execute function audit_stays();
  create trigger audit_stays_whole before truncate on audit execute function audit_stays();
  `,
  `create table queue (name text collate "C" primary key, settings text not null);`,
  `
  create table cron (
    name text collate "C" primary key, version bigint not null, next_at bigint, waiting boolean not null, schedule text not null,
    state text not null
  );
  create index cron_next on cron (next_at) where next_at is not null;
  create index cron_waiting on cron (name) where waiting;
  `,
  // On whose account a task is, and with how many bytes. Null for all others, which cost nothing here; claim and settle write neither.
  `
  alter table task add column owner text collate "C", add column owner_bytes bigint;
  create index task_owned on task (owner) include (owner_bytes) where owner is not null;
  `,
]

export const SCHEMA_VERSION = MIGRATIONS.length

/** States as stored; the numbers are part of the schema. */
export const STATE_NUMBER = {
  scheduled: 0,
  queued: 1,
  running: 2,
  blocked: 3,
  succeeded: 5,
  failed: 6,
  canceled: 7,
  expired: 8,
} as const

export const STATE_OF_NUMBER = [
  'scheduled',
  'queued',
  'running',
  'blocked',
  null,
  'succeeded',
  'failed',
  'canceled',
  'expired',
] as const

/** The name of PostgreSQL's schema that holds all of it, so that other tables of the same database are in nobody's way. */
export const SCHEMA = 'chasqui'
