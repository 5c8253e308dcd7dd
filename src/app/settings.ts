/**
 * Every setting of Chasqui, once: the schema says its name, form, bounds, default and meaning. Flags, environment variables, the
 * configuration file, error messages and docs/settings.md are all made from it.
 *
 * A key ends in its unit (`leaseMs`); people write the name without it and put the unit in the value: `--lease 10s`,
 * `CHASQUI_LEASE=10s`, `lease: '10s'` in chasqui.config.ts.
 */

import { availableParallelism } from 'node:os'
import * as limits from '../task/limits.ts'
import { choice, integer, list, type SettingSchema, text, type ValueOf } from './setting-schema.ts'

/** 3 s: less, and a busy machine loses leases of healthy workers. */
const LEASE_MS_MIN = 3_000
const YEAR_MS = 365 * 86_400_000
const GIB = 1024 ** 3

const SETTINGS = {
  // ---- where things are
  host: text({
    group: 'server',
    default: '127.0.0.1',
    description:
      'Address that the distributor listens on. `0.0.0.0` or `::` serves other machines, which takes `--tokens`, client certificates, or `--anonymous everywhere`.',
  }),
  port: integer({
    group: 'server',
    minimum: 0,
    maximum: 65_535,
    default: limits.PORT_DEFAULT,
    description: 'TCP port that the distributor listens on; 0 takes a free one and says which.',
  }),
  proxyProtocol: choice(['off', 'optional', 'required'], {
    group: 'server',
    default: 'off',
    description:
      'Whether connections from the balancers in `--proxy-trusted` begin with a PROXY header (version 1 or 2), which tells the address of the client. `optional`: they may, for the time of a change.',
  }),
  proxyTrusted: list({
    lengthMax: 64,
    group: 'server',
    description:
      'Addresses or networks (`10.0.0.0/8,::1`) whose PROXY headers are believed. From all others a header is not read.',
  }),
  drainNoticeMs: integer({
    group: 'server',
    minimum: 0,
    maximum: 3_600_000,
    default: limits.DRAIN_NOTICE_MS,
    description:
      'How long a distributor that was told to stop only says that it is not ready, so that balancers send nobody new; then it stops.',
  }),
  http: choice(['on', 'off'], {
    group: 'http',
    default: 'on',
    description:
      'Whether the distributor also speaks HTTP: the API for programs, health checks, metrics and the web page.',
  }),
  httpPort: integer({
    group: 'http',
    minimum: 0,
    maximum: 65_535,
    default: limits.HTTP_PORT_DEFAULT,
    description:
      'Port of HTTP, on the address of `--host` and with the same certificates; 0 takes a free one and says which.',
  }),
  httpOrigins: list({
    lengthMax: 300,
    minItems: 0,
    group: 'http',
    default: [],
    description:
      'Web pages of other origins that may talk to the distributor, as browsers name them: `https://tasks.example.com`. Also the names under which a balancer on the same machine serves it.',
  }),
  webhookSecret: text({
    group: 'http',
    secret: 'whole',
    form: '`whsec_` and base64, or @FILE that holds that',
    description:
      'Signs the calls of webhooks (Standard Webhooks), and lets tasks have them. Not set: tasks with a webhook are refused.',
  }),
  webhookAllow: list({
    lengthMax: 64,
    minItems: 0,
    group: 'http',
    default: [],
    description:
      'Private addresses or networks (`10.1.0.0/16`) that webhooks may call all the same. All public ones may be.',
  }),
  engine: text({
    group: 'server',
    pattern: '^(memory|embedded(:.+)?|cluster|chasquis?://.+)$',
    form: '`embedded:DIR`, `cluster`, `memory`, `chasqui://HOST:PORT` or `chasquis://HOST:PORT`',
    default: 'embedded:./chasqui-data',
    description:
      'What holds the tasks: SQLite in a folder, PostgreSQL with RabbitMQ (`cluster`), memory only (gone at the end), or another distributor.',
  }),
  databaseUrl: text({
    group: 'server',
    pattern: '^postgres(ql)?://.+$',
    form: '`postgres://USER:PASSWORD@HOST:5432,HOST2:5432/NAME[?sslmode=verify-full&sslrootcert=FILE]`',
    secret: true,
    description:
      'With `--engine cluster`: the PostgreSQL database that holds every task. Several hosts: a primary and its standbys; the one that takes writes is used.',
  }),
  amqpUrl: list({
    lengthMax: 2_048,
    group: 'server',
    secret: true,
    description:
      'With `--engine cluster`: RabbitMQ, `amqp://USER:PASSWORD@HOST:5672/VHOST`, or `amqps://…`; several for the nodes of its cluster.',
  }),
  amqpPrefix: text({
    group: 'server',
    pattern: '^[A-Za-z0-9_.-]{1,40}$',
    form: 'up to 40 letters, digits, `_`, `.` and `-`',
    default: 'chasqui',
    description: 'With `--engine cluster`: before the names of all queues and exchanges in RabbitMQ.',
  }),
  inboxes: list({
    lengthMax: limits.QUEUE_LENGTH_MAX,
    minItems: 0,
    group: 'server',
    default: [limits.QUEUE_DEFAULT],
    description:
      'With `--engine cluster`: queues to which other AMQP programs publish tasks, as `PREFIX.QUEUE` (`chasqui.default`).',
  }),
  migrate: choice(['auto', 'never'], {
    group: 'server',
    default: 'auto',
    description:
      'With `--engine cluster`: whether opening brings the database to this version; `never`: only `chasqui migrate` does.',
  }),
  objects: text({
    group: 'server',
    pattern: '^(file:.+|s3://.+)$',
    form: '`file:DIR` or `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&pathStyle=true]`',
    description:
      'Where each result is also written as a document, `task_<id>.json`: a folder, or S3 with credentials from `AWS_*` variables or a profile. Not set: nowhere.',
  }),
  objectsAboveBytes: integer({
    group: 'server',
    minimum: 1024,
    maximum: GIB,
    default: limits.VALUE_INLINE_LENGTH_MAX,
    description:
      'With the cluster engine and `--objects`: data and results longer than this go to the object store and not into the tables.',
  }),
  connect: text({
    group: 'client',
    pattern: '^chasquis?://.+$',
    form: '`chasqui://HOST:PORT`, or `chasquis://HOST:PORT` for TLS',
    default: `chasqui://127.0.0.1:${limits.PORT_DEFAULT}`,
    description: 'The distributor that workers and commands talk to.',
  }),

  // ---- who may do what
  tokens: text({
    group: 'access',
    form: 'a file',
    description:
      'Who may talk to the distributor: the file that `chasqui token` writes. Not set: nobody is asked, and only this machine is served.',
  }),
  token: text({
    group: 'access',
    secret: 'whole',
    form: 'a token, or @FILE that holds one',
    description:
      'Who workers and commands are. `@FILE` or `CHASQUI_TOKEN` keeps it out of the list of processes.',
  }),
  anonymous: choice(['loopback', 'everywhere'], {
    group: 'access',
    default: 'loopback',
    description:
      'Where nobody is asked who he is, whom to serve: programs of this machine, or, said aloud, everybody who can reach it.',
  }),
  audit: text({
    group: 'access',
    form: 'a file',
    description:
      'Where administrative acts and refusals are written down, a JSON line each; SIGHUP begins a new file after it was moved. The cluster engine keeps them in a table, too.',
  }),
  auditRetentionMs: integer({
    group: 'access',
    minimum: 1_000,
    maximum: 100 * YEAR_MS,
    default: limits.AUDIT_RETENTION_MS,
    description: 'How long the cluster engine keeps lines of the audit log in its table.',
  }),

  // ---- encryption and certificates
  tlsCert: text({
    group: 'tls',
    form: 'a file',
    description:
      'Certificate with its chain, PEM. Of a distributor: its own, and the port speaks TLS. Of workers and commands: shown to a distributor that asks for one.',
  }),
  tlsKey: text({
    group: 'tls',
    form: 'a file',
    description: 'Private key of that certificate, PEM, without a passphrase.',
  }),
  tlsCa: text({
    group: 'tls',
    form: 'a file',
    description:
      'Certificates to trust, PEM. Of a distributor: clients must show one that these signed (mutual TLS). Of workers and commands: whom the distributor must be signed by; not set: the public authorities.',
  }),
  tlsServerName: text({
    group: 'tls',
    description:
      'Name that the certificate of the distributor must carry, where that is not the host in `--connect`.',
  }),

  encryptionKeys: text({
    group: 'tls',
    form: 'a file',
    description:
      'Keys of payload encryption, as `chasqui keys` writes them, for workers and for the commands that submit and show tasks. The distributor needs none and can read nothing. Not set: payloads travel and are stored as they are.',
  }),

  plainPayloads: choice(['refuse', 'take'], {
    group: 'tls',
    default: 'refuse',
    description:
      'With `--encryption-keys`: what to do with data and results that are not encrypted. `take` is for the time of a change, and for tasks that the server makes itself (schedules).',
  }),

  // ---- the worker
  workers: integer({
    group: 'worker',
    minimum: 0,
    maximum: 256,
    default: 2,
    description: 'Worker processes that `chasqui up` starts and keeps running.',
  }),
  concurrency: integer({
    group: 'worker',
    minimum: 1,
    maximum: 1_024,
    default: availableParallelism(),
    defaultText: 'number of cores',
    description: 'Slots of one worker process: attempts that run at once.',
  }),
  threads: integer({
    group: 'worker',
    minimum: 1,
    maximum: 1_024,
    description: 'Threads that share these slots. Not set: as many as slots, the number of cores at most.',
  }),
  prefetch: integer({
    group: 'worker',
    minimum: 1,
    maximum: limits.CREDIT_MAX,
    description:
      'Deliveries that a worker holds for each slot. Not set: 1, and by itself more while tasks are short.',
  }),
  queues: list({
    lengthMax: limits.QUEUE_LENGTH_MAX,
    group: 'worker',
    description:
      'Queues that a worker takes tasks from. Not set: `default`, and those that its modules name.',
  }),
  types: list({
    lengthMax: limits.TYPE_LENGTH_MAX,
    group: 'worker',
    description: 'Only tasks of these types. Not set: every type that its modules define.',
  }),
  modules: list({
    lengthMax: 4_096,
    minItems: 0,
    group: 'worker',
    default: [],
    description:
      'TypeScript or JavaScript modules that define the handlers; the arguments of `chasqui worker`. None: the samples `sumar`, `multiplicar`, `dormir` and `eco`.',
  }),
  handlerEnv: list({
    lengthMax: 256,
    minItems: 0,
    group: 'worker',
    default: [],
    description:
      'Environment variables that handlers see besides `PATH`, `HOME`, the language, the time zone and their like: `DATABASE_URL,AWS_*`; `*` for all. Secrets of the worker itself are not for its handlers.',
  }),
  stopGraceMs: integer({
    group: 'worker',
    minimum: 0,
    maximum: 3_600_000,
    default: limits.STOP_GRACE_MS,
    description:
      'How long a cancelled or timed-out handler may take to obey its signal before its thread is terminated.',
  }),
  drainMs: integer({
    group: 'worker',
    minimum: 0,
    maximum: 86_400_000,
    default: limits.DRAIN_MS,
    description: 'How long running handlers may take to finish after the first SIGTERM or Ctrl-C.',
  }),
  threadMemoryBytes: integer({
    group: 'worker',
    minimum: 16 * 1024 ** 2,
    maximum: 64 * GIB,
    default: limits.THREAD_MEMORY_MB * 1024 ** 2,
    description: 'Heap of one thread; a handler that needs more crashes alone.',
  }),
  processMemoryBytes: integer({
    group: 'worker',
    minimum: 128 * 1024 ** 2,
    maximum: 1024 * GIB,
    default: limits.PROCESS_MEMORY_MB * 1024 ** 2,
    description:
      'Resident memory of one handler process (types with `isolation: "process"`), Node itself included; a handler that needs more crashes alone.',
  }),
  resultMaxBytes: integer({
    group: 'worker',
    minimum: 1024,
    maximum: GIB,
    default: limits.RESULT_BYTES_MAX,
    description: 'Longest result, as JSON; it must fit in one message (`--frame-max`).',
  }),
  taskLines: choice(['auto', 'on', 'off'], {
    group: 'worker',
    default: 'auto',
    description:
      'A log line for every attempt that ended; `auto`: while there are few, then a summary a second.',
  }),

  // ---- the engine
  leaseMs: integer({
    group: 'engine',
    minimum: LEASE_MS_MIN,
    maximum: 3_600_000,
    default: limits.LEASE_MS,
    description:
      'A worker that renews nothing for this long has lost its tasks. Workers renew after a third of it.',
  }),
  reconnectGraceMs: integer({
    group: 'engine',
    minimum: 0,
    maximum: 3_600_000,
    default: limits.RECONNECT_GRACE_MS,
    description: 'How long the tasks of a worker whose connection broke wait for it to come back.',
  }),
  retentionMs: integer({
    group: 'engine',
    minimum: 1_000,
    maximum: 10 * YEAR_MS,
    default: limits.RETENTION_MS,
    description: 'How long finished tasks and their results are kept.',
  }),
  failedRetentionMs: integer({
    group: 'engine',
    minimum: 1_000,
    maximum: 10 * YEAR_MS,
    default: limits.FAILED_RETENTION_MS,
    description: 'How long failed tasks (the dead-letter set) are kept.',
  }),
  tasksMax: integer({
    group: 'engine',
    minimum: 1,
    maximum: 2 ** 40,
    description:
      'With the cluster engine: unfinished tasks (scheduled, queued, running) of all queues together, beyond which new ones hear `RETRY_AFTER`. Not set: no limit.',
  }),
  queueTasksMax: integer({
    group: 'engine',
    minimum: 1,
    maximum: 2 ** 40,
    description:
      'The same for each queue. Both are counted once a second, so several distributors may go over by what they take in within one.',
  }),
  memoryTasksMax: integer({
    group: 'engine',
    minimum: 1,
    maximum: 100_000_000,
    default: limits.MEMORY_TASKS_MAX,
    description:
      'Tasks that the memory engine holds, finished ones included; beyond it new ones are refused.',
  }),
  diskFreeMinBytes: integer({
    group: 'engine',
    minimum: 0,
    maximum: 1024 * GIB,
    default: limits.DISK_FREE_BYTES_MIN,
    description: 'New tasks are refused while the disk of the store has less than this free.',
  }),

  // ---- limits of the wire
  frameMaxBytes: integer({
    group: 'wire',
    minimum: 64 * 1024,
    maximum: GIB,
    default: limits.FRAME_BYTES_MAX,
    description: 'Longest message, and so the largest payload.',
  }),
  connectionsMax: integer({
    group: 'wire',
    minimum: 1,
    maximum: 1_000_000,
    default: limits.CONNECTIONS_MAX,
    description: 'Open connections of one distributor.',
  }),
  messageStallMs: integer({
    group: 'wire',
    minimum: 100,
    maximum: 3_600_000,
    default: limits.MESSAGE_STALL_MS,
    description: 'A message that was begun must be complete after this long.',
  }),
  outboxMaxBytes: integer({
    group: 'wire',
    minimum: 64 * 1024,
    maximum: 4 * GIB,
    default: limits.OUTBOX_BYTES_MAX,
    description: 'Bytes that may wait for a reader that does not read.',
  }),
  slowReaderMs: integer({
    group: 'wire',
    minimum: 100,
    maximum: 3_600_000,
    default: limits.SLOW_READER_MS,
    description: 'A connection that has more than that waiting for this long is closed.',
  }),

  // ---- commands
  connectTimeoutMs: integer({
    group: 'client',
    minimum: 100,
    maximum: 3_600_000,
    default: limits.CONNECT_TIMEOUT_MS,
    description: 'How long workers and commands try to reach the distributor before they give up.',
  }),
  confirmTimeoutMs: integer({
    group: 'client',
    minimum: 100,
    maximum: 3_600_000,
    default: limits.CONFIRM_TIMEOUT_MS,
    description: 'A submission that is not confirmed after this long fails.',
  }),

  // ---- what is measured
  metrics: choice(['on', 'off'], {
    group: 'metrics',
    default: 'on',
    description: 'Whether this process measures what it does; off: there is no `/metrics` either.',
  }),
  metricsAccess: choice(['locked', 'open'], {
    group: 'metrics',
    default: 'locked',
    description:
      'Where a distributor asks who somebody is: whether `/metrics` takes the right `metrics`, or is open to everybody who reaches the port.',
  }),
  workerHttpPort: integer({
    group: 'metrics',
    minimum: 0,
    maximum: 65_535,
    description:
      'Port on which a worker answers `/healthz`, `/readyz` and `/metrics`; 0 takes a free one and the log says which. Not set: none. One worker a port.',
  }),
  workerHttpHost: text({
    group: 'metrics',
    default: '127.0.0.1',
    description:
      'Address that this port of a worker listens on. Nobody is asked who he is there: there is nothing to be done and no task to be seen, only counts.',
  }),

  // ---- what is said
  logLevel: choice(['silent', 'error', 'warn', 'info', 'debug'], {
    group: 'log',
    default: 'info',
    description:
      'How much is written to standard error. SIGUSR2 makes a process that runs write everything, and at the next one again what stands here.',
  }),
  logFormat: choice(['auto', 'text', 'json'], {
    group: 'log',
    default: 'auto',
    description: '`text` for people, `json` for programs; `auto` is text on a terminal.',
  }),
  otlpEndpoint: text({
    group: 'log',
    pattern: '^https?://.+$',
    form: '`http://HOST:4318`',
    secret: true,
    description:
      'Where traces go, by OTLP over HTTP. The standard `OTEL_*` variables do as well; without either there are none (docs/tracing.md).',
  }),
}

