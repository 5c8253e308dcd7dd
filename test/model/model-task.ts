/** A task as the model knows it. */

import type { TaskState } from '../../src/task/lifecycle.ts'
import type { Submission } from '../../src/task/task.ts'

export interface ModelTask {
  readonly submission: Submission
  readonly seq: number
  readonly createdAtMs: number
  state: TaskState
  runAtMs: number
  expiresAtMs: number | null
  failures: number
  crashes: number
  attempt: number
  /** Of the last delivery. */
  epoch: number
  held: { untilMs: number; by: string | null } | null
  finalEpoch: number | null
  finishedAtMs: number | null
  resultText: string | null
}

export function createTask(submission: Submission, seq: number, nowMs: number): ModelTask {
  return {
    submission,
    seq,
    createdAtMs: nowMs,
    state: submission.runAtMs > nowMs ? 'scheduled' : 'queued',
    runAtMs: Math.max(submission.runAtMs, nowMs),
    expiresAtMs: submission.options?.expiresAtMs ?? null,
    failures: 0,
    crashes: 0,
    attempt: 0,
    epoch: 0,
    held: null,
    finalEpoch: null,
    finishedAtMs: null,
    resultText: null,
  }
}

/** Its next death would be its last: it runs beside nothing else. */
export function runsAlone({ crashes, submission }: ModelTask): boolean {
  return crashes > 0 && crashes >= submission.options!.maxCrashes!
}

/** What makes two submissions of one id the same. */
export function contentOf({ type, queue, priority, dataText, options }: Submission): string {
  const { expiresAtMs: _, ...rest } = options ?? {}
  return JSON.stringify([type, queue, priority, dataText, rest])
}

export function comesFirst(a: ModelTask, b: ModelTask): boolean {
  const order = b.submission.priority - a.submission.priority || a.runAtMs - b.runAtMs || a.seq - b.seq
  return order < 0
}

export function firstOf(tasks: readonly ModelTask[]): ModelTask | null {
  return tasks.reduce<ModelTask | null>((a, b) => (a === null || comesFirst(b, a) ? b : a), null)
}
