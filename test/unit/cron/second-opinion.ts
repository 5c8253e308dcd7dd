/**
 * Ticks by another library (cron-parser) and by brute force: what src/cron/ is held against. Nothing here is shared with it but the tables of time
 * zones of the runtime.
 *
 * cron-parser names the wall times, in UTC; each is looked up on the clocks of the place by trying all offsets that the place has around it.
 */

import { CronExpressionParser } from 'cron-parser'
import { nextTickMs } from '../../../src/cron/ticks.ts'
import type { Random } from '../../support/random.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export const ZONES = Intl.supportedValuesOf('timeZone')

/** What the clocks show, as the milliseconds that UTC has when its clocks show it. */
function wallMsAt(format: Intl.DateTimeFormat, atMs: number): number {
  // `2026-03-29 03:00:00`
  return Date.parse(`${format.format(atMs).replace(' ', 'T')}Z`)
}

export function formatFor(timezone: string): Intl.DateTimeFormat {
  // Swedish, because it writes times as ISO 8601 does.
  return new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' })
}

/** The days on which the clocks of a place are changed, by looking at each. */
export function daysOfChange(timezone: string, fromMs: number, toMs: number): number[] {
  const format = formatFor(timezone)
  const days: number[] = []
  let before = wallMsAt(format, fromMs) - fromMs
  for (let atMs = fromMs + DAY_MS; atMs <= toMs; atMs += DAY_MS) {
    const offset = wallMsAt(format, atMs) - atMs
    if (offset !== before) days.push(atMs - DAY_MS)
    before = offset
  }
  return days
}

/** All ticks after `fromMs` up to `toMs`. */
export function expectedTicks(expression: string, timezone: string, fromMs: number, toMs: number): number[] {
  const format = formatFor(timezone)
  const fields = expression.split(' ')
  const isHourly = fields.at(-4) === '*'
  const offsets = new Set<number>()
  for (let atMs = fromMs - 2 * DAY_MS; atMs <= toMs + 2 * DAY_MS; atMs += 6 * HOUR_MS) {
    offsets.add(wallMsAt(format, atMs) - atMs)
  }
  const walls = CronExpressionParser.parse(expression, { currentDate: fromMs - 2 * DAY_MS, tz: 'UTC' })
  const ticks = new Set<number>()
  for (;;) {
    const wallMs = walls.next().getTime()
    if (wallMs > toMs + 2 * DAY_MS) break
    const instants = [...offsets]
      .map((offset) => wallMs - offset)
      .filter((atMs) => wallMsAt(format, atMs) === wallMs)
    instants.sort((a, b) => a - b)
    if (instants.length === 0) ticks.add(wallMs - offsetBeforeGap(format, wallMs))
    else for (const atMs of isHourly ? instants : instants.slice(0, 1)) ticks.add(atMs)
  }
  return [...ticks].filter((atMs) => atMs > fromMs && atMs <= toMs).sort((a, b) => a - b)
}

/** Of a wall time that does not exist: the clocks showed less, and then more. */
function offsetBeforeGap(format: Intl.DateTimeFormat, wallMs: number): number {
  for (let atMs = wallMs + 2 * DAY_MS; ; atMs -= 60_000) {
    const shown = wallMsAt(format, atMs)
    if (shown < wallMs) return shown - atMs
  }
}

export function ticksOfOurs(expression: string, timezone: string, fromMs: number, toMs: number): number[] {
  const ticks: number[] = []
  let tick = nextTickMs({ expression, timezone }, fromMs)
  for (; tick !== null && tick <= toMs; tick = nextTickMs({ expression, timezone }, tick)) ticks.push(tick)
  return ticks
}

/** Expressions that both libraries read, of all sorts. */
export function randomExpression(random: Random): string {
  const field = (low: number, high: number, often: number) => {
    if (random.next() < often) return '*'
    const one = () => low + random.below(high - low + 1)
    switch (random.below(4)) {
      case 0:
        return `*/${2 + random.below(Math.min(20, high - low))}`
      case 1: {
        const [a, b] = [one(), one()].sort((x, y) => x - y)
        return `${a}-${b}`
      }
      case 2:
        return [...new Set([one(), one(), one()])].sort((a, b) => a - b).join(',')
      default:
        return String(one())
    }
  }
  const minute = field(0, 59, 0.03)
  const hour = field(0, 23, 0.3)
  const [day, weekday] = random.next() < 0.7 ? ['*', '*'] : [field(1, 28, 0.5), field(0, 6, 0.5)]
  return `${random.pick(['0', '0', '0', '30', '0,17'])} ${minute} ${hour} ${day} * ${weekday}`
}
