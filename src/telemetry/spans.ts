/**
 * Spans of tasks, through the global API of OpenTelemetry: whoever has registered an SDK gets them, be it an application that uses
 * the library or our own programs (open-tracing.ts). Names and attributes are those of the conventions for messaging
 * (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/).
 *
 * Free when off: `isTraced` is one look at a global, and the API is loaded when it first says yes. Ask it before `startSpan`.
 */

import { createRequire } from 'node:module'
import type * as Api from '@opentelemetry/api'
import { type Metadata, readTraceparent, TRACEPARENT, TRACESTATE, withTrace } from './trace-context.ts'

/**
 * Where all copies of the API, version 1, find what was registered; that they share it is the purpose of the symbol. Taken from there and
 * not through our own copy, which would not look at what an older one has registered.
 */
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

interface Registered {
  readonly trace?: Api.TracerProvider
  readonly context?: Api.ContextManager
}

function registered(): Registered | undefined {
  return (globalThis as { [REGISTERED]?: Registered })[REGISTERED]
}

/** Whether anybody has registered a tracer in this thread. */
export function isTraced(): boolean {
  return registered()?.trace !== undefined
}

let loaded: typeof Api | null = null

/** At once, for submitting does not wait; and not with the module, for loading it takes longer than many a command. */
export function otelApi(): typeof Api {
  loaded ??= createRequire(import.meta.url)('@opentelemetry/api') as typeof Api
  return loaded
}

const LIBRARY = 'chasqui'

/** What is done with a task, who does it in the words of OpenTelemetry, and the type of operation where the conventions know one. */
const OPERATIONS = {
  /** The client: from `submit` to the confirmation. */
  submit: { kind: 'PRODUCER', type: 'send' },
  /** The distributor and its engine: until the task is safe. */
  accept: { kind: 'SERVER', type: null },
  /** The engine: from the delivery to a worker until it is settled. */
  deliver: { kind: 'INTERNAL', type: null },
  /** The worker: from the hand-over to a thread until the attempt has ended. */
  process: { kind: 'CONSUMER', type: 'process' },
} as const

export interface SpanStart {
  readonly operation: keyof typeof OPERATIONS
  readonly task: { readonly id: string; readonly type: string; readonly queue: string }
  /** What the span follows on. Without a trace in it: on whatever is active in the caller's context. */
  readonly metadata: Metadata | null
  readonly attributes?: Api.Attributes
  /** Spans of earlier attempts. */
  readonly links?: readonly Api.SpanContext[]
}

export interface TaskSpan {
  readonly context: Api.SpanContext
  readonly isRecording: boolean
  /** The metadata, with this span as what is followed on; as it is where the span has no ids. */
  inject(metadata: Metadata | null): Metadata | null
  event(name: string, atMs?: number): void
  /** Repeatable; only the first one counts. */
  end(end?: { readonly error?: SpanError; readonly attributes?: Api.Attributes }): void
}

export interface SpanError {
  readonly name: string
  readonly message: string
}

/** Only where `isTraced`. Never throws into its caller more than the SDK does. */
export function startSpan({ operation, task, metadata, attributes, links = [] }: SpanStart): TaskSpan {
  const api = otelApi()
  const { kind, type } = OPERATIONS[operation]
  const span = registered()!
    .trace!.getTracer(LIBRARY)
    .startSpan(
      `${operation} ${task.queue}`,
      {
        kind: api.SpanKind[kind],
        attributes: {
          'messaging.system': LIBRARY,
          'messaging.operation.name': operation,
          ...(type !== null && { 'messaging.operation.type': type }),
          'messaging.destination.name': task.queue,
          'messaging.message.id': task.id,
          'chasqui.task.type': task.type,
          ...attributes,
        },
        links: links.map((context) => ({ context })),
      },
      contextOf(metadata),
    )
  let ended = false
  return {
    context: span.spanContext(),
    isRecording: span.isRecording(),
    inject(into) {
      const context = span.spanContext()
      // A tracer that was registered and does nothing has no ids to give.
      if (!api.isSpanContextValid(context)) return into
      const { traceId, spanId, traceFlags, traceState } = context
      return withTrace(into, { traceId, spanId, traceFlags }, traceState?.serialize() ?? '')
    },
    event: (name, atMs) => void span.addEvent(name, undefined, atMs),
    end({ error, attributes: more } = {}) {
      if (ended) return
      ended = true
      if (more !== undefined) span.setAttributes(more)
      if (error !== undefined) {
        span.setAttribute('error.type', error.name)
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: error.message })
      }
      span.end()
    },
  }
}

/** Runs a function where the spans that it starts follow on the trace of a task. Only where `isTraced`. */
export function withinTrace<T>(metadata: Metadata | null, run: () => T): T {
  const manager = registered()?.context
  return manager === undefined ? run() : manager.with(contextOf(metadata), run)
}

function contextOf(metadata: Metadata | null): Api.Context {
  const { createTraceState, ROOT_CONTEXT, trace } = otelApi()
  const active = registered()?.context?.active() ?? ROOT_CONTEXT
  const parent = readTraceparent(metadata?.[TRACEPARENT])
  if (parent === null) return active
  const state = metadata?.[TRACESTATE]
  return trace.setSpanContext(active, {
    ...parent,
    isRemote: true,
    ...(state !== undefined && { traceState: createTraceState(state) }),
  })
}
