/**
 * Every setting of Chasqui, once: the schema says its name, form, bounds, default and meaning. Flags, environment variables, the
 * configuration file, error messages and docs/settings.md are all made from it.
 *
 * A key ends in its unit (`leaseMs`); people write the name without it and put the unit in the value: `--lease 10s`,
 * `CHASQUI_LEASE=10s`, `lease: '10s'` in chasqui.config.ts.
 */

import { availableParallelism } from 'node:os'
import Type, { type Static } from 'typebox'
import * as limits from '../task/limits.ts'

/** 3 s: less, and a busy machine loses leases of healthy workers. */
const LEASE_MS_MIN = 3_000
const YEAR_MS = 365 * 86_400_000
const GIB = 1024 ** 3

export const Settings = Type.Object({
  // ---- where things are
  host: Type.String({
    group: 'server',
    minLength: 1,
    default: '127.0.0.1',
    description:
      'Address that the distributor listens on. `0.0.0.0` or `::` serves other machines; until there is authentication, only in a network you trust.',
  }),
  port: Type.Integer({
    group: 'server',
    minimum: 0,
    maximum: 65_535,
    default: limits.PORT_DEFAULT,
    description: 'TCP port that the distributor listens on; 0 takes a free one and says which.',
  }),
  engine: Type.String({
    group: 'server',
    pattern: '^(memory|embedded(:.+)?|chasqui://.+)$',
    form: '`embedded:DIR`, `memory` or `chasqui://HOST:PORT`',
    default: 'embedded:./chasqui-data',
    description:
      'What holds the tasks: SQLite in a folder, memory only (gone at the end), or another distributor.',
  }),
  objects: Type.Optional(
    Type.String({
      group: 'server',
      pattern: '^file:.+$',
      form: '`file:DIR`',
      description: 'Where each result is also written as a document, `task_<id>.json`. Not set: nowhere.',
    }),
  ),
  connect: Type.String({
    group: 'client',
    pattern: '^chasqui://.+$',
    form: '`chasqui://HOST:PORT`',
    default: `chasqui://127.0.0.1:${limits.PORT_DEFAULT}`,
    description: 'The distributor that workers and commands talk to.',
  }),

  // ---- the worker
  workers: Type.Integer({
    group: 'worker',
    minimum: 0,
    maximum: 256,
    default: 2,
    description: 'Worker processes that `chasqui up` starts and keeps running.',
  }),
  concurrency: Type.Integer({
    group: 'worker',
    minimum: 1,
    maximum: 1_024,
    default: availableParallelism(),
    defaultText: 'number of cores',
    description: 'Slots of one worker process: attempts that run at once.',
  }),
  threads: Type.Optional(
    Type.Integer({
      group: 'worker',
      minimum: 1,
      maximum: 1_024,
      description: 'Threads that share these slots. Not set: as many as slots, the number of cores at most.',
    }),
  ),
  prefetch: Type.Optional(
    Type.Integer({
      group: 'worker',
      minimum: 1,
      maximum: limits.CREDIT_MAX,
      description:
        'Deliveries that a worker holds for each slot. Not set: 1, and by itself more while tasks are short.',
    }),
  ),
  queues: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: limits.QUEUE_LENGTH_MAX }), {
      group: 'worker',
      minItems: 1,
      description:
        'Queues that a worker takes tasks from. Not set: `default`, and those that its modules name.',
    }),
  ),
  types: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: limits.TYPE_LENGTH_MAX }), {
      group: 'worker',
      minItems: 1,
      description: 'Only tasks of these types. Not set: every type that its modules define.',
    }),
  ),
  modules: Type.Array(Type.String({ minLength: 1 }), {
    group: 'worker',
    default: [],
    description:
      'TypeScript or JavaScript modules that define the handlers; the arguments of `chasqui worker`. None: the samples `sumar`, `multiplicar`, `dormir` and `eco`.',
  }),
  stopGraceMs: duration('worker', 0, 3_600_000, limits.STOP_GRACE_MS, {
    description:
      'How long a cancelled or timed-out handler may take to obey its signal before its thread is terminated.',
  }),
  drainMs: duration('worker', 0, 86_400_000, limits.DRAIN_MS, {
    description: 'How long running handlers may take to finish after the first SIGTERM or Ctrl-C.',
  }),
  threadMemoryBytes: size('worker', 16 * 1024 ** 2, 64 * GIB, limits.THREAD_MEMORY_MB * 1024 ** 2, {
    description: 'Heap of one thread; a handler that needs more crashes alone.',
  }),
  resultMaxBytes: size('worker', 1024, GIB, limits.RESULT_BYTES_MAX, {
    description: 'Longest result, as JSON; it must fit in one message (`--frame-max`).',
  }),
  taskLines: Type.Enum(['auto', 'on', 'off'], {
    group: 'worker',
    default: 'auto',
    description:
      'A log line for every attempt that ended; `auto`: while there are few, then a summary a second.',
  }),

  // ---- the engine
  leaseMs: duration('engine', LEASE_MS_MIN, 3_600_000, limits.LEASE_MS, {
    description:
      'A worker that renews nothing for this long has lost its tasks. Workers renew after a third of it.',
  }),
  reconnectGraceMs: duration('engine', 0, 3_600_000, limits.RECONNECT_GRACE_MS, {
    description: 'How long the tasks of a worker whose connection broke wait for it to come back.',
  }),
  retentionMs: duration('engine', 1_000, 10 * YEAR_MS, limits.RETENTION_MS, {
    description: 'How long finished tasks and their results are kept.',
  }),
  failedRetentionMs: duration('engine', 1_000, 10 * YEAR_MS, limits.FAILED_RETENTION_MS, {
    description: 'How long failed tasks (the dead-letter set) are kept.',
  }),
  diskFreeMinBytes: size('engine', 0, 1024 * GIB, limits.DISK_FREE_BYTES_MIN, {
    description: 'New tasks are refused while the disk of the store has less than this free.',
  }),

  // ---- limits of the wire
  frameMaxBytes: size('wire', 64 * 1024, GIB, limits.FRAME_BYTES_MAX, {
    description: 'Longest message, and so the largest payload.',
  }),
  connectionsMax: Type.Integer({
    group: 'wire',
    minimum: 1,
    maximum: 1_000_000,
    default: limits.CONNECTIONS_MAX,
    description: 'Open connections of one distributor.',
  }),
  messageStallMs: duration('wire', 100, 3_600_000, limits.MESSAGE_STALL_MS, {
    description: 'A message that was begun must be complete after this long.',
  }),
  outboxMaxBytes: size('wire', 64 * 1024, 4 * GIB, limits.OUTBOX_BYTES_MAX, {
    description: 'Bytes that may wait for a reader that does not read.',
  }),
  slowReaderMs: duration('wire', 100, 3_600_000, limits.SLOW_READER_MS, {
    description: 'A connection that has more than that waiting for this long is closed.',
  }),

  // ---- commands
  connectTimeoutMs: duration('client', 100, 3_600_000, limits.CONNECT_TIMEOUT_MS, {
    description: 'How long workers and commands try to reach the distributor before they give up.',
  }),
  confirmTimeoutMs: duration('client', 100, 3_600_000, limits.CONFIRM_TIMEOUT_MS, {
    description: 'A submission that is not confirmed after this long fails.',
  }),

  // ---- what is said
  logLevel: Type.Enum(['silent', 'error', 'warn', 'info', 'debug'], {
    group: 'log',
    default: 'info',
    description: 'How much is written to standard error.',
  }),
  logFormat: Type.Enum(['auto', 'text', 'json'], {
    group: 'log',
    default: 'auto',
    description: '`text` for people, `json` for programs; `auto` is text on a terminal.',
  }),
})

