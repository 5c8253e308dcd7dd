/**
 * The worker's log of ended attempts: a line each while there are few, a summary a second when there are many. At high rates a
 * task costs one addition here.
 */

import type { Clock, Timer } from '../task/clock.ts'
import { TASK_LINES_PER_SECOND_MAX } from '../task/limits.ts'
import type { Outcome } from '../task/outcome.ts'
import type { LogEventName } from '../telemetry/events.ts'
import type { Log } from '../telemetry/log.ts'
import { traceOf } from './attempt-spans.ts'
import type { Held } from './held.ts'

export type TaskLinesMode = 'on' | 'off' | 'auto'

const SECOND_MS = 1_000
/** A reason is told in a line; all of it is with the task. */
const REASON_LENGTH_MAX = 300

const EVENTS = {
  returned: 'worker.succeeded',
  threw: 'worker.threw',
  timedOut: 'worker.timed-out',
  crashed: 'worker.crashed',
  released: 'worker.released',
} as const satisfies Record<Outcome['kind'], LogEventName>

export class TaskLines {
  readonly #log: Pick<Log, 'event'>
  readonly #mode: TaskLinesMode
  readonly #clock: Clock
  #secondEnds: Timer | null = null
  #count = 0
  /** Of these, how many got no line of their own. */
  #untold = 0
  #succeeded = 0
  #runMs = 0
  /** The second before was busy: this one starts without lines. */
  #busy = false

  constructor(log: Pick<Log, 'event'>, mode: TaskLinesMode, clock: Clock) {
    this.#log = log
    this.#mode = mode
    this.#clock = clock
  }

  ended(held: Held, outcome: Outcome): void {
    if (this.#mode === 'off') return
    if (this.#mode === 'auto') {
      this.#secondEnds ??= this.#clock.at(this.#clock.nowMs() + SECOND_MS, () => this.#summarise())
      this.#count++
      this.#runMs += held.runMs
      if (outcome.kind === 'returned') this.#succeeded++
      if (this.#busy || this.#count > TASK_LINES_PER_SECOND_MAX) {
        this.#untold++
        return
      }
    }
    this.#line(held, outcome)
  }

  #line(held: Held, outcome: Outcome): void {
    const { id, type, attempt } = held.delivery
    const runMs = held.runMs < 10 ? Math.round(held.runMs * 10) / 10 : Math.round(held.runMs)
    this.#log.event(EVENTS[outcome.kind], {
      id,
      type,
      attempt,
      runMs,
      thread: held.thread,
      ...('error' in outcome && {
        reason: `${outcome.error.name}: ${outcome.error.message}`.slice(0, REASON_LENGTH_MAX),
      }),
      ...traceOf(held),
    })
  }

  close(): void {
    this.#secondEnds?.cancel()
    if (this.#untold > 0) this.#summarise()
  }

  #summarise(): void {
    this.#secondEnds = null
    if (this.#untold > 0) {
      this.#log.event('worker.summary', {
        ended: this.#count,
        succeeded: this.#succeeded,
        meanRunMs: Number((this.#runMs / this.#count).toPrecision(2)),
      })
    }
    this.#busy = this.#count > TASK_LINES_PER_SECOND_MAX
    this.#count = this.#untold = this.#succeeded = this.#runMs = 0
  }
}
