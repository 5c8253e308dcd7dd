/** Schemas of `cron.*`: tasks that submit themselves. */

import Type from 'typebox'
import { CATCH_UPS, OVERLAPS } from '../../engine/cron.ts'
import {
  CRON_EVERY_MS_MIN,
  CRON_EXPRESSION_LENGTH_MAX,
  CRON_LIST_MAX,
  CRON_NAME_LENGTH_MAX,
  CRON_NEXT_TICKS_MAX,
  DELAY_MS_MAX,
  LIST_LIMIT_DEFAULT,
} from '../../task/limits.ts'
import { CATCH_UP_DEFAULT, OVERLAP_DEFAULT, TIMEZONE_DEFAULT } from '../schedule-codec.ts'
import type { MethodDescription } from './method.ts'
import { Count, closed, literals, name, open, optional, orNull, State, TaskId, Time } from './shapes.ts'
import { SubmitTask } from './task.ts'

const ScheduleName = name(CRON_NAME_LENGTH_MAX, 'Name of a schedule.')

const { id, runAt, delayMs, expiresAt, dedupeKey, dedupeWindowMs, webhook, ...taskFields } =
  SubmitTask.properties
const ScheduledTask = closed(taskFields, 'What is submitted at each tick.', 'scheduled task')

const SCHEDULE = {
  name: ScheduleName,
  expression: optional(
    Type.String({
      minLength: 1,
      maxLength: CRON_EXPRESSION_LENGTH_MAX,
      description: 'A cron expression: five fields, or six with seconds first. Excludes `every`.',
    }),
  ),
  timezone: optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: `IANA zone in which the expression is meant. Default \`${TIMEZONE_DEFAULT}\`.`,
    }),
  ),
  every: optional(
    Type.Integer({
      minimum: CRON_EVERY_MS_MIN,
      maximum: DELAY_MS_MAX,
      description: 'Instead of an expression: so many milliseconds from tick to tick.',
    }),
  ),
  anchor: optional(Time('With `every`: an instant at which there is a tick. Default 1970-01-01T00:00Z.')),
  task: ScheduledTask,
  overlap: optional(
    literals(
      OVERLAPS,
      `What becomes of a tick while an earlier task is not final. Default \`${OVERLAP_DEFAULT}\`.`,
      'overlap',
    ),
  ),
  catchUp: optional(
    literals(CATCH_UPS, `What becomes of ticks that are late. Default \`${CATCH_UP_DEFAULT}\`.`, 'catch up'),
  ),
  owner: optional(
    name(
      64,
      'Who declares it: `config` for those of a configuration file, which takes away what it does not name any more.',
    ),
  ),
}

const ScheduleShape = open(
  {
    ...SCHEDULE,
    paused: Type.Boolean({ description: 'It has no ticks.' }),
    next: Type.Array(Time('A tick.'), { description: 'Its next ticks, as many as were asked for.' }),
    lastTick: optional(Time('The last tick whose task was submitted.')),
    lastTask: optional(Type.String({ description: 'Id of the last task, by a tick or by hand.' })),
    waiting: Count('Ticks that are kept back.'),
    fired: Count('Ticks whose task was submitted.'),
    skipped: Count('Ticks that were passed over, for an earlier task was not final.'),
    missed: Count('Ticks that were late and not caught up.'),
    error: optional(Type.String({ description: 'Why the last tick could not be submitted.' })),
  },
  'Everything that is known of a schedule.',
  'schedule',
)

const Named = closed({ name: ScheduleName })
const Paused = open({
  name: ScheduleName,
  changed: Type.Boolean({ description: 'Whether this call changed it.' }),
})

export const CRON_METHODS = {
  'cron.put': {
    summary: 'Makes a schedule, or changes the one of this name; answered when it is kept.',
    params: closed(SCHEDULE),
    result: open({
      name: ScheduleName,
      created: Type.Boolean({ description: 'It was not there before.' }),
      changed: Type.Boolean({ description: 'Whether this call made or changed it.' }),
      next: orNull(Time('A time.'), 'Its next tick; null: it is paused.'),
    }),
    errors: [],
  },
  'cron.list': {
    summary: 'Schedules by name, with their next ticks.',
    params: closed({
      names: optional(
        Type.Array(Type.String({ maxLength: CRON_NAME_LENGTH_MAX }), {
          maxItems: CRON_LIST_MAX,
          description: 'Only these; unknown ones are left out.',
        }),
      ),
      limit: optional(
        Type.Integer({ minimum: 1, maximum: CRON_LIST_MAX, description: `Default ${LIST_LIMIT_DEFAULT}.` }),
      ),
      cursor: optional(orNull(Type.String({ maxLength: 128 }), 'From an earlier page.')),
      next: optional(
        Type.Integer({
          minimum: 0,
          maximum: CRON_NEXT_TICKS_MAX,
          description: 'How many of its next ticks to tell. Default 1.',
        }),
      ),
    }),
    result: open({
      schedules: Type.Array(ScheduleShape, { description: 'The schedules.' }),
      cursor: orNull(Type.String(), 'For the next page; null at the end.'),
    }),
    errors: [],
  },
  'cron.delete': {
    summary: 'Takes a schedule away. Tasks that it has submitted stay.',
    params: Named,
    result: open({ name: ScheduleName, deleted: Type.Boolean({ description: 'Whether it was there.' }) }),
    errors: [],
  },
  'cron.pause': {
    summary: 'From now on it has no ticks.',
    params: Named,
    result: Paused,
    errors: ['SCHEDULE_UNKNOWN'],
  },
  'cron.resume': {
    summary: 'It goes on with the next tick from now.',
    params: Named,
    result: Paused,
    errors: ['SCHEDULE_UNKNOWN'],
  },
  'cron.run': {
    summary: 'Submits its task now, besides its ticks and also while it is paused.',
    params: closed({
      name: ScheduleName,
      id: optional(
        name(128, 'Id of the task; made by the server when missing. Twice the same one is one task.'),
      ),
    }),
    result: open({
      id: TaskId,
      state: State,
      duplicate: Type.Boolean({ description: 'True when a task of this id was there.' }),
    }),
    errors: ['SCHEDULE_UNKNOWN', 'ID_CONFLICT'],
  },
} as const satisfies Record<string, MethodDescription>
