/**
 * What follows from an outcome. One pure function, shared by all engines: policy lives here and nowhere else.
 */

import { type Backoff, backoffDelayMs, DEFAULT_BACKOFF } from './backoff.ts'
import type { Outcome, TaskError } from './outcome.ts'

/** The part of a task that the verdict depends on. */
export interface Budget {
  /** Attempts that failed before this one. */
  readonly failures: number
  readonly maxAttempts: number
  /** Worker deaths before this one. */
  readonly crashes: number
  readonly maxCrashes: number
  readonly backoff: Backoff | null
}

export type Verdict =
  | { readonly kind: 'complete'; readonly valueText: string }
  /** Another attempt after `delayMs` (0: at once); `failures` is the new count. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly failures: number; readonly error: TaskError }
  /** Back to its place in the queue; `crashes` is the new count. */
  | { readonly kind: 'requeue'; readonly crashes: number }
  | { readonly kind: 'fail'; readonly error: TaskError }

export function decide(budget: Budget, outcome: Outcome, random: () => number): Verdict {
  switch (outcome.kind) {
    case 'returned':
      return { kind: 'complete', valueText: outcome.valueText }
    case 'released':
      return { kind: 'requeue', crashes: budget.crashes }
    case 'crashed':
      // A death is not the fault of the task until it has happened too often: then it is poison, and stays with the evidence.
      return budget.crashes + 1 > budget.maxCrashes
        ? { kind: 'fail', error: poisonError(budget.crashes + 1, outcome.error) }
        : { kind: 'requeue', crashes: budget.crashes + 1 }
    case 'timedOut':
    case 'threw': {
      const failures = budget.failures + 1
      if (failures >= budget.maxAttempts || (outcome.kind === 'threw' && !outcome.retryable)) {
        return { kind: 'fail', error: outcome.error }
      }
      const delayMs =
        outcome.kind === 'threw' && outcome.retryAfterMs !== undefined
          ? outcome.retryAfterMs
          : backoffDelayMs(budget.backoff ?? DEFAULT_BACKOFF, failures, random)
      return { kind: 'retry', delayMs, failures, error: outcome.error }
    }
  }
}

/**
 * Its worker died under it so often that once more would make it fail. Such a task runs alone, so that no innocent task fails because it
 * was in the hands of the same workers as a poisonous one.
 */
export function isLastChance({ crashes, maxCrashes }: Pick<Budget, 'crashes' | 'maxCrashes'>): boolean {
  return crashes > 0 && crashes >= maxCrashes
}

function poisonError(crashes: number, last: TaskError): TaskError {
  const message = `its worker died ${crashes} times while running it; last: ${last.name}: ${last.message}`
  return last.stack === undefined
    ? { name: 'PoisonTask', message }
    : { name: 'PoisonTask', message, stack: last.stack }
}
