/**
 * Events of a watch as an AsyncIterable. The watch begins when the stream is made and not with the first look, so nothing that
 * happens in between is missed.
 *
 * Invariant: at most WATCH_EVENTS_MAX events wait for the reader; when it falls behind further the oldest are dropped, and the
 * next event that it sees says how many (`dropped`).
 */

import type { TaskEvent, Watch } from '../engine/engine.ts'
import { WATCH_EVENTS_MAX } from '../task/limits.ts'

export interface TaskEvents extends AsyncIterableIterator<TaskEvent>, AsyncDisposable {
  /** Resolves when events are being heard: what happens from then on is told. Rejects when that is not possible. */
  readonly started: Promise<void>
  /** Ends the stream; what waits is dropped. Repeatable. Leaving a `for await` loop does it, too. */
  close(): Promise<void>
}

type Step = IteratorResult<TaskEvent, undefined>

const END: Step = { done: true, value: undefined }

export class EventStream implements TaskEvents {
  readonly started: Promise<void>
  readonly #onClose: (stream: EventStream) => void
  #events: TaskEvent[] = []
  #dropped = 0
  #readers: { resolve: (step: Step) => void; reject: (error: unknown) => void }[] = []
  #watch: Watch | null = null
  #failure: { readonly error: unknown } | null = null
  #closed = false

  constructor(
    open: (listener: (events: readonly TaskEvent[]) => void) => Promise<Watch>,
    onClose: (stream: EventStream) => void,
  ) {
    this.#onClose = onClose
    this.started = open((events) => this.push(events)).then(
      (watch) => {
        this.#watch = watch
        if (this.#closed) return watch.close()
      },
      (error: unknown) => {
        this.#fail(error)
        throw error
      },
    )
    // Who reads hears of it as well; nobody has to look at both.
    this.started.catch(() => {})
  }

  push(events: readonly TaskEvent[]): void {
    if (this.#closed) return
    for (const event of events) {
      const reader = this.#readers.shift()
      if (reader !== undefined) reader.resolve({ done: false, value: event })
      else this.#events.push(event)
    }
    const surplus = this.#events.length - WATCH_EVENTS_MAX
    if (surplus <= 0) return
    for (const event of this.#events.splice(0, surplus)) this.#dropped += 1 + (event.dropped ?? 0)
  }

  next(): Promise<Step> {
    const event = this.#events.shift()
    if (event !== undefined) {
      const dropped = this.#dropped + (event.dropped ?? 0)
      this.#dropped = 0
      return Promise.resolve({ done: false, value: dropped === 0 ? event : { ...event, dropped } })
    }
    if (this.#failure !== null) return Promise.reject(this.#failure.error)
    if (this.#closed) return Promise.resolve(END)
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
  }

  async return(): Promise<Step> {
    await this.close()
    return END
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#events = []
    for (const reader of this.#readers.splice(0)) reader.resolve(END)
    this.#onClose(this)
    await this.#watch?.close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #fail(error: unknown): void {
    this.#failure = { error }
    for (const reader of this.#readers.splice(0)) reader.reject(error)
    this.#onClose(this)
  }
}
