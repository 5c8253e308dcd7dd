/** The schedules of a cluster, in their table. Whoever is the keeper makes them tick (keeper.ts); everybody may put and change them. */

import type { Schedule, ScheduleRow, ScheduleState, ScheduleStore } from '../cron.ts'
import { numbers, texts } from './ledger/columns.ts'
import {
  COUNT_SCHEDULES,
  DELETE_SCHEDULES,
  DUE_SCHEDULES,
  FIND_SCHEDULES,
  NEXT_SCHEDULE,
  PAGE_SCHEDULES,
  WAITING_SCHEDULES,
  WRITE_SCHEDULES,
} from './ledger/schedule-statements.ts'
import type { Row, Session } from './ledger/session.ts'

/** Stands for null in an array of times. */
const NEVER = -1

export function scheduleStore(session: Session): ScheduleStore {
  return {
    async read(names) {
      if (names.length === 0) return []
      const rows = await session.repeat(FIND_SCHEDULES, [texts(names)])
      const byName = new Map(rows.map(readScheduleRow).map((row) => [row.name, row]))
      return names.map((name) => byName.get(name) ?? null)
    },
    async page(afterName, limit) {
      // No name is empty.
      return (await session.repeat(PAGE_SCHEDULES, [afterName ?? '', limit])).map(readScheduleRow)
    },
    async count() {
      const [row] = await session.repeat(COUNT_SCHEDULES, [])
      return row![0] as number
    },
    async write(rows) {
      if (rows.length === 0) return []
      const kept = await session.repeat(WRITE_SCHEDULES, writeParameters(rows))
      const names = new Set(kept.map(([name]) => name))
      return rows.map(({ name }) => names.has(name))
    },
    async delete(names) {
      if (names.length === 0) return []
      const gone = new Set((await session.repeat(DELETE_SCHEDULES, [texts(names)])).map(([name]) => name))
      return names.map((name) => gone.has(name))
    },
    async due(nowMs, limit) {
      return (await session.repeat(DUE_SCHEDULES, [nowMs, limit])).map(readScheduleRow)
    },
    async nextMs() {
      const [row] = await session.repeat(NEXT_SCHEDULE, [])
      return row![0] as number | null
    },
    async waiting() {
      return (await session.repeat(WAITING_SCHEDULES, [])).map(([name]) => name as string)
    },
  }
}

/** Parameters of WRITE_SCHEDULES. */
export function writeParameters(rows: readonly ScheduleRow[]): string[] {
  return [
    texts(rows.map(({ name }) => name)),
    numbers(rows.map(({ version }) => version)),
    numbers(rows.map(({ nextAtMs }) => nextAtMs ?? NEVER)),
    numbers(rows.map(({ state }) => (state.waitingMs.length > 0 ? 1 : 0))),
    texts(rows.map(({ schedule }) => JSON.stringify(schedule))),
    texts(rows.map(({ state }) => JSON.stringify(state))),
  ]
}

export function readScheduleRow([name, version, nextAtMs, schedule, state]: Row): ScheduleRow {
  return {
    name: name as string,
    version: version as number,
    nextAtMs: nextAtMs as number | null,
    schedule: JSON.parse(schedule as string) as Schedule,
    state: JSON.parse(state as string) as ScheduleState,
  }
}
