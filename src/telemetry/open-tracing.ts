/**
 * The traces of our own programs: a plan (otel-variables.ts) to an SDK that is registered with the global API, from where spans.ts takes
 * it. Applications that use the library register their own.
 *
 * Invariant: the SDK is loaded only here, and only where traces were asked for; a receiver that is away costs spans and nothing else.
 */

import { TRACES_END_MS, TRACES_TROUBLE_MS } from '../task/limits.ts'
import type { Log } from './log.ts'
import type { SamplerPlan, TracePlan } from './otel-variables.ts'
import { otelApi } from './spans.ts'

export interface Tracing {
  /** Sends what is left, and gives up after TRACES_END_MS. Repeatable. */
  close(): Promise<void>
}

export interface TracingOptions {
  readonly plan: TracePlan
  /** `service.name`, where no variable says otherwise. */
  readonly service: string
  readonly version: string
  readonly log: Pick<Log, 'event'>
}

type Sdk = typeof import('@opentelemetry/sdk-trace')

export async function openTracing({ plan, service, version, log }: TracingOptions): Promise<Tracing> {
  const api = otelApi()
  const [sdk, resources, { AsyncLocalStorageContextManager }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/context-async-hooks'),
  ])
  tellTrouble(log)
  const { envDetector, hostDetector, processDetector, detectResources, resourceFromAttributes } = resources
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version })
      .merge(detectResources({ detectors: [hostDetector, processDetector] }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(plan.sampler, sdk),
    spanProcessors: [await processorOf(plan, sdk)],
  })
  const contexts = new AsyncLocalStorageContextManager().enable()
  api.context.setGlobalContextManager(contexts)
  api.trace.setGlobalTracerProvider(provider)
  log.event('traces.on', { receiver: receiverOf(plan), sampler: plan.sampler.name })
  let closing: Promise<void> | null = null
  return {
    close() {
      closing ??= end(provider, log).then(() => {
        api.trace.disable()
        api.context.disable()
        api.diag.disable()
      })
      return closing
    },
  }
}

async function end(provider: { shutdown(): Promise<void> }, log: Pick<Log, 'event'>): Promise<void> {
  const deadline = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => deadline.resolve('late'), TRACES_END_MS)
  try {
    const how = await Promise.race([provider.shutdown(), deadline.promise])
    if (how === 'late') log.event('traces.trouble', { reason: 'the last spans were not taken in time' })
  } catch (error) {
    log.event('traces.trouble', { reason: `the last spans were not taken: ${(error as Error).message}` })
  } finally {
    clearTimeout(timer)
  }
}

async function processorOf({ exporter, url, batch }: TracePlan, sdk: Sdk) {
  if (exporter === 'console') return new sdk.SimpleSpanProcessor({ exporter: new sdk.ConsoleSpanExporter() })
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http')
  return new sdk.BatchSpanProcessor({
    exporter: new OTLPTraceExporter(url === null ? {} : { url }),
    ...batch,
  })
}

function samplerOf({ root, ratio, followsParent }: SamplerPlan, sdk: Sdk) {
  const own =
    root === 'ratio'
      ? new sdk.TraceIdRatioBasedSampler(ratio)
      : root === 'on'
        ? new sdk.AlwaysOnSampler()
        : new sdk.AlwaysOffSampler()
  return followsParent ? new sdk.ParentBasedSampler({ root: own }) : own
}

/** What the SDK says of itself, in our log; a receiver that stays away is told of once in a while. */
function tellTrouble(log: Pick<Log, 'event'>): void {
  const { diag, DiagLogLevel } = otelApi()
  let saidMs = Number.NEGATIVE_INFINITY
  const say = (message: string) => {
    const nowMs = performance.now()
    if (nowMs - saidMs < TRACES_TROUBLE_MS) return
    saidMs = nowMs
    log.event('traces.trouble', { reason: reasonOf(message) })
  }
  const quiet = () => {}
  diag.setLogger(
    { error: say, warn: say, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}

/** Errors come as JSON with their stack. */
function reasonOf(message: string): string {
  try {
    const { message: words, code } = JSON.parse(message) as { message?: string; code?: string }
    return words || code || message
  } catch {
    return message
  }
}

/** Without what may be secret in an address. */
function receiverOf({ exporter, url }: TracePlan): string {
  if (exporter === 'console') return 'standard output'
  if (url === null) return 'where the OTEL_EXPORTER_OTLP variables say'
  const { origin, pathname } = new URL(url)
  return origin + pathname
}
