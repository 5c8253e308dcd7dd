/**
 * What the main thread and a pool thread say to each other. Tasks and results are flat lists of strings and numbers, one list
 * a turn: strings are copied as bytes where objects would be cloned field by field, and payloads stay text on the main thread.
 */

import type { LogLevel } from '../engine/engine.ts'
import type { Isolation } from '../task/definition.ts'
import type { TaskError } from '../task/outcome.ts'
import type { Progress } from '../task/task.ts'

/** First entry of every list. */
export const TAG = { tasks: 0, stop: 1, results: 2, reports: 3 } as const

/** Main to thread: [TAG.tasks, then for each task position, id, type, queue, attempt, maxAttempts, dataText, metadata as JSON or null]. */
export const TASK_FIELDS = 8
/** Thread to main: [TAG.results, then for each task position, kind, text, runMs]. */
export const RESULT_FIELDS = 4
export type FlatList = (number | string | null)[]

export const RESULT = {
  /** text: the value as JSON. */
  returned: 0,
  /** text: a ThrownText as JSON. */
  threw: 1,
  /** The task had been taken back: its position is free again. */
  skipped: 2,
} as const

export interface Thrown {
  readonly error: TaskError
  readonly retryable: boolean
  readonly retryAfterMs?: number
}

/** [TAG.stop, position, name, message]: abort the signal of what runs there, with this reason. */
export type StopList = [number, number, string, string]

/** [TAG.reports, ...]. */
export type ReportList = [number, ...ThreadReport[]]

export interface ThreadReport {
  readonly position: number
  readonly progress?: Progress
  readonly lines?: readonly { readonly level: LogLevel; readonly text: string; readonly atMs: number }[]
}

/** The rest is rare, and therefore objects. */
export type ThreadNews =
  /** `sealed`: what handlers say is for the eyes of clients only. */
  | { readonly ready: readonly TypeFacts[]; readonly sealed: boolean }
  /** The modules cannot be used: one sentence. */
  | { readonly refused: string }
  /** Last words: what ended the thread, and on whose behalf (null: nobody who still runs). */
  | { readonly died: TaskError; readonly guilty: number | null }

/** What the main thread needs to know of a definition. */
export interface TypeFacts {
  readonly type: string
  readonly queue: string | null
  readonly isolation: Isolation
  readonly timeoutMs: number | null
}

/** `workerData` of a pool thread. */
export interface ThreadSetup {
  readonly modules: readonly string[]
  readonly keyFile: string | null
  readonly allowPlain: boolean
  readonly slots: number
  readonly board: SharedArrayBuffer
  readonly base: bigint
  readonly resultBytesMax: number
}

/** The first message to a handler process. */
export interface ProcessSetup {
  readonly modules: readonly string[]
  readonly keyFile: string | null
  readonly allowPlain: boolean
  readonly resultBytesMax: number
}
