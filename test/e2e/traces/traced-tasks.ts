/**
 * Handlers that make spans of their own, with an SDK that their module registers in each thread of the worker: as docs/tracing.md shows.
 * Their spans leave at once, for a test must not wait for a batch.
 */

import { context, type Span, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { defineTask, type TaskContext } from '../../../src/index.ts'

/** The test that wants to see the spans says so in the name of the module. */
const url = new URL(import.meta.url).searchParams.get('receiver')

const provider = new TracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'handlers' }),
  // Without an address its spans are made and go nowhere.
  spanProcessors: url === null ? [] : [new SimpleSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
})
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(provider)

const tracer = trace.getTracer('handlers')

/** Which span it is, and under which. */
export function toldOf(span: Span): object {
  const { traceId, spanId } = span.spanContext()
  const parent = (span as unknown as { parentSpanContext?: { spanId: string } }).parentSpanContext
  return { traceId, spanId, parentSpanId: parent?.spanId ?? null }
}

/** A span around a wait; answers with what it was told and what its span was. */
const callTheBank = (_data: unknown, { traceparent }: TaskContext) =>
  tracer.startActiveSpan('call the bank', async (span) => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    span.end()
    await provider.forceFlush()
    return { traceparent, ...toldOf(span) }
  })

export const charge = defineTask({ type: 'charge', run: callTheBank })
/** In a process of its own. */
export const chargeApart = defineTask({ type: 'charge-apart', isolation: 'process', run: callTheBank })

export const failOnce = defineTask({
  type: 'fail-once',
  maxAttempts: 2,
  backoff: 1,
  run: (_data: unknown, { attempt, traceparent }) => {
    if (attempt === 1) throw new TypeError('not yet')
    return traceparent ?? null
  },
})
