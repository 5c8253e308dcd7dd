/** What every server role of Chasqui is given, and how it tells that it is up. */

import type { Schedule } from '../engine/cron.ts'
import type { Log } from '../telemetry/log.ts'
import type { Settings } from './settings.ts'
import type { StopRequests } from './signals.ts'

export interface Role {
  readonly settings: Settings
  /** What the configuration file declares; null: nothing. */
  readonly schedules?: readonly Schedule[] | null
  readonly log: Log
  /** When to end. */
  readonly stop: StopRequests
  /** Called once, when the role does its work. */
  readonly onReady: (facts: ReadyFacts) => void
}

export interface ReadyFacts {
  readonly role: 'distributor' | 'worker' | 'up'
  /** Where the distributor is: `chasqui://127.0.0.1:5000`. */
  readonly address: string
  /** Where it speaks HTTP, if it does: `http://127.0.0.1:8080`. */
  readonly http?: string
  /** What holds the tasks, as it was asked for; a worker does not say. */
  readonly engine?: string
}
