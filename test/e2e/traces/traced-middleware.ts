/** Middleware with a span of its own around each handler; its result says which one that was. */

import { trace } from '@opentelemetry/api'
import type { Middleware } from '../../../src/index.ts'
import { toldOf } from './traced-tasks.ts'

const around: Middleware = {
  name: 'around',
  run: (_data, _context, next) =>
    trace.getTracer('middleware').startActiveSpan('around', async (span) => {
      try {
        return { ...((await next()) as object), around: toldOf(span) }
      } finally {
        span.end()
      }
    }),
}

export const use = [around]
