/** What an embedded engine can be told when it is opened. */

import type { ObjectStore } from '../../objects/object-store.ts'
import type { Clock } from '../../task/clock.ts'

export interface EmbeddedOptions {
  /** The folder of the store; made when it is missing. */
  readonly dir: string
  readonly clock?: Clock
  readonly random?: () => number
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
  readonly retentionMs?: number
  readonly failedRetentionMs?: number
  readonly diskFreeBytesMin?: number
  readonly walBytesMax?: number
  /** Each final task is written there as `task_<id>.json`. The caller closes it, after the engine. */
  readonly objects?: ObjectStore
  /** Told how long each commit took that waited for the disk. Must not throw. */
  readonly onSync?: (tookMs: number) => void
  /** Told of trouble that nobody who called is told of. */
  readonly onTrouble?: (
    event: 'checkpoint-lost' | 'cron-failed' | 'document-failed' | 'store-failed' | 'sink-failed',
    error: unknown,
  ) => void
}
