/** The traces of a program: opened before its work begins, where they were asked for, closed after it has ended. */

import type { Log } from '../telemetry/log.ts'
import { tracePlan } from '../telemetry/otel-variables.ts'
import type { Settings } from './settings.ts'
import { VERSION } from './version.ts'

/** Runs `work` with traces, if any. @throws ChasquiError CONFIG_INVALID when what was asked for cannot be used */
export async function withTraces<T>(
  { otlpEndpoint }: Pick<Settings, 'otlpEndpoint'>,
  name: 'distributor' | 'worker' | 'submit',
  log: Pick<Log, 'event'>,
  work: () => Promise<T>,
): Promise<T> {
  const plan = tracePlan(otlpEndpoint, process.env)
  if (plan === null) return work()
  const { openTracing } = await import('../telemetry/open-tracing.ts')
  const tracing = await openTracing({ plan, service: `chasqui-${name}`, version: VERSION, log })
  try {
    return await work()
  } finally {
    await tracing.close()
  }
}
