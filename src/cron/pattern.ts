/**
 * A cron expression: which wall times it names. The library `croner` reads it and finds the next one; it is only ever asked in UTC, so what happens when
 * clocks are changed is ours to say (ticks.ts).
 */

import { Cron } from 'croner'
import { ChasquiError } from '../task/errors.ts'
import { CRON_EXPRESSION_LENGTH_MAX, CRON_PATTERNS_KEPT } from '../task/limits.ts'

export interface Pattern {
  /** The first wall time that it names after this one; null: there is none. */
  after(wallMs: number): number | null
  /** It names no hour of the day: it means each hour that passes, and not hours on the face of a clock. */
  readonly isHourly: boolean
}

const kept = new Map<string, Pattern>()

/** Throws INVALID_PARAMS when it is none. */
export function patternOf(expression: string): Pattern {
  const known = kept.get(expression)
  if (known !== undefined) return known
  const pattern = createPattern(expression)
  // All at once rather than one by one: whoever has more different ones than this gains nothing by a cache.
  if (kept.size >= CRON_PATTERNS_KEPT) kept.clear()
  kept.set(expression, pattern)
  return pattern
}

function createPattern(expression: string): Pattern {
  const refuse = (why: string, cause?: unknown) =>
    new ChasquiError('INVALID_PARAMS', `expression ${why}`, { cause, details: { field: 'expression' } })
  if (expression.length > CRON_EXPRESSION_LENGTH_MAX) {
    throw refuse(`must not be longer than ${CRON_EXPRESSION_LENGTH_MAX} characters`)
  }
  // The library would also take a date, for one run.
  if (/^\s*\d{4}-/.test(expression)) throw refuse('is a date and no cron expression')
  let cron: Cron
  try {
    cron = new Cron(expression, { utcOffset: 0, paused: true })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^CronPattern: /, '') : String(cause)
    throw refuse(`is no cron expression: ${why}`, cause)
  }
  return {
    after: (wallMs) => cron.nextRun(new Date(wallMs))?.getTime() ?? null,
    isHourly: isHourly(expression),
  }
}

function isHourly(expression: string): boolean {
  const fields = expression.trim().split(/\s+/)
  if (fields.length === 1) return fields[0]!.toLowerCase() === '@hourly'
  const hour = fields[fields.length === 5 ? 1 : 2]!
  return /^(\*|\?|\*\/1|0-23)$/.test(hour)
}
