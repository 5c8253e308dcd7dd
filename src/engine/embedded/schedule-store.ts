/** The schedules of the embedded engine: read at once, written in a turn of the group commit with everything else. */

import type { ScheduleStore } from '../cron.ts'
import type { ScheduleRows } from './schedule-rows.ts'

/** @param commit resolves when what the call did is on disk */
export function scheduleStore(
  rows: ScheduleRows,
  commit: <T>(weight: number, call: () => T) => Promise<T>,
): ScheduleStore {
  return {
    read: async (names) => names.map((name) => rows.read(name)),
    page: async (afterName, limit) => rows.page(afterName, limit),
    count: async () => rows.count(),
    write: (changed) => commit(changed.length, () => changed.map((row) => rows.write(row))),
    delete: (names) => commit(names.length, () => names.map((name) => rows.delete(name))),
    due: async (nowMs, limit) => rows.due(nowMs, limit),
    nextMs: async () => rows.nextMs(),
    waiting: async () => rows.waiting(),
  }
}
