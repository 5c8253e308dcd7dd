/**
 * Schedules in the configuration file: `cron: [{ name, expression, task: { type } }, …]`. They are put when a server starts, and those that the file
 * does not name any more are taken away.
 *
 * Invariant: nothing is taken away that the file did not declare at an earlier start (`owner`); a file that says nothing of `cron` touches nothing.
 */

import { checkSchedule } from '../cron/schedule.ts'
import type { Cron, Schedule } from '../engine/cron.ts'
import { ChasquiError } from '../task/errors.ts'
import { CRON_LIST_MAX } from '../task/limits.ts'
import { isObject } from '../wire/messages.ts'
import { readSchedule } from '../wire/schedule-codec.ts'
import { parseDuration } from './quantities.ts'

const OWNER = 'config'
const FIELDS = ['name', 'expression', 'timezone', 'every', 'anchor', 'task', 'overlap', 'catchUp']

/** @param file for messages. Throws CONFIG_INVALID, naming the entry. */
export function readDeclared(value: unknown, file: string, nowMs: number): readonly Schedule[] {
  if (!Array.isArray(value)) throw invalid(`"cron" in ${file} must be an array of schedules`)
  const schedules = value.map((entry, index) => {
    const where = `"cron[${index}]" in ${file}`
    if (!isObject(entry)) throw invalid(`${where} must be an object`)
    const unknown = Object.keys(entry).find((field) => !FIELDS.includes(field))
    if (unknown !== undefined) throw invalid(`${where} has no field "${unknown}"`)
    if (typeof entry.name !== 'string') throw invalid(`${where} has no name`)
    try {
      const { every } = entry
      const everyMs = typeof every === 'string' ? (parseDuration(every) ?? Number.NaN) : every
      const schedule = readSchedule({
        ...entry,
        ...(every !== undefined && { every: everyMs }),
        owner: OWNER,
      })
      checkSchedule(schedule, nowMs)
      return schedule
    } catch (cause) {
      if (!(cause instanceof ChasquiError)) throw cause
      throw new ChasquiError('CONFIG_INVALID', `${where}: ${cause.message}.`, { cause })
    }
  })
  const twice = schedules.find(
    ({ name }, index) => schedules.findIndex((other) => other.name === name) !== index,
  )
  if (twice !== undefined) throw invalid(`"cron" in ${file} names "${twice.name}" twice`)
  return schedules
}

/** @returns what was made or changed, and what was taken away */
export async function reconcileCron(
  cron: Cron,
  declared: readonly Schedule[],
): Promise<{ readonly put: number; readonly deleted: number }> {
  const placements = declared.length === 0 ? [] : await cron.put(declared)
  const names = new Set(declared.map(({ name }) => name))
  const left: string[] = []
  let cursor: string | null = null
  do {
    const page = await cron.list({ limit: CRON_LIST_MAX, ticks: 0, ...(cursor !== null && { cursor }) })
    for (const { name, owner } of page.schedules) if (owner === OWNER && !names.has(name)) left.push(name)
    cursor = page.cursor
  } while (cursor !== null)
  if (left.length > 0) await cron.delete(left)
  return { put: placements.filter(({ changed }) => changed).length, deleted: left.length }
}

function invalid(sentence: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `${sentence}.`)
}
