/** The port `Cron` spoken over the wire: one request a schedule, for that is what the wire has. Each may be repeated. */

import { ChasquiError } from '../../task/errors.ts'
import { GET_IDS_MAX } from '../../task/limits.ts'
import type { Receipt, Refusal } from '../../task/task.ts'
import { refusalOf } from '../../wire/receipt-codec.ts'
import {
  readPlacement,
  readSchedulePage,
  writeSchedule,
  writeScheduleQuery,
} from '../../wire/schedule-codec.ts'
import type { Cron, Placement, Schedule, SchedulePage, ScheduleQuery } from '../cron.ts'
import type { Calls } from './calls.ts'

export class RemoteCron implements Cron {
  readonly #calls: Calls
  readonly #mustBeOpen: () => void

  constructor(calls: Calls, mustBeOpen: () => void) {
    this.#calls = calls
    this.#mustBeOpen = mustBeOpen
  }

  put(schedules: readonly Schedule[]): Promise<readonly Placement[]> {
    return this.#each(schedules, async (schedule) =>
      readPlacement(await this.#calls.call('cron.put', writeSchedule(schedule))),
    )
  }

  async list(query: ScheduleQuery): Promise<SchedulePage> {
    this.#mustBeOpen()
    return readSchedulePage(await this.#calls.call('cron.list', writeScheduleQuery(query)))
  }

  delete(names: readonly string[]): Promise<readonly boolean[]> {
    return this.#each(names, async (name) => {
      const { deleted } = (await this.#call('cron.delete', { name })) as { deleted: boolean }
      return deleted
    })
  }

  pause(names: readonly string[], paused: boolean): Promise<readonly (boolean | null)[]> {
    return this.#each(names, async (name) => {
      const answer = await orUnknown(this.#call(paused ? 'cron.pause' : 'cron.resume', { name }))
      return answer === null ? null : (answer as { changed: boolean }).changed
    })
  }

  async run(name: string, id: string): Promise<Receipt | Refusal | null> {
    this.#mustBeOpen()
    try {
      return (await orUnknown(this.#call('cron.run', { name, id }))) as Receipt | null
    } catch (error) {
      if (error instanceof ChasquiError && error.code === 'ID_CONFLICT') return refusalOf(id, error)
      throw error
    }
  }

  #call(method: string, params: unknown): Promise<unknown> {
    return this.#calls.call(method, JSON.stringify(params))
  }

  /** Pipelined, and not all of a hundred thousand at a time. */
  async #each<Entry, Answer>(
    entries: readonly Entry[],
    ask: (entry: Entry) => Promise<Answer>,
  ): Promise<readonly Answer[]> {
    this.#mustBeOpen()
    const answers: Answer[] = []
    for (let at = 0; at < entries.length; at += GET_IDS_MAX) {
      answers.push(...(await Promise.all(entries.slice(at, at + GET_IDS_MAX).map(ask))))
    }
    return answers
  }
}

async function orUnknown<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ChasquiError && error.code === 'SCHEDULE_UNKNOWN') return null
    throw error
  }
}
