/**
 * Events of a watch, without those of tasks that may not be read. The queue stands in an event; the key does not, so for identities that are bound to
 * keys it is looked up.
 *
 * Invariants: events keep their order; what waits for a look is bounded, and what is dropped is counted in the next event.
 */

import type { Engine, TaskEvent } from '../../engine/engine.ts'
import { WATCH_EVENTS_MAX } from '../../task/limits.ts'
import { allows, type Identity } from './rights.ts'

export class EventFilter {
  readonly #identity: Identity
  readonly #engine: Pick<Engine, 'get'>
  readonly #listener: (events: readonly TaskEvent[]) => void
  readonly #isBoundToKeys: boolean
  #waiting: TaskEvent[] = []
  #dropped = 0
  #looking = false

  constructor(
    identity: Identity,
    engine: Pick<Engine, 'get'>,
    listener: (events: readonly TaskEvent[]) => void,
  ) {
    this.#identity = identity
    this.#engine = engine
    this.#listener = listener
    this.#isBoundToKeys = identity.grants.some(({ keys }) => keys !== undefined)
  }

  hear(events: readonly TaskEvent[]): void {
    if (!this.#isBoundToKeys) {
      const own = events.filter(({ queue }) => allows(this.#identity, 'read', queue, null))
      if (own.length > 0) this.#listener(own)
      return
    }
    for (const event of events) {
      if (this.#waiting.length < WATCH_EVENTS_MAX) this.#waiting.push(event)
      else this.#dropped += 1 + (event.dropped ?? 0)
    }
    if (!this.#looking) void this.#look()
  }

  async #look(): Promise<void> {
    this.#looking = true
    while (this.#waiting.length > 0) {
      const events = this.#waiting
      this.#waiting = []
      const ids = [...new Set(events.map(({ id }) => id))]
      // Events are hints: one that cannot be looked up is one that was lost.
      const records = await this.#engine.get(ids).catch(() => [])
      const seen = new Set<string>()
      for (const record of records) {
        if (record !== null && allows(this.#identity, 'read', record.queue, record.key ?? null))
          seen.add(record.id)
      }
      const own = events.filter(({ id }) => seen.has(id))
      if (own.length > 0) this.#listener(this.#told(own))
    }
    this.#looking = false
  }

  #told(events: readonly TaskEvent[]): readonly TaskEvent[] {
    if (this.#dropped === 0) return events
    const [first, ...rest] = events as [TaskEvent, ...TaskEvent[]]
    const told = { ...first, dropped: this.#dropped + (first.dropped ?? 0) }
    this.#dropped = 0
    return [told, ...rest]
  }
}
