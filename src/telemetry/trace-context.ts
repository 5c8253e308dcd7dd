/**
 * The trace that a task belongs to, as it travels in its metadata: `traceparent` and `tracestate` of W3C Trace Context
 * (https://www.w3.org/TR/trace-context/). Pure, and without any package: reading a trace id for a log line must cost next to nothing.
 */

import { METADATA_ENTRIES_MAX, METADATA_LENGTH_MAX } from '../task/limits.ts'

/** Names of the metadata that belong to the transport of a task, and not to its content. */
export const TRACEPARENT = 'traceparent'
export const TRACESTATE = 'tracestate'

export type Metadata = Readonly<Record<string, string>>

export interface TraceParent {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 of them. */
  readonly spanId: string
  /** Bit 0: sampled. */
  readonly traceFlags: number
}

const FORM = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const ZEROS = /^0+$/

/** null where there is none, or none that can be used: a trace that is broken is no reason to refuse a task. */
export function readTraceparent(text: string | undefined): TraceParent | null {
  if (text === undefined) return null
  const [, version, traceId, spanId, flags, more] = FORM.exec(text) ?? []
  if (version === undefined || version === 'ff') return null
  // Later versions may add fields; the first one has none.
  if (version === '00' && more !== undefined) return null
  if (ZEROS.test(traceId!) || ZEROS.test(spanId!)) return null
  return { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) }
}

export function writeTraceparent({ traceId, spanId, traceFlags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`
}

/** The metadata with this trace in place of another. What does not fit beside the rest is left out: the task counts more. */
export function withTrace(metadata: Metadata | null, parent: TraceParent, state: string): Metadata {
  const { [TRACEPARENT]: _, [TRACESTATE]: __, ...rest } = metadata ?? {}
  const trace: Metadata = {
    [TRACEPARENT]: writeTraceparent(parent),
    ...(state !== '' && { [TRACESTATE]: state }),
  }
  for (const fitting of [
    { ...rest, ...trace },
    { ...rest, [TRACEPARENT]: trace[TRACEPARENT]! },
  ]) {
    const entries = Object.entries(fitting)
    const length = entries.reduce((sum, [name, text]) => sum + name.length + text.length, 0)
    if (entries.length <= METADATA_ENTRIES_MAX && length <= METADATA_LENGTH_MAX) return fitting
  }
  return metadata ?? {}
}

/** Fields of a log line about a task that belongs to a trace: the names are those of OpenTelemetry. */
export function traceFields(
  metadata: Metadata | null,
): { readonly trace_id: string; readonly span_id: string } | undefined {
  const parent = readTraceparent(metadata?.[TRACEPARENT])
  return parent === null ? undefined : { trace_id: parent.traceId, span_id: parent.spanId }
}
