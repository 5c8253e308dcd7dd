/** An application whose copy of OpenTelemetry's API is older than ours, which our own copy would not see. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { isTraced, startSpan, withinTrace } from '../../../src/telemetry/spans.ts'

const REGISTERED = Symbol.for('opentelemetry.js.api.1')
const world = globalThis as { [REGISTERED]?: unknown }

test('what an older copy has registered gets the spans, within its contexts', (context) => {
  assert.equal(isTraced(), false)
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const contexts = new AsyncLocalStorageContextManager().enable()
  context.after(() => {
    delete world[REGISTERED]
    contexts.disable()
  })
  world[REGISTERED] = { version: '1.4.0', trace: provider, context: contexts }
  assert.equal(isTraced(), true)
  const outer = provider.getTracer('application').startSpan('outer')
  const told = contexts.with(trace.setSpan(ROOT_CONTEXT, outer), () => {
    const span = startSpan({ operation: 'submit', task: { id: 'a', type: 't', queue: 'q' }, metadata: null })
    span.end()
    return span.inject(null)
  })
  const inner = withinTrace(told, () => trace.getSpanContext(contexts.active()))
  const [span] = exporter.getFinishedSpans()
  assert.deepEqual([span!.name, span!.parentSpanContext?.spanId], ['submit q', outer.spanContext().spanId])
  assert.deepEqual([inner?.traceId, inner?.spanId], [outer.spanContext().traceId, span!.spanContext().spanId])
  // Tracing without a context manager is possible, too.
  world[REGISTERED] = { version: '1.4.0', trace: provider }
  assert.equal(
    withinTrace(told, () => 'ran'),
    'ran',
  )
})
