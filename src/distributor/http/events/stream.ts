/** One listener: a response that stays open, and how far it has come in its feed. */

import type { ServerResponse } from 'node:http'
import { EVENT_STREAM_OUTBOX_BYTES_MAX, EVENTS_A_TURN_MAX } from '../../../task/limits.ts'
import type { Visit } from '../visit.ts'
import type { Feed } from './feed.ts'

export interface StreamOptions {
  readonly feed: Feed
  readonly visit: Visit
  readonly response: ServerResponse
  /** Where a browser that was cut off wants to go on. */
  readonly lastEventId: string | undefined
}

/** How long a browser waits before it connects again. */
const RECONNECT_MS = 2_000

export class Stream {
  readonly feed: Feed
  readonly visit: Visit
  readonly #response: ServerResponse
  /** Number of the next event that it gets. */
  #next: number
  /** Dropped since it was told last. */
  #dropped = 0

  constructor({ feed, visit, response, lastEventId }: StreamOptions) {
    this.feed = feed
    this.visit = visit
    this.#response = response
    const resumed = lastEventId === undefined ? null : feed.after(lastEventId)
    this.#next = resumed ?? feed.next
    let text = `retry: ${RECONNECT_MS}\n`
    if (resumed === null) text += `id: ${feed.newestId}\n`
    if (resumed === null && lastEventId !== undefined) {
      const message = 'what happened in between is not kept any more: look at the state of things'
      text += `event: reset\ndata: ${JSON.stringify({ message })}\n`
    }
    response.write(`${text}\n`)
  }

  /** Whether there is something to say, and somebody who listens. */
  get isDue(): boolean {
    return this.#next < this.feed.next && !this.isCongested
  }

  get isCongested(): boolean {
    return this.#response.writableLength > EVENT_STREAM_OUTBOX_BYTES_MAX
  }

  /**
   * Says the next events, a bounded number of them.
   * @param texts of this turn: most streams of a feed have come equally far, and say the same
   */
  advance(texts: Map<string, string>): void {
    const { feed } = this
    if (!this.isDue) return
    const fellOff = feed.oldest - this.#next
    if (fellOff > 0) {
      this.#dropped += fellOff
      this.#next = feed.oldest
    }
    const to = Math.min(feed.next, this.#next + EVENTS_A_TURN_MAX)
    const range = `${feed.id} ${this.#next} ${to}`
    let text = texts.get(range)
    if (text === undefined) {
      text = feed.textOf(this.#next, to)
      texts.set(range, text)
    }
    this.#next = to
    if (this.#dropped > 0) {
      this.#response.write(`event: dropped\ndata: {"dropped":${this.#dropped}}\n\n`)
      this.#dropped = 0
    }
    this.#response.write(text)
  }

  /** Balancers and browsers take a line that says nothing for a sign of life. */
  beat(): void {
    if (this.#response.writableLength === 0) this.#response.write(':\n\n')
  }

  /** @param reason for a person who looks at it; the browser connects again */
  end(reason: string): void {
    this.#response.end(`event: end\ndata: ${JSON.stringify({ message: reason })}\n\n`)
  }
}
