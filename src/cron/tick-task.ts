/** The task of a tick: what is submitted, and under which id. Pure. */

import type { Schedule } from '../engine/cron.ts'
import type { Submission, TaskOptions } from '../task/task.ts'

/** The same wherever and how often it is asked: submitting it again is harmless. */
export function tickId(name: string, tickMs: number): string {
  return `cron:${name}:${new Date(tickMs).toISOString()}`
}

/** @param tickMs null: by hand */
export function tickTask(schedule: Schedule, id: string, tickMs: number | null, nowMs: number): Submission {
  const { type, queue, priority, dataText, ttlMs, options } = schedule.task
  const metadata: Record<string, string> = { ...options?.metadata, cron: schedule.name }
  if (tickMs !== null) metadata.cronTick = new Date(tickMs).toISOString()
  const full: TaskOptions = {
    ...options,
    metadata,
    ...(ttlMs !== null && { expiresAtMs: nowMs + ttlMs }),
  }
  return { id, type, queue, priority, dataText, runAtMs: 0, options: full }
}