export type SettingKey = keyof typeof SETTINGS
/** What the program gets: a value for each, undefined where nothing was said and there is no default. */
export type Settings = { readonly [Key in SettingKey]: ValueOf<(typeof SETTINGS)[Key]> }

export const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[]

/** Of whoever connects. */
export const TLS_SETTINGS = [
  'tlsCa',
  'tlsCert',
  'tlsKey',
  'tlsServerName',
] as const satisfies readonly SettingKey[]

/** What opens the cluster engine besides the objects. */
export const CLUSTER_SETTINGS = [
  'databaseUrl',
  'amqpUrl',
  'amqpPrefix',
  'inboxes',
  'migrate',
  'tasksMax',
  'queueTasksMax',
] as const satisfies readonly SettingKey[]

/** What finds the audit log. */
export const AUDIT_SETTINGS = [
  'audit',
  'engine',
  'databaseUrl',
  'migrate',
] as const satisfies readonly SettingKey[]

/** What finds a store without its engine. */
export const ARCHIVE_SETTINGS = [
  'engine',
  'databaseUrl',
  'objects',
  'objectsAboveBytes',
] as const satisfies readonly SettingKey[]

export function schemaOf(key: SettingKey): SettingSchema {
  return SETTINGS[key]
}

/** `leaseMs` → `lease`: as in the configuration file. */
export function nameOf(key: SettingKey): string {
  return key.replace(/(Ms|Bytes)$/, '')
}

/** `reconnectGraceMs` → `--reconnect-grace`. */
export function flagOf(key: SettingKey): string {
  return `--${nameOf(key).replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** `reconnectGraceMs` → `CHASQUI_RECONNECT_GRACE`. */
export function variableOf(key: SettingKey): string {
  return `CHASQUI_${nameOf(key)
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()}`
}
