/** What handlers say, on its way out of the thread: through the middleware that writes texts, where there is any. */

import { ChasquiError } from '../../task/errors.ts'
import {
  ERROR_MESSAGE_LENGTH_MAX,
  ERROR_STACK_LENGTH_MAX,
  LOG_LINE_LENGTH_MAX,
  NOTE_LENGTH_MAX,
} from '../../task/limits.ts'
import type { TextMiddleware } from '../../task/middleware.ts'
import type { TaskError } from '../../task/outcome.ts'
import type { ReportSink } from './attempt.ts'

/** Errors of this project say nothing that was in a task; whoever keeps the system running must be able to read them. */
const OWN_CODES: ReadonlySet<string> = new Set(['KEY_UNKNOWN', 'DECRYPT_FAILED'])

/** An engine that gives a task up puts words of its own around the message; it must not have to cut it then. */
const MESSAGE_LENGTH_MAX = ERROR_MESSAGE_LENGTH_MAX - 256

/** The name stays: it says what kind of failure it was, and nothing about the data. */
export function writeError(
  error: TaskError,
  id: string | null,
  texts: TextMiddleware | null,
  thrown?: unknown,
): TaskError {
  if (texts === null || (thrown instanceof ChasquiError && OWN_CODES.has(thrown.code))) return error
  const { name, message, stack } = error
  return {
    name,
    message: texts.write(message, id, MESSAGE_LENGTH_MAX),
    ...(stack !== undefined && { stack: texts.write(stack, id, ERROR_STACK_LENGTH_MAX) }),
  }
}

export function writtenBy(texts: TextMiddleware | null, sink: ReportSink): ReportSink {
  if (texts === null) return sink
  return {
    progress(attempt, { note, ...progress }) {
      sink.progress(attempt, {
        ...progress,
        ...(note !== undefined && { note: texts.write(note, attempt.id, NOTE_LENGTH_MAX) }),
      })
    },
    line: (attempt, level, text) =>
      sink.line(attempt, level, texts.write(text, attempt.id, LOG_LINE_LENGTH_MAX)),
  }
}
