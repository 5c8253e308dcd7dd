/**
 * The words: what a client submits and what is known of it afterwards.
 *
 * Payloads and results travel as JSON *text* from door to door; nothing between the client and the handler looks inside.
 * Times inside the program are milliseconds since the epoch; the wire writes ISO 8601.
 */

import type { Backoff } from './backoff.ts'
import type { ErrorCode } from './errors.ts'
import type { TaskState } from './lifecycle.ts'
import type { TaskError } from './outcome.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** `disk`: synced before the confirmation. `relaxed`: confirmed before the sync, when the client asks for it. `memory`: in no file. */
export type Durability = 'disk' | 'relaxed' | 'memory'

/** What most tasks do not say; null or absent means the default. Everything here is JSON-safe and kept with the task. */
export interface TaskOptions {
  readonly expiresAtMs?: number
  readonly maxAttempts?: number
  readonly maxCrashes?: number
  readonly backoff?: Backoff
  /** For one attempt. */
  readonly timeoutMs?: number
  readonly key?: string
  readonly dedupeKey?: string
  /** How long after its acceptance a task holds its dedupe key. */
  readonly dedupeWindowMs?: number
  readonly metadata?: Readonly<Record<string, string>>
  /** Called by a distributor when the task is final. */
  readonly webhook?: { readonly url: string }
  /** Names of what the task got from its queue, because it did not say it itself. */
  readonly ofQueue?: readonly string[]
  /** On whose account its data counts, and with how many bytes. Said by the distributor, never by a client; no part of what a task says. */
  readonly owned?: readonly [account: string, bytes: number]
}

/** A task at an engine's door: complete, checked and with times resolved. */
export interface Submission {
  readonly id: string
  readonly type: string
  readonly queue: string
  /** JSON text. */
  readonly dataText: string
  /** 0 to 9; higher runs first. */
  readonly priority: number
  /** 0 means now; a time in the past also means now. */
  readonly runAtMs: number
  readonly options: TaskOptions | null
}

/** The answer to one submission. `id` is the id of the task that stands for it: with a dedupe key perhaps an older one. */
export interface Receipt {
  readonly id: string
  readonly state: TaskState
  /** True when nothing new was made: the same id, or the same dedupe key, was accepted before. */
  readonly duplicate: boolean
  readonly durability: Durability
}

/** One task of a batch was refused; the others are not affected. */
export interface Refusal {
  readonly id: string
  readonly refused: { readonly code: ErrorCode; readonly message: string; readonly retryAfterMs?: number }
}

export interface WorkerIdentity {
  /** Unique per running worker process. */
  readonly id: string
  readonly pid: number
  readonly host: string
}

export interface Progress {
  readonly done: number
  readonly total: number | null
  readonly note?: string
}

/** Everything that is known of a task. */
export interface TaskRecord {
  readonly id: string
  readonly type: string
  readonly queue: string
  readonly state: TaskState
  readonly priority: number
  /** The attempt that runs or that the task ended in; while it waits, how many it has used up (a release or a crash uses up none). */
  readonly attempt: number
  readonly maxAttempts: number
  /** Worker deaths so far. */
  readonly crashes: number
  readonly createdAtMs: number
  readonly runAtMs: number
  readonly startedAtMs?: number
  readonly finishedAtMs?: number
  readonly expiresAtMs?: number
  /** JSON text; set when succeeded. */
  readonly resultText?: string
  /** The error that stays when failed; the last one so far while it is retried. */
  readonly error?: TaskError
  readonly progress?: Progress
  readonly worker?: WorkerIdentity
  readonly key?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** JSON text; only where asked for. */
  readonly dataText?: string
}
