/**
 * What the way of tasks through an engine comes to in numbers. instrumented.ts tells it what went in and out; it counts by batch, and keeps nothing of a task
 * but when it began, from its delivery to its settlement.
 *
 * Invariant: bounded, whatever clients name and workers leave behind (the METRIC_ limits), and nothing here can fail a call.
 */

import type { Clock } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { isFinal } from '../task/lifecycle.ts'
import { METRIC_HELD_MAX, METRIC_LINES_MAX } from '../task/limits.ts'
import type { Outcome, OutcomeKind } from '../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../task/task.ts'
import type { Cell, Distribution } from '../telemetry/metrics/families.ts'
import { OTHER } from '../telemetry/metrics/label-limit.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import type { Change, Delivery, Settlement } from './engine.ts'

/** The series of one queue and type: looked up once, then only added to. */
interface Line {
  readonly queue: string
  readonly type: string
  readonly submitted: Cell
  readonly confirmed: Cell
  readonly duplicate: Cell
  readonly delivered: Cell
  readonly redelivered: Cell
  readonly retries: Cell
  readonly succeeded: Cell
  readonly failed: Cell
  readonly outcomes: Readonly<Record<OutcomeKind, Cell>>
  readonly startDelay: Distribution
  readonly run: Distribution
  readonly whole: Distribution
}

interface Begun {
  readonly line: Line
  readonly epoch: number
  readonly createdAtMs: number | undefined
}

/** As label values: words of Prometheus have no capitals. */
export const OUTCOME_LABELS: Readonly<Record<OutcomeKind, string>> = {
  returned: 'returned',
  threw: 'threw',
  timedOut: 'timed_out',
  crashed: 'crashed',
  released: 'released',
}

/** Of outcomes whose deliveries this process did not see: it was restarted, or has forgotten them. */
const UNKNOWN = 'unknown'

