/** News of running attempts: progress, kept in memory, and log lines, stored. Runs inside a transaction. */

import type { LeaseAnswer, Report } from '../engine.ts'
import { LOG_LEVEL_NAMES, numberLines } from '../log-lines.ts'
import type { Heart } from './heart.ts'

export function reportOne(heart: Heart, report: Report): LeaseAnswer {
  const entry = heart.leases.byId.get(report.id)
  if (entry === undefined || entry.batch!.epoch !== report.epoch) return { id: report.id, accepted: false }
  const attempt = entry.failures + 1
  if ('progress' in report) {
    entry.progress = report.progress
    heart.tell(entry, 'running', attempt, { progress: report.progress })
  } else {
    const lines = numberLines(heart.store.log.lastLogNumber(entry.seq), attempt, report.lines)
    for (const { number, atMs, level, text } of lines) {
      heart.store.log.appendLog(entry.seq, number, atMs, attempt, LOG_LEVEL_NAMES.indexOf(level), text)
    }
    if (lines.length > 0) heart.tell(entry, 'running', attempt, { lines })
  }
  return { id: report.id, accepted: true }
}