export type Settings = Static<typeof Settings>
export type SettingKey = keyof Settings

export const SETTING_KEYS = Object.keys(Settings.properties) as SettingKey[]

/** Which part of the system a setting concerns; the sections of docs/settings.md. */
export const SETTING_GROUPS = {
  server: 'The distributor',
  engine: 'The engine',
  wire: 'Limits of the wire',
  worker: 'Workers',
  client: 'Clients and commands',
  log: 'Logs',
} as const

export type SettingGroup = keyof typeof SETTING_GROUPS

/** The parts of a setting's schema that this program reads. */
export interface SettingSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly group: SettingGroup
  readonly description: string
  readonly default?: unknown
  /** Where the default depends on the machine. */
  readonly defaultText?: string
  /** Where the pattern alone would not tell a person. */
  readonly form?: string
  readonly minimum?: number
  readonly maximum?: number
}

export function schemaOf(key: SettingKey): SettingSchema {
  return Settings.properties[key] as unknown as SettingSchema
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

interface Meaning {
  readonly description: string
}

function duration(
  group: SettingGroup,
  minimum: number,
  maximum: number,
  defaultMs: number,
  meaning: Meaning,
) {
  return Type.Integer({ group, minimum, maximum, default: defaultMs, ...meaning })
}

function size(group: SettingGroup, minimum: number, maximum: number, defaultBytes: number, meaning: Meaning) {
  return Type.Integer({ group, minimum, maximum, default: defaultBytes, ...meaning })
}
