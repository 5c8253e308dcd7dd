/** The system as a whole: what it is doing, and its queues. */

import { ask } from './door.ts'
import type { Stats } from './shapes.ts'

export function readStats(signal: AbortSignal): Promise<Stats> {
  return ask('GET', 'v1/stats', { signal })
}
