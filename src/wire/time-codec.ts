/** Milliseconds ↔ the ISO 8601 texts of the wire. */

import { refuse } from './fields.ts'

/** A date, a time and a zone: without the zone the same text would mean different times on different machines. */
export const TIME_PATTERN =
  '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})$'

const timeRegex = new RegExp(TIME_PATTERN)

export function writeTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Throws INVALID_PARAMS naming `field`. */
export function readTime(value: unknown, field: string): number {
  const ms = typeof value === 'string' && timeRegex.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms))
    refuse(field, 'must be a time in ISO 8601 with its zone, such as 2026-01-31T12:00:00Z')
  return ms
}
