/** Schedules, for whoever uses the library: `client.cron`. What they mean is told in docs/cron.md. */

import type {
  CatchUp,
  Cron,
  Overlap,
  Placement,
  Schedule,
  SchedulePage,
  ScheduleQuery,
} from '../engine/cron.ts'
import { type Clock, systemClock } from '../task/clock.ts'
import { checkInput, type TaskDefinition } from '../task/definition.ts'
import { ChasquiError } from '../task/errors.ts'
import { newTaskId } from '../task/ids.ts'
import { LIST_LIMIT_DEFAULT } from '../task/limits.ts'
import { errorOfRefusal } from '../wire/receipt-codec.ts'
import { readSchedule } from '../wire/schedule-codec.ts'
import { createSubmission, dataTextOf, type SubmitOptions } from './submission.ts'

/** When: an expression with its zone, or an interval with its anchor. */
export type ScheduleTiming =
  | { readonly expression: string; readonly timezone?: string | undefined }
  | { readonly every: number; readonly anchor?: Date | number | string | undefined }

/** What a single task may say of itself, and that of a schedule may not. */
type OfOneTask = 'id' | 'delayMs' | 'runAt' | 'expiresAt' | 'dedupeKey' | 'dedupeWindowMs' | 'durability'

export type ScheduleOptions<Input = unknown> = ScheduleTiming & {
  readonly name: string
  /** What is submitted: a definition (its data is checked here, its options are the defaults) or a type by its name. */
  readonly task: TaskDefinition<Input> | string
  readonly data?: NoInfer<Input> | undefined
  readonly options?: Omit<SubmitOptions, OfOneTask> | undefined
  readonly overlap?: Overlap | undefined
  readonly catchUp?: CatchUp | undefined
  readonly owner?: string | undefined
}

export interface Schedules {
  /**
   * Makes a schedule, or changes the one of this name. The same again changes nothing, so a program may say it at each start.
   * @throws ChasquiError INVALID_INPUT, INVALID_PARAMS, and what any call may meet
   */
  put<Input>(schedule: ScheduleOptions<Input>): Promise<Placement>
  /** By name, a page at a time; `cursor: null` at the end. Default limit 100. */
  list(query?: Partial<ScheduleQuery>): Promise<SchedulePage>
  /** Whether it was there. */
  delete(name: string): Promise<boolean>
  /** Whether this call changed it. @throws ChasquiError SCHEDULE_UNKNOWN */
  pause(name: string): Promise<boolean>
  resume(name: string): Promise<boolean>
  /** Submits its task now. Resolves with the id of the task. @throws ChasquiError SCHEDULE_UNKNOWN, ID_CONFLICT */
  run(name: string, options?: { readonly id?: string }): Promise<string>
}

export function createSchedules(cron: () => Cron, clock: Clock = systemClock): Schedules {
  const turn = async (name: string, paused: boolean) => {
    const [changed] = await cron().pause([name], paused)
    if (changed == null) throw unknown(name)
    return changed
  }
  return {
    async put(options) {
      const port = cron()
      const { task, data } = options
      const checked =
        typeof task === 'string' || task.input === undefined ? undefined : checkInput(task, data)
      await checked
      const [placement] = await port.put([scheduleOf(options)])
      return placement!
    },
    list: (query = {}) => cron().list({ limit: LIST_LIMIT_DEFAULT, ...query }),
    async delete(name) {
      const [deleted] = await cron().delete([name])
      return deleted!
    },
    pause: (name) => turn(name, true),
    resume: (name) => turn(name, false),
    async run(name, { id = newTaskId(clock.nowMs()) } = {}) {
      const answer = await cron().run(name, id)
      if (answer === null) throw unknown(name)
      if ('refused' in answer) throw errorOfRefusal(answer)
      return answer.id
    },
  }
}

/** @throws ChasquiError INVALID_PARAMS naming the field */
export function scheduleOf<Input>(given: ScheduleOptions<Input>): Schedule {
  const { task, data, options, ...rest } = given
  // At the beginning of time: what is left of its expiry is its time to live.
  const {
    type,
    queue,
    priority,
    dataText,
    options: own,
  } = createSubmission(task as TaskDefinition, dataTextOf(data), options, 0)
  const { expiresAtMs, ...kept } = own ?? {}
  const wire: Record<string, unknown> = { ...rest, task: { type, queue } }
  const { anchor } = rest as { readonly anchor?: Date | number | string }
  if (typeof anchor === 'number' || anchor instanceof Date) wire.anchor = new Date(anchor).toISOString()
  for (const field in wire) if (wire[field] === undefined) delete wire[field]
  return {
    ...readSchedule(wire),
    task: {
      type,
      queue,
      priority,
      dataText,
      ttlMs: expiresAtMs ?? null,
      options: Object.keys(kept).length === 0 ? null : kept,
    },
  }
}

function unknown(name: string): ChasquiError {
  return new ChasquiError('SCHEDULE_UNKNOWN', `there is no schedule "${name}"`)
}
