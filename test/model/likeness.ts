/** A task of the model and the record that an engine shows of it: where they must be alike. */

import type { TaskRecord } from '../../src/task/task.ts'
import type { ModelTask } from './model-task.ts'
import { RETENTION_MS } from './settings.ts'

/** null: none. */
export function differenceOf(task: ModelTask, record: TaskRecord | null): string | null {
  const wanted = wantedOf(task)
  const seen = record === null ? null : seenOf(record)
  const isAlike = Object.entries(wanted).every(([key, value]) => seen?.[key as keyof typeof seen] === value)
  return isAlike ? null : `expected ${JSON.stringify(wanted)}, seen ${JSON.stringify(seen)}`
}

/** Old final tasks may be gone at any time. */
export function mayBePurged({ finishedAtMs }: ModelTask, nowMs: number): boolean {
  return finishedAtMs !== null && finishedAtMs + RETENTION_MS <= nowMs
}

function wantedOf(task: ModelTask) {
  return {
    state: task.state,
    attempt: task.attempt,
    crashes: task.crashes,
    createdAtMs: task.createdAtMs,
    runAtMs: task.runAtMs,
    expiresAtMs: task.expiresAtMs,
    resultText: task.resultText,
    hasFinished: task.finishedAtMs !== null,
    type: task.submission.type,
    queue: task.submission.queue,
  }
}

function seenOf(record: TaskRecord) {
  const { state, attempt, crashes, createdAtMs, runAtMs, type, queue } = record
  const expiresAtMs = record.expiresAtMs ?? null
  const resultText = record.resultText ?? null
  const hasFinished = record.finishedAtMs !== undefined
  return { state, attempt, crashes, createdAtMs, runAtMs, expiresAtMs, resultText, hasFinished, type, queue }
}
