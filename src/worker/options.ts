/** What a worker can be told, with its defaults filled in and its contradictions refused. */

import { randomUUID } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Engine } from '../engine/engine.ts'
import { type Clock, systemClock } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import {
  CREDIT_MAX,
  DRAIN_MS,
  PROCESS_IDLE_MS,
  PROCESS_MEMORY_MB,
  RESULT_BYTES_MAX,
  STOP_GRACE_MS,
  THREAD_MEMORY_MB,
} from '../task/limits.ts'
import type { WorkerIdentity } from '../task/task.ts'
import type { Log } from '../telemetry/log.ts'
import { handlerEnvironment } from './environment.ts'
import type { TypeFacts } from './hand-over.ts'
import { resolveModule, SAMPLE_MODULE } from './modules.ts'
import type { TaskLinesMode } from './task-lines.ts'

export interface WorkerOptions {
  readonly engine: Engine
  /** Files, URLs or packages whose exports are definitions; none: the sample handlers. */
  readonly modules?: readonly string[]
  /** Where relative paths and packages are looked for. Default: the working directory. */
  readonly folder?: string
  /** Default: `default`, and the queues that the definitions name. */
  readonly queues?: readonly string[]
  /** Default: all types that the modules define. */
  readonly types?: readonly string[]
  /** Attempts that run at once. Default: number of cores. */
  readonly concurrency?: number
  /** Threads that share these slots. Default: as many as slots, the number of cores at most. */
  readonly threads?: number
  /** Deliveries for each slot. Default 'auto': 1, and more while tasks are short. */
  readonly prefetch?: number | 'auto'
  readonly identity?: WorkerIdentity
  /** What handlers see as process.env. Default: of this process's only PATH, HOME, the language and their like (environment.ts), no secrets. */
  readonly env?: NodeJS.ProcessEnv
  /** A file of encryption keys (`chasqui keys`): data is decrypted and results are encrypted in the threads. Default: none. */
  readonly encryptionKeys?: string
  /** With keys: also take data that is not encrypted. Default false. */
  readonly allowPlain?: boolean
  readonly limits?: Partial<WorkerLimits>
  readonly log?: Pick<Log, 'event'>
  /** A line for every attempt that ended. Default 'auto': while there are few. */
  readonly taskLines?: TaskLinesMode
  readonly clock?: Clock
  readonly random?: () => number
}

export interface WorkerLimits {
  /** A stopped handler has this long to obey its signal before its thread is terminated. */
  readonly stopGraceMs: number
  /** How long `drain` lets running handlers finish when it is not told. */
  readonly drainMs: number
  /** Heap of one thread. */
  readonly threadMemoryMb: number
  /** Resident memory of one handler process (`isolation: 'process'`). */
  readonly processMemoryMb: number
  /** A handler process without work is ended after this long. */
  readonly processIdleMs: number
  /** JSON of one result. */
  readonly resultBytesMax: number
}

export type SettledOptions = Required<
  Omit<WorkerOptions, 'queues' | 'types' | 'limits' | 'folder' | 'encryptionKeys'>
> &
  Pick<WorkerOptions, 'queues' | 'types'> & {
    readonly limits: WorkerLimits
    readonly encryptionKeys: string | null
  }

/** @throws ChasquiError CONFIG_INVALID, one sentence */
export function settleOptions(options: WorkerOptions): SettledOptions {
  const concurrency = options.concurrency ?? availableParallelism()
  const threads = options.threads ?? Math.min(concurrency, availableParallelism())
  const prefetch = options.prefetch ?? 'auto'
  mustBe('concurrency', concurrency, 1, CREDIT_MAX)
  mustBe('threads', threads, 1, concurrency)
  if (prefetch !== 'auto') mustBe('prefetch', prefetch, 1, Math.floor(CREDIT_MAX / concurrency))
  const folder = options.folder ?? process.cwd()
  return {
    ...options,
    modules: options.modules?.length
      ? options.modules.map((name) => resolveModule(name, folder))
      : [SAMPLE_MODULE],
    encryptionKeys: options.encryptionKeys === undefined ? null : resolve(folder, options.encryptionKeys),
    allowPlain: options.allowPlain ?? false,
    concurrency,
    threads,
    prefetch,
    identity: options.identity ?? { id: randomUUID(), pid: process.pid, host: hostname() },
    env: options.env ?? handlerEnvironment(process.env, []),
    limits: {
      stopGraceMs: STOP_GRACE_MS,
      drainMs: DRAIN_MS,
      threadMemoryMb: THREAD_MEMORY_MB,
      processMemoryMb: PROCESS_MEMORY_MB,
      processIdleMs: PROCESS_IDLE_MS,
      resultBytesMax: RESULT_BYTES_MAX,
      ...options.limits,
    },
    log: options.log ?? { event() {} },
    taskLines: options.taskLines ?? 'auto',
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  }
}

function mustBe(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw new ChasquiError(
    'CONFIG_INVALID',
    `${name} must be a whole number from ${min} to ${max}, not ${value}`,
  )
}

/** What to consume, now that it is known what the modules define. */
export function appetite(
  { queues, types }: Pick<WorkerOptions, 'queues' | 'types'>,
  defined: readonly TypeFacts[],
): { readonly queues: readonly string[]; readonly types: readonly string[] } {
  const known = defined.map(({ type }) => type)
  const unknown = types?.find((type) => !known.includes(type))
  if (unknown !== undefined) {
    const message = `no handler for task type "${unknown}" is loaded; there is one for ${known.join(', ')}`
    throw new ChasquiError('CONFIG_INVALID', message)
  }
  const named = defined.flatMap(({ queue }) => (queue === null ? [] : [queue]))
  return { queues: queues ?? [...new Set(['default', ...named])], types: types ?? known }
}
