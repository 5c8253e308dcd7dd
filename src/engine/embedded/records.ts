/** Rows become records. */

import type { TaskState } from '../../task/lifecycle.ts'
import { ATTEMPTS_DEFAULT } from '../../task/limits.ts'
import type { TaskError } from '../../task/outcome.ts'
import type { TaskRecord } from '../../task/task.ts'
import type { FullRow } from './full-row.ts'
import type { Heart } from './heart.ts'
import { runOf } from './leasing.ts'
import { STATE_OF_NUMBER } from './schema.ts'

export function stateOf(heart: Heart, row: FullRow): TaskState {
  if (row.final !== null) return STATE_OF_NUMBER[row.final.stateNumber]
  if (row.place === 'scheduled') return 'scheduled'
  return heart.leases.byId.has(row.id) ? 'running' : 'queued'
}

export function recordOf(heart: Heart, row: FullRow): TaskRecord {
  const { store } = heart
  const { options, final } = row
  const state = stateOf(heart, row)
  const entry = state === 'running' ? heart.leases.byId.get(row.id) : undefined
  const run = entry === undefined ? null : runOf(entry)
  const workerNo = final?.workerNo ?? run?.workerNo ?? null
  const worker = workerNo === null ? undefined : store.names.workerOf(workerNo)
  const startedAtMs = final?.startedAtMs ?? run?.startedAtMs ?? null
  const errorText =
    final !== null
      ? final.errorText
      : row.failures > 0 || row.crashes > 0
        ? store.look.lastFailure(row.seq)
        : null
  return {
    id: row.id,
    type: store.names.nameOf(row.typeNo),
    queue: store.names.nameOf(row.queueNo),
    state,
    priority: row.priority,
    attempt: final?.attempt ?? run?.attempt ?? row.failures,
    maxAttempts: options?.maxAttempts ?? ATTEMPTS_DEFAULT,
    crashes: row.crashes,
    createdAtMs: row.createdAtMs,
    runAtMs: row.runAtMs,
    ...(startedAtMs !== null && { startedAtMs }),
    ...(final !== null && { finishedAtMs: final.finishedAtMs }),
    ...(options?.expiresAtMs !== undefined && { expiresAtMs: options.expiresAtMs }),
    ...(final?.valueText != null && { resultText: final.valueText }),
    ...(errorText !== null && { error: JSON.parse(errorText) as TaskError }),
    ...(entry?.progress != null && { progress: entry.progress }),
    ...(worker !== undefined && { worker }),
    ...(options?.key !== undefined && { key: options.key }),
    ...(options?.metadata !== undefined && { metadata: options.metadata }),
    ...(row.dataText !== null && { dataText: row.dataText }),
  }
}
