/** The answer to "why is it not running?": reasons, the one that matters most first. Made by engine/explain.ts, the same for all engines. */

import type { TaskState } from './lifecycle.ts'
import type { WorkerIdentity } from './task.ts'

export interface Explanation {
  readonly id: string
  readonly type: string
  readonly queue: string
  readonly state: TaskState
  /** Never empty. */
  readonly reasons: readonly Reason[]
}

/** `message`: the whole reason as an English sentence. Times are milliseconds since the epoch. */
export type Reason = { readonly message: string } & (
  | { readonly kind: 'not-due'; readonly untilMs: number }
  /** An attempt failed, and the next one waits for its time. */
  | { readonly kind: 'retry-not-due'; readonly untilMs: number; readonly failures: number }
  | { readonly kind: 'waits-for-tasks' }
  | { readonly kind: 'queue-paused' }
  /** Nobody takes from its queue; `others`: who takes from others. */
  | { readonly kind: 'no-worker'; readonly others: readonly Taker[] }
  /** Who takes from its queue does not know its type. */
  | { readonly kind: 'type-unknown'; readonly takers: readonly Taker[] }
  /** Who knows it has no slot free. `held`: deliveries in their hands, of `credit` that they may have. */
  | { readonly kind: 'workers-busy'; readonly slots: number; readonly held: number; readonly credit: number }
  /** `ahead`: how many go first, `isMore`: at least. `waitMs`: how long that takes as fast as those workers were so far; null: not known. */
  | {
      readonly kind: 'behind-others'
      readonly ahead: number
      readonly isMore: boolean
      readonly ratePerSecond: number | null
      readonly waitMs: number | null
    }
  /** Its worker died under it so often that it must run alone: a worker has to be free of everything else. */
  | { readonly kind: 'runs-alone'; readonly crashes: number }
  /** Nothing is in its way. */
  | { readonly kind: 'imminent' }
  /** `leaseUntilMs` null: not known here. `isConnected`: its worker is among those that are there. */
  | {
      readonly kind: 'running'
      readonly worker: WorkerIdentity | null
      readonly isConnected: boolean
      readonly sinceMs: number | null
      readonly leaseUntilMs: number | null
    }
  | { readonly kind: 'succeeded' | 'canceled' | 'expired'; readonly atMs: number }
  | {
      readonly kind: 'attempts-used-up' | 'not-retryable' | 'input-refused' | 'poison'
      readonly atMs: number
      readonly attempts: number
      readonly maxAttempts: number
    }
)

export type ReasonKind = Reason['kind']

/** A consumer that takes tasks, as far as it helps to know. */
export interface Taker {
  readonly worker: WorkerIdentity
  readonly queues: readonly string[]
  /** null: every type. */
  readonly types: readonly string[] | null
}
