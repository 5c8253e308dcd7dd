/**
 * A look at the whole system once a second, shared by all screens: who shows it reads the signals, nobody asks twice.
 *
 * Invariant: one request at a time, and none while the page is hidden or waits for a token.
 */

import { signal } from '@preact/signals'
import { access, Refused } from '../api/door.ts'
import type { Stats } from '../api/shapes.ts'
import { readStats } from '../api/system.ts'
import { type Look, type Point, pointBetween, sumOf, withPoint } from './rates.ts'

const LOOK_MS = 1_000
/** A server that does not answer is asked less often. */
const LOST_LOOK_MS = 3_000
const ANSWER_DEADLINE_MS = 10_000
/** A gap that is longer is no rate any more: the page was hidden, or the server was away. */
const GAP_MS = 15_000

export const stats = signal<Stats | null>(null)
export const points = signal<readonly Point[]>([])
/** `lost`: the last look was not answered. */
export const contact = signal<'waiting' | 'live' | 'lost'>('waiting')
/** Why the last look failed, for people. */
export const trouble = signal('')

let last: Look | null = null

export function keepStatsFresh(): void {
  const turn = async () => {
    if (document.visibilityState === 'visible' && access.value === 'open') await look()
    setTimeout(turn, contact.value === 'lost' ? LOST_LOOK_MS : LOOK_MS)
  }
  void turn()
}

/** At once, after an act that changes what is shown. */
export async function look(): Promise<void> {
  try {
    const answer = await readStats(AbortSignal.timeout(ANSWER_DEADLINE_MS))
    const now: Look = { atMs: Date.now(), totals: sumOf(answer.queues) }
    const point = last === null || now.atMs - last.atMs > GAP_MS ? null : pointBetween(last, now)
    last = now
    stats.value = answer
    if (point !== null) points.value = withPoint(points.value, point)
    contact.value = 'live'
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return
    contact.value = 'lost'
    trouble.value = error instanceof Error ? error.message : String(error)
  }
}
