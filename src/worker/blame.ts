/**
 * A thread has ended with started tasks in it: what becomes of each. Pure.
 *
 * To blame is the task on whose behalf the fatal code ran, when the thread could still say so; otherwise the only one that was
 * running. When several were running and nobody knows (out of memory), each runs again alone, so that the guilty one shows itself
 * and no innocent is charged.
 */

import type { Outcome } from '../task/outcome.ts'
import { crashedOutcome, type Held, releasedOutcome, stoppedOutcome } from './held.ts'
import type { ThreadEnd } from './thread-host.ts'

/** @param terminated from outside, on account of a task that is being stopped
 *  @returns an outcome, or `suspect`: to be run again alone */
export function blame(
  held: Held,
  end: Pick<ThreadEnd, 'error' | 'guilty' | 'causeKnown' | 'started'>,
  terminated: boolean,
): Outcome | 'suspect' {
  if (held.stop !== null) return stoppedOutcome(held)
  if (terminated) return releasedOutcome(held)
  if (end.causeKnown) return held === end.guilty ? crashedOutcome(held, end.error) : releasedOutcome(held)
  return end.started.length === 1 ? crashedOutcome(held, end.error) : 'suspect'
}
