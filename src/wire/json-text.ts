/**
 * Values that are free in form (data of tasks, values that handlers return) as the JSON text that is stored and passed on.
 *
 * Invariant: no text that leaves here is nested deeper than JSON_DEPTH_MAX, so no recursive code behind it can be harmed.
 */

import { ChasquiError } from '../task/errors.ts'
import { JSON_DEPTH_MAX } from '../task/limits.ts'
import { refuseTooDeep } from './messages.ts'

/** @param value as JSON.parse made it. Throws TOO_DEEP. */
export function jsonText(value: unknown): string {
  let text: string
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    // The only way that a parsed value cannot be written: the recursion of JSON.stringify ran out of stack.
    throw new ChasquiError('TOO_DEEP', `the JSON is nested deeper than ${JSON_DEPTH_MAX} levels`, { cause })
  }
  refuseTooDeep(text)
  return text
}
