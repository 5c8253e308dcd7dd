/** What a cluster engine can be told when it is opened. */

import type { ObjectStore } from '../../objects/object-store.ts'
import type { Clock } from '../../task/clock.ts'

/** Trouble that nobody who called is told of. */
export type Trouble =
  | 'database-lost'
  | 'database-back'
  | 'broker-lost'
  | 'broker-back'
  | 'broker-blocked'
  | 'broker-unblocked'
  | 'consumer-lost'
  | 'consumer-silent'
  | 'lane-refilled'
  | 'foreign-message-refused'
  | 'keeper-failed'
  | 'cron-failed'
  | 'object-failed'
  | 'document-failed'
  | 'sink-failed'

/** What of it the broker tells, in its own words. */
export const BROKER_TROUBLE = {
  blocked: 'broker-blocked',
  unblocked: 'broker-unblocked',
  'consumer-lost': 'consumer-lost',
} as const

export interface ClusterOptions {
  /** `postgres://…`, with several hosts for a primary and its standbys. */
  readonly databaseUrl: string
  /** `amqp://…` or `amqps://…`; several for the nodes of a cluster. */
  readonly amqpUrls: readonly string[]
  /** Before the names of everything in RabbitMQ. Default `chasqui`. */
  readonly amqpPrefix?: string
  /** Large values, and the documents of results. The caller closes it, after the engine. */
  readonly objects?: ObjectStore
  /** Each final task is written there as `task_<id>.json`. Default true where there is a store. */
  readonly documents?: boolean
  /** Characters of a value from which it goes to the object store. */
  readonly objectsAboveLength?: number
  /** false: the schema must be there. Default true. */
  readonly migrate?: boolean
  /** Shown by the tools of both servers. */
  readonly name?: string
  readonly clock?: Clock
  readonly random?: () => number
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
  readonly retentionMs?: number
  readonly failedRetentionMs?: number
  /** Unfinished tasks beyond which new ones are refused with RETRY_AFTER: in all queues together, and in one. Default: no limit. */
  readonly tasksMax?: number | undefined
  readonly queueTasksMax?: number | undefined
  /** Queues that foreign producers publish to, as `<prefix>.<queue>`. Default `default`. */
  readonly inboxes?: readonly string[]
  /** Told how long each statement took that waited for the disk: its way to PostgreSQL and back included. Must not throw. */
  readonly onSync?: ((tookMs: number) => void) | undefined
  readonly onTrouble?: (trouble: Trouble, error: unknown) => void
}
