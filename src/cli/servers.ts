/** What the commands that stay up have in common: their log, the signals that end them, and the line that says that they are up. */

import { listenForLogLevel } from '../app/log-level.ts'
import type { ReadyFacts, Role } from '../app/role.ts'
import type { Settings } from '../app/settings.ts'
import { listenForStop } from '../app/signals.ts'
import { withTraces } from '../app/traces.ts'
import type { Screen } from './screen.ts'

export interface ServerOptions {
  readonly settings: Settings
  readonly schedules?: Role['schedules']
  readonly screen: Screen
  readonly untilInputEnds?: boolean
  /** In traces. */
  readonly service: 'distributor' | 'worker'
}

/** Runs a role to its end and answers with its exit code. */
export async function serve(
  { settings, schedules = null, screen, untilInputEnds = false, service }: ServerOptions,
  run: (role: Role) => Promise<number>,
): Promise<number> {
  const { openLog } = await import('../telemetry/log.ts')
  const log = openLog({ level: settings.logLevel, format: settings.logFormat })
  const stop = listenForStop({ untilInputEnds })
  const level = listenForLogLevel(log, settings.logLevel)
  try {
    return await withTraces(settings, service, log, () =>
      run({ settings, schedules, log, stop, onReady: (facts) => sayReady(facts, screen) }),
    )
  } finally {
    level.close()
    stop.close()
  }
}

/** For people the log has said it. */
function sayReady(facts: ReadyFacts, screen: Screen): void {
  if (screen.json) screen.value({ ...facts, pid: process.pid })
}
