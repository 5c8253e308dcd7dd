/**
 * Watches through a server: `task.watch`, then `task.event` notifications. After a break each watch is made again on the next
 * connection, under a new name; what happened in between is not told, for events are hints.
 */

import { readEvent } from '../../wire/event-codec.ts'
import type { Link } from '../../wire/link.ts'
import { writeWatchQuery } from '../../wire/query-codec.ts'
import type { TaskEvent, Watch, WatchQuery } from '../engine.ts'
import type { Calls } from './calls.ts'

type Listener = (events: readonly TaskEvent[]) => void

interface OpenWatch {
  readonly paramsText: string
  readonly listener: Listener
  /** What the server calls it; null while there is none. */
  name: string | null
  /** Being made: whoever does so sees to it until it is made. */
  making: boolean
}

export class Watches {
  readonly #link: Link
  readonly #calls: Calls
  readonly #open = new Set<OpenWatch>()
  readonly #byName = new Map<string, OpenWatch>()

  constructor(link: Link, calls: Calls) {
    this.#link = link
    this.#calls = calls
    link.on('task.event', (params) => {
      const { watch, event } = readEvent(params)
      this.#byName.get(watch)?.listener([event])
    })
    link.onUp(() => {
      for (const watch of this.#open) if (!watch.making) void this.#make(watch).catch(() => {})
    })
    link.onDown(() => {
      this.#byName.clear()
      for (const watch of this.#open) watch.name = null
    })
  }

  async watch(query: WatchQuery, listener: Listener): Promise<Watch> {
    const watch: OpenWatch = { paramsText: writeWatchQuery(query), listener, name: null, making: false }
    this.#open.add(watch)
    try {
      await this.#make(watch)
    } catch (error) {
      this.#open.delete(watch)
      throw error
    }
    return { close: async () => this.#close(watch) }
  }

  /** Ends all: no listener is called any more. */
  close(): void {
    this.#open.clear()
    this.#byName.clear()
  }

  async #make(watch: OpenWatch): Promise<void> {
    watch.making = true
    try {
      await this.#calls.call('task.watch', watch.paramsText, {
        onReply: (result) => {
          const { watch: name } = result as { watch: string }
          watch.name = name
          if (this.#open.has(watch)) this.#byName.set(name, watch)
          else this.#unwatch(name)
        },
      })
    } finally {
      watch.making = false
    }
  }

  #close(watch: OpenWatch): void {
    this.#open.delete(watch)
    if (watch.name === null || !this.#byName.delete(watch.name)) return
    this.#unwatch(watch.name)
  }

  /** Nothing depends on the answer: what still comes is for nobody. */
  #unwatch(name: string): void {
    const params = JSON.stringify({ watch: name })
    this.#link.request('task.unwatch', params, { timeoutMs: this.#calls.timeoutMs }).catch(() => {})
  }
}