export class TaskMeasures {
  readonly #metrics: Metrics
  readonly #clock: Clock
  readonly #lines = new Map<string, Map<string, Line>>()
  #linesMade = 0
  #last: Line | null = null
  /** By id, in the order of delivery. */
  readonly #held = new Map<string, Begun>()

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = metrics
    this.#clock = clock
    // What has not happened yet is 0 and not absent: rates of the first one are seen.
    for (const name of ['canceled', 'revived'] as const) metrics.counter(`chasqui_tasks_${name}_total`).of()
    metrics.counter('chasqui_outcomes_refused_total').of()
    metrics.distribution('chasqui_store_sync_seconds')
  }

  submitted(batch: readonly Submission[]): void {
    for (const { queue, type } of batch) this.#lineOf(queue, type).submitted.value++
  }

  answered(
    batch: readonly Submission[],
    answers: readonly (Receipt | Refusal)[],
    durability: Durability,
    tookMs: number,
  ): void {
    let confirmed = 0
    for (let at = 0; at < answers.length; at++) {
      const answer = answers[at]!
      const { queue, type } = batch[at]!
      if ('refused' in answer) this.#refused(answer.refused.code, 1)
      else if (answer.duplicate) this.#lineOf(queue, type).duplicate.value++
      else {
        this.#lineOf(queue, type).confirmed.value++
        confirmed++
      }
    }
    if (confirmed > 0) {
      this.#metrics
        .histogram('chasqui_confirmation_seconds')
        .of(durability)
        .observe(tookMs / 1_000, confirmed)
    }
  }

  /** A whole call failed. */
  failed(count: number, error: unknown): void {
    this.#refused(error instanceof ChasquiError ? error.code : 'INTERNAL', count)
  }

  delivered(deliveries: readonly Delivery[]): void {
    const nowMs = this.#clock.nowMs()
    for (const { id, queue, type, epoch, createdAtMs, dueAtMs, again } of deliveries) {
      const line = this.#lineOf(queue, type)
      line.delivered.value++
      if (again === true) line.redelivered.value++
      if (dueAtMs !== undefined) line.startDelay.observe(Math.max(0, nowMs - dueAtMs) / 1_000)
      // At the end of the order, also when it was there.
      this.#held.delete(id)
      this.#held.set(id, { line, epoch, createdAtMs })
    }
    while (this.#held.size > METRIC_HELD_MAX) this.#held.delete(this.#held.keys().next().value!)
  }

  settled(outcomes: readonly Outcome[], settlements: readonly Settlement[]): void {
    const nowMs = this.#clock.nowMs()
    for (let at = 0; at < settlements.length; at++) {
      const { id, epoch, kind, runMs } = outcomes[at]!
      const { accepted, state } = settlements[at]!
      const begun = this.#begun(id, epoch)
      if (!accepted || state === null) {
        if (kind !== 'released') this.#metrics.counter('chasqui_outcomes_refused_total').of().value++
        continue
      }
      const line = begun?.line ?? this.#lineOf(UNKNOWN, UNKNOWN)
      line.outcomes[kind].value++
      if (runMs !== undefined) line.run.observe(runMs / 1_000)
      if (isFinal(state)) {
        ;(state === 'succeeded' ? line.succeeded : line.failed).value++
        if (begun?.createdAtMs !== undefined)
          line.whole.observe(Math.max(0, nowMs - begun.createdAtMs) / 1_000)
      } else if (kind === 'threw' || kind === 'timedOut') line.retries.value++
    }
  }

  canceled(changes: readonly (Change | null)[]): void {
    this.#metrics.counter('chasqui_tasks_canceled_total').of().value += changed(changes)
  }

  revived(changes: readonly (Change | null)[]): void {
    this.#metrics.counter('chasqui_tasks_revived_total').of().value += changed(changes)
  }

  #begun(id: string, epoch: number): Begun | undefined {
    const begun = this.#held.get(id)
    if (begun?.epoch !== epoch) return undefined
    this.#held.delete(id)
    return begun
  }

  #refused(code: string, count: number): void {
    this.#metrics.counter('chasqui_tasks_refused_total').of(code).value += count
  }

  /** Neighbours are mostly of the same kind. */
  #lineOf(queue: string, type: string): Line {
    const last = this.#last
    if (last !== null && last.queue === queue && last.type === type) return last
    const known = this.#lines.get(queue)?.get(type)
    if (known !== undefined) {
      this.#last = known
      return known
    }
    if (queue !== OTHER && this.#linesMade >= METRIC_LINES_MAX) return this.#lineOf(OTHER, OTHER)
    return this.#newLine(queue, type)
  }

  #newLine(queue: string, type: string): Line {
    const { metrics, labels } = { metrics: this.#metrics, labels: this.#labelsOf(queue, type) }
    const count = (name: Parameters<Metrics['counter']>[0], ...more: readonly string[]) =>
      metrics.counter(name).of(...labels, ...more)
    const outcomes = Object.fromEntries(
      Object.entries(OUTCOME_LABELS).map(([kind, label]) => [kind, count('chasqui_attempts_total', label)]),
    ) as Record<OutcomeKind, Cell>
    const line: Line = {
      queue,
      type,
      submitted: count('chasqui_tasks_submitted_total'),
      confirmed: count('chasqui_tasks_confirmed_total'),
      duplicate: count('chasqui_tasks_duplicate_total'),
      delivered: count('chasqui_tasks_delivered_total'),
      redelivered: count('chasqui_tasks_redelivered_total'),
      retries: count('chasqui_retries_total'),
      succeeded: count('chasqui_tasks_finished_total', 'succeeded'),
      failed: count('chasqui_tasks_finished_total', 'failed'),
      outcomes,
      startDelay: metrics.histogram('chasqui_start_delay_seconds').of(labels[0]),
      run: metrics.histogram('chasqui_run_seconds').of(labels[1]),
      whole: metrics.histogram('chasqui_task_seconds').of(labels[0]),
    }
    this.#linesMade++
    let ofQueue = this.#lines.get(queue)
    if (ofQueue === undefined) {
      ofQueue = new Map()
      this.#lines.set(queue, ofQueue)
    }
    ofQueue.set(type, line)
    return line
  }

  #labelsOf(queue: string, type: string): [string, string] {
    return [this.#metrics.queues.of(queue), this.#metrics.types.of(type)]
  }
}

function changed(changes: readonly (Change | null)[]): number {
  return changes.filter((change) => change?.changed === true).length
}
