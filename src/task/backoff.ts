/**
 * How long to wait before the next attempt. Pure: randomness is handed in.
 *
 * Exponential with full jitter is the default ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015):
 * many tasks that failed together must not come back together.
 */

import { BACKOFF_BASE_MS, BACKOFF_MAX_MS } from './limits.ts'

export type Backoff =
  | {
      readonly kind: 'exponential'
      readonly baseMs: number
      readonly maxMs: number
      readonly jitter: boolean
    }
  | { readonly kind: 'fixed'; readonly delayMs: number }
  /** The n-th failure waits the n-th delay; the last one repeats. Never empty. */
  | { readonly kind: 'list'; readonly delaysMs: readonly number[] }

export const DEFAULT_BACKOFF: Backoff = {
  kind: 'exponential',
  baseMs: BACKOFF_BASE_MS,
  maxMs: BACKOFF_MAX_MS,
  jitter: true,
}

/**
 * @param failures how many attempts have failed so far, this one included (1 or more)
 * @param random uniform in [0, 1)
 * @returns whole milliseconds, 0 or more
 */
export function backoffDelayMs(backoff: Backoff, failures: number, random: () => number): number {
  switch (backoff.kind) {
    case 'fixed':
      return backoff.delayMs
    case 'list':
      return backoff.delaysMs[Math.min(failures, backoff.delaysMs.length) - 1]!
    case 'exponential': {
      // 2 ** 52 would leave the safe integers long after maxMs has taken over.
      const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures - 1, 40))
      // Half fixed, half random: spread out, yet never at once after a failure.
      return Math.round(backoff.jitter ? ceiling / 2 + (random() * ceiling) / 2 : ceiling)
    }
  }
}
