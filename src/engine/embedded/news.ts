/** News of running attempts: progress, kept in memory, and log lines, stored. Runs inside a transaction. */

import { LOG_LINE_LENGTH_MAX, LOG_LINES_MAX } from '../../task/limits.ts'
import type { LeaseAnswer, LogLevel, LogLine, Report } from '../engine.ts'
import type { Heart } from './heart.ts'

/** By the numbers in the file. */
export const LOG_LEVEL_NAMES: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export function reportOne(heart: Heart, report: Report): LeaseAnswer {
  const entry = heart.leases.byId.get(report.id)
  if (entry === undefined || entry.batch!.epoch !== report.epoch) return { id: report.id, accepted: false }
  const attempt = entry.failures + 1
  if ('progress' in report) {
    entry.progress = report.progress
    heart.tell(entry, 'running', attempt, { progress: report.progress })
  } else {
    const lines: LogLine[] = []
    let number = heart.store.log.lastLogNumber(entry.seq)
    for (const { level, text, atMs } of report.lines) {
      // The limit is told once, as the last line; what comes after it is not kept.
      if (number >= LOG_LINES_MAX) break
      number++
      const last = number === LOG_LINES_MAX
      const line: LogLine = {
        number,
        atMs,
        attempt,
        level: last ? 'warn' : level,
        text: last ? `only ${LOG_LINES_MAX} lines are kept` : text.slice(0, LOG_LINE_LENGTH_MAX),
      }
      heart.store.log.appendLog(
        entry.seq,
        number,
        atMs,
        attempt,
        LOG_LEVEL_NAMES.indexOf(line.level),
        line.text,
      )
      lines.push(line)
    }
    if (lines.length > 0) heart.tell(entry, 'running', attempt, { lines })
  }
  return { id: report.id, accepted: true }
}
