/** Log lines of a task get their numbers here, and end at a limit that is told once, as the last line; what comes after it is not kept. */

import { LOG_LINE_LENGTH_MAX, LOG_LINES_MAX } from '../task/limits.ts'
import type { LogLevel, LogLine } from './engine.ts'

/** By the numbers that stores write. */
export const LOG_LEVEL_NAMES: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** @param last number of the line that is kept already; 0: none */
export function numberLines(
  last: number,
  attempt: number,
  lines: readonly { readonly level: LogLevel; readonly text: string; readonly atMs: number }[],
): LogLine[] {
  return lines.slice(0, LOG_LINES_MAX - last).map(({ level, text, atMs }, index) => {
    const number = last + index + 1
    return number === LOG_LINES_MAX
      ? { number, atMs, attempt, level: 'warn', text: `only ${LOG_LINES_MAX} lines are kept` }
      : { number, atMs, attempt, level, text: text.slice(0, LOG_LINE_LENGTH_MAX) }
  })
}
