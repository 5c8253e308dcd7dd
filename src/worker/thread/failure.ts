/**
 * Whatever a handler threw, as plain text within limits. User code can throw anything, errors with hostile getters included;
 * nothing here throws.
 */

import { ChasquiError } from '../../task/errors.ts'
import { DELAY_MS_MAX, ERROR_MESSAGE_LENGTH_MAX, ERROR_STACK_LENGTH_MAX } from '../../task/limits.ts'
import type { TaskError } from '../../task/outcome.ts'
import type { Thrown } from '../hand-over.ts'

const NAME_LENGTH_MAX = 256
/** Causes of causes that a stack tells about. */
const CAUSES_MAX = 4

export function describeThrown(thrown: unknown): Thrown {
  try {
    const said = thrown as { retryable?: unknown; retryAfterMs?: unknown } | null | undefined
    const retryAfterMs = typeof thrown === 'object' ? said?.retryAfterMs : undefined
    return {
      error: taskErrorOf(thrown),
      retryable: typeof thrown !== 'object' || said?.retryable !== false,
      ...(typeof retryAfterMs === 'number' &&
        retryAfterMs >= 0 && { retryAfterMs: Math.min(Math.round(retryAfterMs), DELAY_MS_MAX) }),
    }
  } catch {
    return { error: { name: 'Error', message: 'a value was thrown that cannot be read' }, retryable: true }
  }
}

/** @throws only what a getter of the thrown value throws */
export function taskErrorOf(thrown: unknown): TaskError {
  if (!(thrown instanceof Error || looksLikeError(thrown))) {
    return { name: 'Error', message: cut(textOf(thrown), ERROR_MESSAGE_LENGTH_MAX) }
  }
  const error = thrown as Error
  const stack = stackOf(error)
  return {
    name: cut(
      error instanceof ChasquiError ? error.code : String(error.name ?? 'Error') || 'Error',
      NAME_LENGTH_MAX,
    ),
    message: cut(String(error.message ?? ''), ERROR_MESSAGE_LENGTH_MAX),
    ...(stack !== '' && { stack: cut(stack, ERROR_STACK_LENGTH_MAX) }),
  }
}

/** Errors of other realms (vm) are no instances of this one's Error. */
function looksLikeError(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'message' in value && 'stack' in value
}

function stackOf(error: Error): string {
  let text = typeof error.stack === 'string' ? error.stack : ''
  let cause: unknown = error.cause
  for (let depth = 0; cause instanceof Error && depth < CAUSES_MAX; depth++) {
    text += `\ncaused by: ${cause.stack ?? `${cause.name}: ${cause.message}`}`
    cause = cause.cause
  }
  return text
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value) ?? String(value)
    } catch {
      return String(value)
    }
  }
  return String(value)
}

/** No half surrogate pair at the end: the text must stay valid UTF-8. */
function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax
    ? text
    : text
        .slice(0, lengthMax - 1)
        .toWellFormed()
        .concat('…')
}
