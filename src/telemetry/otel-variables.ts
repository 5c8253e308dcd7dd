/**
 * What the standard variables of OpenTelemetry ask for (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/),
 * as far as the SDK and its exporter do not read them by themselves. Pure: the environment is handed in.
 *
 * Read elsewhere: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES by the resource; headers, timeout, compression and certificates of
 * OTEL_EXPORTER_OTLP_* by the exporter.
 */

import { ChasquiError } from '../task/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface TracePlan {
  readonly exporter: 'otlp' | 'console'
  /** Where OTLP goes, whole; null: the exporter knows from the variables. */
  readonly url: string | null
  readonly sampler: SamplerPlan
  /** Of the queue in front of the exporter; what is not set has the default of the specification. */
  readonly batch: {
    readonly scheduledDelayMillis?: number
    readonly exportTimeoutMillis?: number
    readonly maxQueueSize?: number
    readonly maxExportBatchSize?: number
  }
}

export interface SamplerPlan {
  readonly name: string
  readonly root: 'on' | 'off' | 'ratio'
  readonly ratio: number
  readonly followsParent: boolean
}

const SAMPLERS: Readonly<Record<string, Pick<SamplerPlan, 'root' | 'followsParent'>>> = {
  always_on: { root: 'on', followsParent: false },
  always_off: { root: 'off', followsParent: false },
  traceidratio: { root: 'ratio', followsParent: false },
  parentbased_always_on: { root: 'on', followsParent: true },
  parentbased_always_off: { root: 'off', followsParent: true },
  parentbased_traceidratio: { root: 'ratio', followsParent: true },
}

/**
 * null: nobody asked for traces. They are off until an endpoint or an exporter is named.
 * @param endpoint of `--otlp-endpoint`: wins over the variables, but for OTEL_SDK_DISABLED
 * @throws ChasquiError CONFIG_INVALID
 */
export function tracePlan(endpoint: string | undefined, environment: Environment): TracePlan | null {
  if (said(environment, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return null
  const named = said(environment, 'OTEL_TRACES_EXPORTER')
  const target =
    said(environment, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ??
    said(environment, 'OTEL_EXPORTER_OTLP_ENDPOINT')
  if (endpoint === undefined && (named === 'none' || (named === undefined && target === undefined)))
    return null
  const exporter = endpoint !== undefined ? 'otlp' : (named ?? 'otlp')
  if (exporter !== 'otlp' && exporter !== 'console') {
    throw invalid('OTEL_TRACES_EXPORTER', 'otlp, console or none', exporter)
  }
  return {
    exporter,
    url: endpoint === undefined ? null : `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    sampler: samplerPlan(environment),
    batch: {
      ...numberOf(environment, 'OTEL_BSP_SCHEDULE_DELAY', 'scheduledDelayMillis'),
      ...numberOf(environment, 'OTEL_BSP_EXPORT_TIMEOUT', 'exportTimeoutMillis'),
      ...numberOf(environment, 'OTEL_BSP_MAX_QUEUE_SIZE', 'maxQueueSize'),
      ...numberOf(environment, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 'maxExportBatchSize'),
    },
  }
}

function samplerPlan(environment: Environment): SamplerPlan {
  const name = said(environment, 'OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on'
  const sampler = SAMPLERS[name]
  if (sampler === undefined) throw invalid('OTEL_TRACES_SAMPLER', Object.keys(SAMPLERS).join(', '), name)
  const text = said(environment, 'OTEL_TRACES_SAMPLER_ARG') ?? '1'
  const ratio = Number(text)
  if (sampler.root === 'ratio' && !(ratio >= 0 && ratio <= 1)) {
    throw invalid('OTEL_TRACES_SAMPLER_ARG', 'a number from 0 to 1', text)
  }
  return { name: sampler.root === 'ratio' ? `${name} ${ratio}` : name, ratio, ...sampler }
}

function numberOf(
  environment: Environment,
  variable: string,
  field: keyof TracePlan['batch'],
): TracePlan['batch'] {
  const text = said(environment, variable)
  if (text === undefined) return {}
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalid(variable, 'a whole number above 0', text)
  return { [field]: Number(text) }
}

/** An empty variable is as good as none: the specification says so. */
function said(environment: Environment, variable: string): string | undefined {
  return environment[variable]?.trim() || undefined
}

function invalid(variable: string, form: string, text: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `${variable} must be ${form}, not ${JSON.stringify(text)}`)
}
