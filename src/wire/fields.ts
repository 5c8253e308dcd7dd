/**
 * Reading single fields of a message where a hand-written check is used (the hot path, and rules that a schema cannot say).
 *
 * Each function returns the checked value or throws INVALID_PARAMS naming the field. `protocol.ts` says the same in JSON
 * schema; test/unit/wire compares both.
 */

import { ChasquiError, type ErrorCode, type ErrorOptions } from '../task/errors.ts'

/** No control characters and no half surrogate pairs: names end up in file names, labels and log lines. */
export const NAME_PATTERN = '^[^\\p{Cc}\\p{Cs}]*$'

const nameRegex = new RegExp(NAME_PATTERN, 'u')

export function refuse(field: string, rule: string): never {
  throw peerError('INVALID_PARAMS', `${field} ${rule}`, { details: { field } })
}

/** What a peer did wrong: it has no place in our code, and a stack trace would make it ten times as dear as it must be. */
export function peerError(code: ErrorCode, message: string, options?: ErrorOptions): ChasquiError {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const error = new ChasquiError(code, message, options)
  Error.stackTraceLimit = stackTraceLimit
  return error
}

export function readInteger(value: unknown, field: string, min: number, max: number): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    refuse(field, `must be an integer from ${min} to ${max}`)
  }
  return value as number
}

/** Names that were found good: the same few types and queues come again and again. */
const knownNames = new Map<string, number>()
const KNOWN_NAMES_MAX = 1_000

/** An id, type, queue or key: 1 to `lengthMax` characters. */
export function readName(value: unknown, field: string, lengthMax: number): string {
  if (typeof value !== 'string' || value === '' || isLonger(value, lengthMax) || !nameRegex.test(value)) {
    refuse(field, `must be a string of 1 to ${lengthMax} characters without control characters`)
  }
  return value
}

/** The same for a name of which there are few. */
export function readCommonName(value: unknown, field: string, lengthMax: number): string {
  if (typeof value === 'string' && knownNames.get(value) === lengthMax) return value
  const name = readName(value, field, lengthMax)
  // Forgotten all at once rather than one by one: whoever sends a thousand different names gains nothing by a cache.
  if (knownNames.size >= KNOWN_NAMES_MAX) knownNames.clear()
  knownNames.set(name, lengthMax)
  return name
}

/** Free text that is kept only up to a length. */
export function readText(value: unknown, field: string, keptLengthMax: number): string {
  if (typeof value !== 'string') refuse(field, 'must be a string')
  return cut(value, keptLengthMax)
}

/** Shortens without leaving half a character. */
export function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text.toWellFormed() : text.slice(0, lengthMax).toWellFormed()
}

/** Length in characters (code points), as JSON schema counts. */
export function isLonger(text: string, lengthMax: number): boolean {
  if (text.length <= lengthMax) return false
  if (text.length > 2 * lengthMax) return true
  let count = 0
  for (const _ of text) count++
  return count > lengthMax
}
