/**
 * Progress and log lines of the attempts of this thread, on their way to the main thread: the newest progress of each attempt
 * and all lines in order, at most once in REPORT_INTERVAL_MS, and always before the result they belong to.
 *
 * A handler that blocks its loop is reported all the same: what is due is sent by the call that finds it due.
 */

import type { LogLevel } from '../../engine/engine.ts'
import { LOG_LINES_MAX, REPORT_INTERVAL_MS } from '../../task/limits.ts'
import type { Progress } from '../../task/task.ts'
import type { ThreadReport } from '../hand-over.ts'
import type { Attempt, ReportSink } from './attempt.ts'

interface Pending {
  progress: Progress | null
  lines: { level: LogLevel; text: string; atMs: number }[]
}

export class Reports implements ReportSink {
  readonly #send: (reports: ThreadReport[]) => void
  readonly #pending = new Map<Attempt, Pending>()
  /** Lines of each attempt that has logged so far; dropped with the attempt. */
  readonly #lineCounts = new WeakMap<Attempt, number>()
  #sentMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null

  constructor(send: (reports: ThreadReport[]) => void) {
    this.#send = send
  }

  progress(attempt: Attempt, progress: Progress): void {
    this.#of(attempt).progress = progress
    this.#due()
  }

  line(attempt: Attempt, level: LogLevel, text: string): void {
    const count = (this.#lineCounts.get(attempt) ?? 0) + 1
    this.#lineCounts.set(attempt, count)
    // One more than is kept: so the engine sees that there would have been more, and says so in the last one.
    if (count > LOG_LINES_MAX + 1) return
    this.#of(attempt).lines.push({ level, text, atMs: Date.now() })
    this.#due()
  }

  /** What is pending goes first: a report after the result of its attempt would be refused. */
  flush(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
    }
    if (this.#pending.size === 0) return
    this.#sentMs = performance.now()
    const reports: ThreadReport[] = []
    for (const [attempt, { progress, lines }] of this.#pending) {
      reports.push({
        position: attempt.position,
        ...(progress !== null && { progress }),
        ...(lines.length > 0 && { lines }),
      })
    }
    this.#pending.clear()
    this.#send(reports)
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0
  }

  #of(attempt: Attempt): Pending {
    let pending = this.#pending.get(attempt)
    if (pending === undefined) {
      pending = { progress: null, lines: [] }
      this.#pending.set(attempt, pending)
    }
    return pending
  }

  #due(): void {
    const leftMs = this.#sentMs + REPORT_INTERVAL_MS - performance.now()
    if (leftMs <= 0) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), leftMs)
  }
}
