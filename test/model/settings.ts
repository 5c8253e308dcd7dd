/** What the games are played with: times of the engines, and how large a game is. */

export const LEASE_MS = 10_000
export const GRACE_MS = 3_000
export const RETENTION_MS = 120_000
/** An engine has noticed after this long that a lease ended. */
export const NOTICE_MS = 1_000

/** How large a game is. */
export interface Scale {
  /** Different ids: few of them meet often, many of them make long queues. */
  readonly ids: number
  readonly batchMax: number
  readonly creditMax: number
  /** Operations that may share a turn. A turn that is too full is done in parts, and then the model cannot say in which order. */
  readonly sharedMax: number
}

/** Few tasks that meet all the time. */
export const FEW: Scale = { ids: 14, batchMax: 3, creditMax: 4, sharedMax: 4 }
/** More than the window of ready tasks holds, in long lanes. */
export const CROWD: Scale = { ids: 6_000, batchMax: 900, creditMax: 600, sharedMax: 1 }
