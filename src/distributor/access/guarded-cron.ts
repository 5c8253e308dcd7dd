/**
 * Schedules as one identity may see them: those whose tasks go to queues, and have keys, that it may look at; and it changes only those that it may keep.
 *
 * Invariants: one that may not be seen is answered like one that does not exist; who may keep schedules of one queue cannot take over the
 * name of one of another.
 */

import type {
  Cron,
  Placement,
  Schedule,
  SchedulePage,
  ScheduleQuery,
  ScheduleRecord,
} from '../../engine/cron.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Receipt, Refusal } from '../../task/task.ts'
import type { OnRefused } from './on-refused.ts'
import { allows, type Identity, mayAlways, onlyKey, type Right } from './rights.ts'

export class GuardedCron implements Cron {
  readonly #cron: Cron
  readonly #identity: Identity
  readonly #onRefused: OnRefused

  constructor(cron: Cron, identity: Identity, onRefused: OnRefused) {
    this.#cron = cron
    this.#identity = identity
    this.#onRefused = onRefused
  }

  async put(schedules: readonly Schedule[]): Promise<readonly Placement[]> {
    if (mayAlways(this.#identity, 'cron')) return this.#cron.put(schedules)
    const own = schedules.map((schedule) => this.#own(schedule))
    const { schedules: there } = await this.#cron.list({
      names: own.map(({ name }) => name),
      limit: 1,
      ticks: 0,
    })
    for (const schedule of [...own, ...there]) {
      if (!this.#may('cron', schedule)) throw this.#forbidden(schedule)
    }
    return this.#cron.put(own)
  }

  /** Somebody with one key only need not say it. */
  #own(schedule: Schedule): Schedule {
    const { task } = schedule
    const key = onlyKey(this.#identity, 'cron', task.queue)
    return key === null ? schedule : { ...schedule, task: { ...task, options: { key, ...task.options } } }
  }

  async list(query: ScheduleQuery): Promise<SchedulePage> {
    const page = await this.#cron.list(query)
    if (mayAlways(this.#identity, 'observe')) return page
    return { ...page, schedules: page.schedules.filter((schedule) => this.#sees(schedule)) }
  }

  async delete(names: readonly string[]): Promise<readonly boolean[]> {
    const known = await this.#known('cron.delete', names)
    const deleted = new Map<string, boolean>()
    const allowed = [...known]
    const answers = allowed.length === 0 ? [] : await this.#cron.delete(allowed)
    allowed.forEach((name, index) => {
      deleted.set(name, answers[index]!)
    })
    return names.map((name) => deleted.get(name) ?? false)
  }

  async pause(names: readonly string[], paused: boolean): Promise<readonly (boolean | null)[]> {
    const known = await this.#known(paused ? 'cron.pause' : 'cron.resume', names)
    const answers = await this.#cron.pause([...known], paused)
    const changed = new Map([...known].map((name, index) => [name, answers[index]!]))
    return names.map((name) => changed.get(name) ?? null)
  }

  async run(name: string, id: string): Promise<Receipt | Refusal | null> {
    return (await this.#known('cron.run', [name])).has(name) ? this.#cron.run(name, id) : null
  }

  /** Those that are there and that it may keep. Throws FORBIDDEN where it may only look. */
  async #known(act: string, names: readonly string[]): Promise<ReadonlySet<string>> {
    if (mayAlways(this.#identity, 'cron')) return new Set(names)
    const { schedules } = await this.#cron.list({ names, limit: 1, ticks: 0 })
    const known = new Set<string>()
    const hidden: string[] = []
    for (const schedule of schedules) {
      if (this.#may('cron', schedule)) known.add(schedule.name)
      else if (this.#sees(schedule)) throw this.#forbidden(schedule)
      else hidden.push(schedule.name)
    }
    if (hidden.length > 0) this.#onRefused(act, { ids: hidden })
    return known
  }

  #sees(schedule: Schedule | ScheduleRecord): boolean {
    return this.#may('observe', schedule) || this.#may('cron', schedule)
  }

  #may(right: Right, { task }: Schedule): boolean {
    return allows(this.#identity, right, task.queue, task.options?.key ?? null)
  }

  #forbidden({ name }: Schedule): ChasquiError {
    return new ChasquiError(
      'FORBIDDEN',
      `${JSON.stringify(this.#identity.name)} may not keep schedule "${name}" with a task of that queue and key`,
    )
  }
}
