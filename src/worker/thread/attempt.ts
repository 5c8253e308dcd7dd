/**
 * One attempt inside its thread: what came in, the one value that the executor carries through its steps, and the context that its
 * handler sees. Everything in a context that costs (controller, parsed metadata, log) is made when it is first asked for: most
 * handlers ask for nothing.
 *
 * Every member of a context works when destructured. After the attempt has ended nothing is reported any more.
 */

import type { LogLevel } from '../../engine/engine.ts'
import type { TaskContext, TaskDefinition, TaskLog } from '../../task/definition.ts'
import { LOG_LINE_LENGTH_MAX, NOTE_LENGTH_MAX } from '../../task/limits.ts'
import type { Progress } from '../../task/task.ts'

export class Attempt {
  readonly position: number
  readonly id: string
  readonly queue: string
  readonly attempt: number
  readonly maxAttempts: number
  readonly metadataText: string | null
  readonly definition: TaskDefinition
  /** Text, then data, checked data, returned value, result text. */
  value: unknown
  context: AttemptContext | null = null
  startedMs = 0
  ended = false

  constructor(
    position: number,
    id: string,
    queue: string,
    attempt: number,
    maxAttempts: number,
    dataText: string,
    metadataText: string | null,
    definition: TaskDefinition,
  ) {
    this.position = position
    this.id = id
    this.queue = queue
    this.attempt = attempt
    this.maxAttempts = maxAttempts
    this.value = dataText
    this.metadataText = metadataText
    this.definition = definition
  }
}

/** Where a context leaves what its handler says. */
export interface ReportSink {
  progress(attempt: Attempt, progress: Progress): void
  line(attempt: Attempt, level: LogLevel, text: string): void
}

const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({})

export class AttemptContext implements TaskContext {
  readonly #attempt: Attempt
  readonly #sink: ReportSink
  #controller: AbortController | null = null
  #stopped: DOMException | null = null
  #metadata: Readonly<Record<string, string>> | null = null
  #log: TaskLog | null = null

  constructor(attempt: Attempt, sink: ReportSink) {
    this.#attempt = attempt
    this.#sink = sink
  }

  get id(): string {
    return this.#attempt.id
  }

  get type(): string {
    return this.#attempt.definition.type
  }

  get queue(): string {
    return this.#attempt.queue
  }

  get attempt(): number {
    return this.#attempt.attempt
  }

  get maxAttempts(): number {
    return this.#attempt.maxAttempts
  }

  get metadata(): Readonly<Record<string, string>> {
    const text = this.#attempt.metadataText
    this.#metadata ??= text === null ? NO_METADATA : Object.freeze(JSON.parse(text))
    return this.#metadata!
  }

  get traceparent(): string | undefined {
    return this.metadata.traceparent
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#stopped !== null) this.#controller.abort(this.#stopped)
    }
    return this.#controller.signal
  }

  get progress(): TaskContext['progress'] {
    return (done, total, note) => {
      if (this.#attempt.ended) return
      this.#sink.progress(this.#attempt, {
        done: finite(done, 0),
        total: total === undefined || total === null ? null : finite(total, null),
        ...(note !== undefined && { note: String(note).slice(0, NOTE_LENGTH_MAX).toWellFormed() }),
      })
    }
  }

  get log(): TaskLog {
    const line = (level: LogLevel) => (text: string) => {
      if (this.#attempt.ended) return
      this.#sink.line(this.#attempt, level, String(text).slice(0, LOG_LINE_LENGTH_MAX).toWellFormed())
    }
    this.#log ??= { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
    return this.#log
  }

  /** The attempt should end. Not for handlers: they see the signal. */
  static stop(context: AttemptContext, name: string, message: string): void {
    context.#stopped = new DOMException(message, name)
    context.#controller?.abort(context.#stopped)
  }
}

function finite<Otherwise>(value: unknown, otherwise: Otherwise): number | Otherwise {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
}
