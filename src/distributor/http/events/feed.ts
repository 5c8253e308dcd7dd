/**
 * What happens to the tasks of one query, for all who asked the same: one watch of the engine, and the newest events in a ring, each with a number.
 *
 *   engine ──► ring (the oldest fall off) ──► streams, each at its own number
 *
 * A stream holds nothing but its number, so a slow one costs nothing: what fell off before it came there is counted, and it goes on with what is left.
 *
 * Invariant: memory is bounded by the ring, whatever comes and however many listen.
 */

import { randomBytes } from 'node:crypto'
import type { TaskEvent, Watch } from '../../../engine/engine.ts'
import { EVENTS_KEPT_LENGTH_MAX, EVENTS_KEPT_MAX } from '../../../task/limits.ts'
import { writeNews } from '../../../wire/event-codec.ts'

/** Of an event without log lines and notes, roughly. */
const EVENT_LENGTH = 250

interface Kept {
  readonly event: TaskEvent
  readonly length: number
  /** Made when the first stream wants it: while nobody keeps up, nobody pays for it. */
  text: string | null
}

export class Feed {
  /** Names the numbers: those of another feed, or of this one before a restart, mean nothing here. */
  readonly id = randomBytes(6).toString('base64url')
  watch: Watch | null = null
  readonly #ring: Kept[] = []
  /** Of the ring, where the oldest is; the array is cut from time to time, not for each event. */
  #start = 0
  #length = 0
  /** Of the next event. */
  #next = 1

  get next(): number {
    return this.#next
  }

  /** Of the oldest that is kept; `next` where none is. */
  get oldest(): number {
    return this.#next - (this.#ring.length - this.#start)
  }

  push(events: readonly TaskEvent[]): void {
    for (const event of events) {
      const length = lengthOf(event)
      this.#ring.push({ event, length, text: null })
      this.#next++
      this.#length += length
    }
    while (this.#next - this.oldest > EVENTS_KEPT_MAX || this.#length > EVENTS_KEPT_LENGTH_MAX) {
      this.#length -= this.#ring[this.#start]!.length
      this.#start++
    }
    if (this.#start > EVENTS_KEPT_MAX) {
      this.#ring.splice(0, this.#start)
      this.#start = 0
    }
  }

  /** Events from one number on, in the form of server-sent events. @param from not before the oldest */
  textOf(from: number, to: number): string {
    const offset = this.#start - this.oldest
    let text = ''
    for (let number = from; number < to; number++) {
      const kept = this.#ring[number + offset]!
      kept.text ??= `id: ${this.id}.${number}\nevent: task\ndata: ${writeNews(kept.event)}\n\n`
      text += kept.text
    }
    return text
  }

  /** `Last-Event-ID` as the number of the next event; null: it is not of this feed, or too old. */
  after(lastEventId: string): number | null {
    const [id, digits = ''] = lastEventId.split('.')
    if (id !== this.id || !/^\d{1,15}$/.test(digits)) return null
    const next = Number(digits) + 1
    return next < this.oldest || next > this.#next ? null : next
  }

  /** Of the newest event, or of what came before the first. */
  get newestId(): string {
    return `${this.id}.${this.#next - 1}`
  }
}

function lengthOf({ lines, progress }: TaskEvent): number {
  let length = EVENT_LENGTH + (progress?.note?.length ?? 0)
  for (const line of lines ?? []) length += line.text.length
  return length
}
