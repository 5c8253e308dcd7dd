/**
 * The spans of attempts that will be made again, by task: the next attempt links to the one before. What this process has not seen, or
 * not lately, it does not know; then the trace has all attempts, and only the link is missing.
 */

import type { SpanContext } from '@opentelemetry/api'
import { TRACED_RETRIES_MAX } from '../task/limits.ts'

export class EarlierSpans {
  readonly #byTask = new Map<string, SpanContext>()

  keep(id: string, span: SpanContext): void {
    this.#byTask.delete(id)
    this.#byTask.set(id, span)
    if (this.#byTask.size <= TRACED_RETRIES_MAX) return
    const [oldest] = this.#byTask.keys()
    this.#byTask.delete(oldest!)
  }

  /** For its next attempt; it is kept no longer. */
  take(id: string): readonly SpanContext[] {
    const span = this.#byTask.get(id)
    if (span === undefined) return []
    this.#byTask.delete(id)
    return [span]
  }
}
