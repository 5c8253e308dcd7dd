/**
 * One delivery in this worker's hands, on the main thread: from the moment it came until its settlement was answered.
 *
 *   waiting ──hand──► inbox (a thread has it; the board says whether it runs) ──► ended (its outcome is being recorded)
 */

import type { Delivery } from '../engine/engine.ts'
import type { Outcome, TaskError } from '../task/outcome.ts'
import type { TaskSpan } from '../telemetry/spans.ts'
import { type FlatList, RESULT, type Thrown, type TypeFacts } from './hand-over.ts'

/** Why an attempt is made to end. */
export type StopReason = 'timedOut' | 'revoked' | 'shutdown'

export class Held {
  readonly delivery: Delivery
  /** Counts up with every delivery: who came first runs first. */
  readonly order: number
  readonly timeoutMs: number | null
  /** Runs with no other task in its thread: an exclusive type, or the suspect of a crash. */
  alone: boolean
  /** Runs in a process of its own. */
  readonly apart: boolean
  state: 'waiting' | 'inbox' | 'ended' = 'waiting'
  /** Of the thread that has it, from 1; meaningful in the inbox. */
  thread = 0
  position = -1
  stop: StopReason | null = null
  /** performance.now() of the stop. */
  stoppedAtMs = 0
  runMs = 0
  /** Where somebody traces: begins the span of the attempt. */
  beginSpan: ((held: Held) => TaskSpan) | null = null
  /** Once it was handed to a thread; it goes on when it was taken back. */
  span: TaskSpan | null = null

  constructor(delivery: Delivery, facts: TypeFacts, order: number) {
    this.delivery = delivery
    this.order = order
    // The submitter's word counts; a task without one has the default of its definition.
    this.timeoutMs = delivery.timeoutMs ?? facts.timeoutMs
    this.alone = facts.isolation === 'exclusive'
    this.apart = facts.isolation === 'process'
  }

  /** What its handler is told, as JSON, now that it is handed over. */
  metadataText(): string | null {
    const { metadata } = this.delivery
    if (this.beginSpan !== null) this.span ??= this.beginSpan(this)
    const told = this.span === null ? metadata : this.span.inject(metadata)
    return told === null ? null : JSON.stringify(told)
  }
}

/** What became of it, for the engine. A stopped attempt ends as its stop says, whatever its handler still came to. */
export function outcomeOf(held: Held, kind: number, text: string): Outcome {
  const { id, epoch } = held.delivery
  const { runMs } = held
  if (held.stop === null || (held.stop === 'shutdown' && kind === RESULT.returned)) {
    return kind === RESULT.returned
      ? { id, epoch, kind: 'returned', valueText: text, runMs }
      : { id, epoch, kind: 'threw', ...(JSON.parse(text) as Thrown), runMs }
  }
  return stoppedOutcome(held)
}

export function stoppedOutcome(held: Held): Outcome {
  const { id, epoch } = held.delivery
  if (held.stop !== 'timedOut') return { id, epoch, kind: 'released' }
  const message = `the attempt ran longer than its timeout of ${held.timeoutMs} ms`
  return { id, epoch, kind: 'timedOut', error: { name: 'TimedOut', message }, runMs: held.runMs }
}

export function releasedOutcome({ delivery: { id, epoch } }: Held): Outcome {
  return { id, epoch, kind: 'released' }
}

export function crashedOutcome({ delivery: { id, epoch } }: Held, error: TaskError): Outcome {
  return { id, epoch, kind: 'crashed', error }
}

/** Name and message of the reason that the handler's signal carries. */
export function stopSignal(held: Held): [name: string, message: string] {
  switch (held.stop) {
    case 'timedOut':
      return ['TimeoutError', `the attempt ran longer than its timeout of ${held.timeoutMs} ms`]
    case 'revoked':
      return ['AbortError', 'the task was cancelled, or taken away from this worker']
    default:
      return ['AbortError', 'the worker is stopping']
  }
}

/** As threads and processes are handed a task. */
export function pushTask(list: FlatList, held: Held): void {
  const { id, type, queue, attempt, maxAttempts, dataText } = held.delivery
  list.push(held.position, id, type, queue, attempt, maxAttempts, dataText, held.metadataText())
}
