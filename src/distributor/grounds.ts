/**
 * What all faces of one distributor stand on: the TCP server and its sessions, and the HTTP server and its requests. One engine, one set of locks,
 * one account of what is held.
 */

import type { Engine } from '../engine/engine.ts'
import type { Clock } from '../task/clock.ts'
import type { Durability } from '../task/task.ts'
import type { Log } from '../telemetry/log.ts'
import type { ServerReport } from '../wire/report-codec.ts'
import type { Locks } from './access/pass.ts'
import type { Intake } from './intake.ts'
import type { DistributorLimits } from './limits.ts'

export interface Grounds {
  readonly engine: Engine
  readonly durability: Durability
  readonly clock: Clock
  readonly limits: DistributorLimits
  readonly log: Log
  readonly intake: Intake
  readonly locks: Locks
  readonly version: string
  serverReport(): ServerReport
  /** Hears of each error that a peer is told of, by its code: to be counted. */
  onRefused(code: string): void
}
