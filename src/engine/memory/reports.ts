/** What people see of a memory engine: queue counts, log lines and progress, each within its limit. */

import type { FinalState } from '../../task/lifecycle.ts'
import { NOTE_LENGTH_MAX, WAITING_TYPES_MAX } from '../../task/limits.ts'
import type { QueueLoad } from '../../task/queue.ts'
import type { Progress, Submission } from '../../task/task.ts'
import type { LogLevel, LogLine, QueueReport } from '../engine.ts'
import { numberLines } from '../log-lines.ts'
import type { Row } from './row.ts'

type Totals = { submitted: number } & Record<FinalState, number>

/** Counts since the store was made. A task retried by hand leaves its total, so that all counts add up to those submitted. */
export class QueueTotals {
  readonly #byQueue = new Map<string, Totals>()
  readonly #bytes = new Map<string, number>()

  count(queue: string, what: keyof Totals, by: 1 | -1): void {
    let totals = this.#byQueue.get(queue)
    if (totals === undefined) {
      totals = { submitted: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 }
      this.#byQueue.set(queue, totals)
    }
    totals[what] += by
  }

  /** A task becomes unfinished, or final. */
  weigh({ queue, dataText }: Submission, by: 1 | -1): void {
    this.#bytes.set(queue, (this.#bytes.get(queue) ?? 0) + by * Buffer.byteLength(dataText))
  }

  /** Of its unfinished tasks. */
  load(queue: string): QueueLoad {
    const totals = this.#byQueue.get(queue)
    if (totals === undefined) return { tasks: 0, bytes: 0 }
    const { submitted, succeeded, failed, canceled, expired } = totals
    return {
      tasks: submitted - succeeded - failed - canceled - expired,
      bytes: this.#bytes.get(queue) ?? 0,
    }
  }

  /** By queue, in the order of names. */
  entries(): [string, Totals][] {
    return [...this.#byQueue].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

/** Counted from the rows at each call: nothing to keep in step. */
export function queueReports(rows: Iterable<Row>, totals: QueueTotals): Omit<QueueReport, 'settings'>[] {
  const byQueue = Map.groupBy(rows, (row) => row.submission.queue)
  return totals.entries().map(([queue, total]) => {
    const own = byQueue.get(queue) ?? []
    const count = (state: string) => own.filter((row) => row.state === state).length
    const waiting = own.filter((row) => row.state === 'queued')
    const queued = waiting.map((row) => row.runAtMs)
    const types = [...new Set(waiting.map((row) => row.submission.type))]
    return {
      queue,
      scheduled: count('scheduled'),
      blocked: count('blocked'),
      queued: queued.length,
      running: count('running'),
      oldestQueuedAtMs: queued.length === 0 ? null : queued.reduce((a, b) => Math.min(a, b)),
      waitingTypes: types.slice(0, WAITING_TYPES_MAX),
      totals: { ...total },
    }
  })
}

/** Keeps the first of them. */
export function addLines(
  row: Row,
  lines: readonly { level: LogLevel; text: string; atMs: number }[],
): LogLine[] {
  const added = numberLines(row.lines.length, row.run.attempt, lines)
  row.lines.push(...added)
  return added
}

export function boundedProgress({ done, total, note }: Progress): Progress {
  return note === undefined ? { done, total } : { done, total, note: note.slice(0, NOTE_LENGTH_MAX) }
}

/** Of the tasks that are on somebody's account. */
export function bytesByOwner(rows: Iterable<Row>): Record<string, number> {
  const bytes: Record<string, number> = {}
  for (const { submission } of rows) {
    const [account, count] = submission.options?.owned ?? ['', 0]
    if (account !== '') bytes[account] = (bytes[account] ?? 0) + count
  }
  return bytes
}
