/**
 * The ids of the tasks that events told of, a sample at a time: once so many have come, the watch is closed until the next
 * sample is taken. So neither the server nor the terminal has more to do when there are more tasks.
 */

import type { Client } from '../../client/client.ts'
import type { TaskEvents } from '../../client/event-stream.ts'
import type { WatchQuery } from '../../engine/engine.ts'

export class SampledWatch {
  readonly #client: Pick<Client, 'watch'>
  readonly #query: WatchQuery
  readonly #eventsMax: number
  #ids: string[] = []
  #events: TaskEvents | null = null
  #closed = false

  constructor(client: Pick<Client, 'watch'>, query: WatchQuery, eventsMax: number) {
    this.#client = client
    this.#query = query
    this.#eventsMax = eventsMax
  }

  /** What was heard since the last time; listens again from now on. */
  async take(): Promise<string[]> {
    const ids = this.#ids
    this.#ids = []
    if (this.#events === null && !this.#closed) {
      const events = this.#client.watch(this.#query)
      this.#events = events
      void this.#listen(events)
      await events.started
    }
    return ids
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#events?.close()
  }

  async #listen(events: TaskEvents): Promise<void> {
    try {
      for await (const { id } of events) {
        this.#ids.push(id)
        if (this.#ids.length >= this.#eventsMax) break
      }
    } catch {
      // A connection that broke: the next sample begins anew, and the look itself says what is wrong.
    } finally {
      if (this.#events === events) this.#events = null
    }
  }
}
