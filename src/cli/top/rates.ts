/** Counters at two times → rates between them. Pure. */

import { TOP_CURVE_LOOKS, TOP_RATE_LOOKS } from '../../task/limits.ts'
import type { Look } from './looks.ts'

export interface Rates {
  /** A second; null where two looks are not there yet, or the counters began anew. */
  readonly submitted: number | null
  readonly succeeded: number | null
  readonly failed: number | null
}

/** The looks that are kept: those of a rate, and the curve of what was done. */
export interface History {
  readonly looks: readonly Look[]
  /** Attempts that ended well, a second, one value for each look. */
  readonly curve: readonly number[]
}

export const NO_HISTORY: History = { looks: [], curve: [] }

export function withLook({ looks, curve }: History, look: Look): History {
  const before = looks.at(-1)
  const latest = before === undefined ? null : rateOf(before, look, (one) => total(one, 'succeeded'))
  return {
    looks: [...looks, look].slice(-TOP_RATE_LOOKS - 1),
    curve: latest === null ? curve : [...curve, latest].slice(-TOP_CURVE_LOOKS),
  }
}

/** Of all queues, or of one. */
export function ratesOf(history: History, queue?: string): Rates {
  return {
    submitted: overHistory(history, (look) => total(look, 'submitted', queue)),
    succeeded: overHistory(history, (look) => total(look, 'succeeded', queue)),
    failed: overHistory(history, (look) => total(look, 'failed', queue)),
  }
}

/** Outcomes of one worker, a second. */
export function settledRateOf(history: History, consumer: string): number | null {
  return overHistory(
    history,
    (look) => look.report.consumers.find(({ id }) => id === consumer)?.settled ?? null,
  )
}

function overHistory({ looks }: History, count: (look: Look) => number | null): number | null {
  const [first, last] = [looks[0], looks.at(-1)]
  return first === undefined || last === undefined ? null : rateOf(first, last, count)
}

function rateOf(first: Look, last: Look, count: (look: Look) => number | null): number | null {
  const [from, to] = [count(first), count(last)]
  const ms = last.atMs - first.atMs
  return from === null || to === null || ms <= 0 || to < from ? null : ((to - from) * 1_000) / ms
}

/** What was there before a queue was made is nothing. */
function total(look: Look, counter: 'submitted' | 'succeeded' | 'failed', queue?: string): number {
  let sum = 0
  for (const report of look.report.queues) {
    if (queue === undefined || report.queue === queue) sum += report.totals[counter]
  }
  return sum
}
