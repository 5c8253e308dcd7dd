/**
 * The watches of one connection. Events of a reader that does not keep up are dropped, and it is told how many: the newest
 * event of each watch is kept, so that it hears of the state of things when it reads again.
 *
 * Invariants: memory is bounded by one event a watch, whatever happens; no event is sent before the reply that names its watch.
 */

import type { Engine, TaskEvent, Watch, WatchQuery } from '../engine/engine.ts'
import { ChasquiError } from '../task/errors.ts'
import { writeEvent } from '../wire/event-codec.ts'
import { notificationText } from '../wire/messages.ts'

export interface WatchesOptions {
  /** Asked anew each time: it depends on who the peer is. */
  readonly engine: Engine
  readonly watchesMax: number
  /** Ids that all watches may name together. */
  readonly idsMax: number
  readonly send: (text: string) => void
  /** Whether the peer does not keep up. */
  readonly isCongested: () => boolean
}

export class Watches {
  readonly #options: WatchesOptions
  readonly #open = new Map<string, SessionWatch>()
  #made = 0
  #ids = 0
  #ended = false

  constructor(options: WatchesOptions) {
    this.#options = options
  }

  /** `start` it once the peer knows its name. */
  async open(query: WatchQuery): Promise<SessionWatch> {
    const { engine, watchesMax, idsMax } = this.#options
    const idCount = query.ids?.length ?? 0
    if (this.#open.size >= watchesMax) {
      throw new ChasquiError('TOO_MANY_SUBSCRIPTIONS', `a connection may have ${watchesMax} watches`)
    }
    if (this.#ids + idCount > idsMax) {
      throw new ChasquiError('TOO_MANY_SUBSCRIPTIONS', `a connection may watch ${idsMax} tasks by id`)
    }
    const watch = new SessionWatch(`w${++this.#made}`, idCount, this.#options)
    this.#open.set(watch.id, watch)
    this.#ids += idCount
    try {
      watch.opened = await engine.watch(query, (events) => watch.hear(events))
    } catch (error) {
      this.#forget(watch)
      throw error
    }
    // The peer left while the engine was asked.
    if (this.#ended) await watch.opened.close()
    return watch
  }

  /** Unknown ones are fine. */
  async close(id: string): Promise<void> {
    const watch = this.#open.get(id)
    if (watch === undefined) return
    this.#forget(watch)
    await watch.opened?.close()
  }

  /** The peer reads again. */
  drained(): void {
    for (const watch of this.#open.values()) watch.catchUp()
  }

  /** The connection is over. */
  async closeAll(): Promise<void> {
    this.#ended = true
    await Promise.all([...this.#open.keys()].map((id) => this.close(id)))
  }

  #forget(watch: SessionWatch): void {
    if (this.#open.delete(watch.id)) this.#ids -= watch.idCount
  }
}

export class SessionWatch {
  readonly id: string
  readonly idCount: number
  readonly #options: WatchesOptions
  /** The engine's side of it. */
  opened: Watch | null = null
  #started = false
  #dropped = 0
  /** The newest of the dropped ones. */
  #newest: TaskEvent | null = null

  constructor(id: string, idCount: number, options: WatchesOptions) {
    this.id = id
    this.idCount = idCount
    this.#options = options
  }

  start(): void {
    this.#started = true
    this.catchUp()
  }

  hear(events: readonly TaskEvent[]): void {
    for (const event of events) {
      if (this.#started && !this.#options.isCongested()) this.#send(event)
      else {
        this.#dropped += 1 + (event.dropped ?? 0)
        this.#newest = event
      }
    }
  }

  catchUp(): void {
    if (this.#newest === null || !this.#started || this.#options.isCongested()) return
    // It is sent after all.
    this.#dropped--
    this.#send({ ...this.#newest, dropped: 0 })
  }

  #send(event: TaskEvent): void {
    const dropped = this.#dropped + (event.dropped ?? 0)
    this.#dropped = 0
    this.#newest = null
    const told = dropped === 0 ? event : { ...event, dropped }
    this.#options.send(notificationText('task.event', writeEvent(this.id, told)))
  }
}
