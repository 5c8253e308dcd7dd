/** Schedules of an engine that keeps some: the desk where they are put, and the runner that makes them tick. */

import { type Clock, systemClock } from '../task/clock.ts'
import type { Cron, ScheduleStore } from './cron.ts'
import { CronDesk } from './cron-desk.ts'
import { CronRunner } from './cron-runner.ts'
import type { Engine } from './engine.ts'

export interface CronOptions {
  readonly store: ScheduleStore
  readonly clock: Clock | undefined
  /** Whose schedules they are, and who holds their tasks. */
  readonly engine: Pick<Engine, 'submit' | 'get' | 'cancel' | 'wait'>
  readonly onTrouble: (error: unknown) => void
  /** Throws CLOSED when the engine is. */
  readonly mustBeOpen: () => void
  /** Whether this process makes them tick. Default: it does. */
  readonly mayRun?: () => boolean
  /** A change by this process makes one due at this time; its own runner knows. */
  readonly onDue?: (atMs: number) => void
}

export interface OpenCron extends Cron {
  readonly runner: Pick<CronRunner, 'kick' | 'recheck' | 'due' | 'isBusy'>
  /** Nothing ticks any more; what is under way is finished. */
  close(): Promise<void>
}

export function openCron(options: CronOptions): OpenCron {
  const { store, engine, onTrouble, mustBeOpen, clock = systemClock, onDue } = options
  const runner = new CronRunner({
    store,
    clock,
    tasks: engine,
    onTrouble,
    mayRun: options.mayRun ?? (() => true),
  })
  const desk = new CronDesk({
    store,
    clock,
    tasks: engine,
    mustBeOpen,
    onDue: (atMs) => {
      runner.due(atMs)
      onDue?.(atMs)
    },
  })
  return Object.assign(desk, { runner, close: () => runner.close() })
}
