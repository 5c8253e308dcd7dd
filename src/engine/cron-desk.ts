/**
 * The port `Cron` over a `ScheduleStore`: what people and programs do with schedules. The same for every engine that keeps some.
 *
 * Invariant: each change is made from what is kept at that moment (`version`), so it undoes nothing that a runner or somebody else did meanwhile.
 */

import { checkSchedule, paused, placed, recordOf } from '../cron/schedule.ts'
import { tickTask } from '../cron/tick-task.ts'
import type { Clock } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import {
  CRON_ACTIVE_MAX,
  CRON_LIST_MAX,
  CRON_NEXT_TICKS_MAX,
  CRON_SCHEDULES_MAX,
  CRON_TRIES_MAX,
  RETRY_AFTER_MS,
} from '../task/limits.ts'
import type { Receipt, Refusal } from '../task/task.ts'
import type {
  Cron,
  Placement,
  Schedule,
  SchedulePage,
  ScheduleQuery,
  ScheduleRow,
  ScheduleStore,
} from './cron.ts'
import type { Engine } from './engine.ts'

export interface CronDeskOptions {
  readonly store: ScheduleStore
  readonly clock: Clock
  readonly tasks: Pick<Engine, 'submit'>
  /** A schedule has to be looked at at this time. */
  readonly onDue: (atMs: number) => void
  /** Throws CLOSED when the engine is. */
  readonly mustBeOpen: () => void
}

export class CronDesk implements Cron {
  readonly #options: CronDeskOptions

  constructor(options: CronDeskOptions) {
    this.#options = options
  }

  async put(schedules: readonly Schedule[]): Promise<readonly Placement[]> {
    const { clock, store } = this.#options
    this.#options.mustBeOpen()
    const nowMs = clock.nowMs()
    for (const schedule of schedules) checkSchedule(schedule, nowMs)
    const byName = new Map(schedules.map((schedule) => [schedule.name, schedule]))
    const known = await store.read([...byName.keys()])
    const fresh = known.filter((row) => row === null).length
    if (fresh > 0 && (await store.count()) + fresh > CRON_SCHEDULES_MAX) {
      throw new ChasquiError(
        'RETRY_AFTER',
        `there are ${CRON_SCHEDULES_MAX} schedules, which is all there may be`,
        {
          retryAfterMs: RETRY_AFTER_MS,
        },
      )
    }
    const created = new Set<string>()
    const changed = await this.#change([...byName.keys()], (row, name) => {
      if (row === null) created.add(name)
      else created.delete(name)
      return placed(row, byName.get(name)!, nowMs)
    })
    return schedules.map(({ name }) => {
      const { row, changed: isChanged } = changed.get(name)!
      return { name, created: created.has(name), changed: isChanged, nextMs: row!.nextAtMs }
    })
  }

  async list({ names, limit, cursor, ticks = 1 }: ScheduleQuery): Promise<SchedulePage> {
    this.#options.mustBeOpen()
    const { store } = this.#options
    const count = Math.max(0, Math.min(ticks, CRON_NEXT_TICKS_MAX))
    if (names !== undefined) {
      const rows = (await store.read(names)).filter((row) => row !== null)
      return { schedules: rows.map((row) => recordOf(row, count)), cursor: null }
    }
    const size = Math.max(1, Math.min(limit, CRON_LIST_MAX))
    const rows = await store.page(cursor ?? null, size)
    const last = rows.length < size ? null : rows.at(-1)!.name
    return { schedules: rows.map((row) => recordOf(row, count)), cursor: last }
  }

  async delete(names: readonly string[]): Promise<readonly boolean[]> {
    this.#options.mustBeOpen()
    return this.#options.store.delete(names)
  }

  async pause(names: readonly string[], isPaused: boolean): Promise<readonly (boolean | null)[]> {
    this.#options.mustBeOpen()
    const nowMs = this.#options.clock.nowMs()
    const changes = await this.#change(names, (row) => (row === null ? null : paused(row, isPaused, nowMs)))
    return names.map((name) => {
      const { row, changed } = changes.get(name)!
      return row === null ? null : changed
    })
  }

  async run(name: string, id: string): Promise<Receipt | Refusal | null> {
    this.#options.mustBeOpen()
    const { store, tasks, clock } = this.#options
    const [row] = await store.read([name])
    if (row == null) return null
    const [answer] = await tasks.submit([tickTask(row.schedule, id, null, clock.nowMs())], 'disk')
    if ('refused' in answer!) return answer
    await this.#change([name], (now) => {
      if (now === null || now.state.lastId === id) return null
      const activeIds = [...now.state.activeIds.filter((other) => other !== id), id].slice(-CRON_ACTIVE_MAX)
      return { ...now, state: { ...now.state, activeIds, lastId: id } }
    })
    return answer!
  }

  /** @param change what is to be kept instead; null: nothing changes */
  async #change(
    names: readonly string[],
    change: (row: ScheduleRow | null, name: string) => ScheduleRow | null,
  ): Promise<Map<string, { row: ScheduleRow | null; changed: boolean }>> {
    const { store, onDue } = this.#options
    const done = new Map<string, { row: ScheduleRow | null; changed: boolean }>()
    let open = [...new Set(names)]
    for (let tries = 0; open.length > 0; tries++) {
      if (tries === CRON_TRIES_MAX) {
        throw new ChasquiError('RETRY_AFTER', `schedule "${open[0]}" is changed by others at the same time`, {
          retryAfterMs: RETRY_AFTER_MS,
        })
      }
      const before = await store.read(open)
      const wanted: ScheduleRow[] = []
      open.forEach((name, index) => {
        const row = before[index]!
        const next = change(row, name)
        if (next === null) done.set(name, { row, changed: false })
        else wanted.push(next)
      })
      const kept = wanted.length === 0 ? [] : await store.write(wanted)
      wanted.forEach((row, index) => {
        if (kept[index]) done.set(row.name, { row, changed: true })
      })
      open = open.filter((name) => !done.has(name))
    }
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { row, changed } of done.values()) {
      if (changed && row!.nextAtMs !== null) earliestMs = Math.min(earliestMs, row!.nextAtMs)
    }
    if (earliestMs < Number.POSITIVE_INFINITY) onDue(earliestMs)
    return done
  }
}
