/**
 * The engine with spans around it keeps every promise of the engine inside. The tracer here makes spans that record and have no ids, so that
 * metadata stay as they are; what is put in them otherwise is in test/e2e/traces.
 */

import { after } from 'node:test'
import { INVALID_SPAN_CONTEXT, type Span, trace } from '@opentelemetry/api'
import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { TracedEngine } from '../../src/engine/traced-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { SETTINGS } from './harness.ts'
import { conformance } from './suite.ts'

const startSpan = (): Span =>
  Object.assign(trace.wrapSpanContext(INVALID_SPAN_CONTEXT), { isRecording: () => true })
trace.setGlobalTracerProvider({
  getTracer: () => ({
    startSpan,
    startActiveSpan: () => {
      throw new Error('nobody in the engine makes a span active')
    },
  }),
})
after(() => trace.disable())

conformance('memory, traced', {
  durable: false,
  durability: 'memory',
  async open() {
    const clock = new VirtualClock()
    const engine = new TracedEngine(
      openMemoryEngine({
        clock,
        ...SETTINGS,
      }),
    )
    return { engine, clock, dispose: () => engine.close() }
  },
})
