/**
 * Who wants to hear of which tasks: the watches of one engine. Engines publish here after their commit; whoever waits for
 * results is in waits.ts.
 *
 * Watches by id are found by id, the others are asked one by one. Invariant: an engine that asks `wants` or `wantsId` first
 * builds no event that nobody listens to, and a listener that fails does not keep the others from hearing.
 */

import type { TaskEvent, Watch, WatchQuery } from './engine.ts'

type Listener = (events: readonly TaskEvent[]) => void

interface Subscription {
  readonly query: WatchQuery
  readonly listener: Listener
}

export interface EventHubOptions {
  /** A listener threw: by default a bug, which crashes. */
  readonly onListenerError?: (error: unknown) => void
}

export class EventHub {
  readonly #byId = new Map<string, Set<Subscription>>()
  readonly #others = new Set<Subscription>()
  readonly #onListenerError: (error: unknown) => void

  constructor(options: EventHubOptions = {}) {
    this.#onListenerError = options.onListenerError ?? throwInOwnTurn
  }

  /** Whether anybody watches anything. */
  get wants(): boolean {
    return this.#others.size > 0 || this.#byId.size > 0
  }

  /** Whether somebody may want events of this task. */
  wantsId(id: string): boolean {
    return this.#others.size > 0 || (this.#byId.size > 0 && this.#byId.has(id))
  }

  watch(query: WatchQuery, listener: Listener): Watch {
    const subscription: Subscription = { query, listener }
    if (query.ids === undefined) this.#others.add(subscription)
    else for (const id of query.ids) this.#add(id, subscription)
    return {
      close: async () => {
        this.#remove(subscription)
      },
    }
  }

  /** Listeners are called before this returns, each at most once. */
  publish(events: readonly TaskEvent[]): void {
    for (const subscription of this.#others) {
      const matching = events.filter((event) => matches(subscription.query, event))
      if (matching.length > 0) this.#tell(subscription, matching)
    }
    if (this.#byId.size === 0) return
    const perSubscription = new Map<Subscription, TaskEvent[]>()
    for (const event of events) {
      for (const subscription of this.#byId.get(event.id) ?? []) {
        if (!matches(subscription.query, event)) continue
        const list = perSubscription.get(subscription)
        if (list === undefined) perSubscription.set(subscription, [event])
        else list.push(event)
      }
    }
    for (const [subscription, matching] of perSubscription) this.#tell(subscription, matching)
  }

  /** Ends all watches: no listener is called any more. */
  close(): void {
    this.#byId.clear()
    this.#others.clear()
  }

  #tell(subscription: Subscription, events: readonly TaskEvent[]): void {
    // A listener called before may have closed this watch.
    if (!this.#isOpen(subscription)) return
    try {
      subscription.listener(events)
    } catch (error) {
      this.#onListenerError(error)
    }
  }

  #isOpen(subscription: Subscription): boolean {
    const ids = subscription.query.ids
    if (ids === undefined) return this.#others.has(subscription)
    return ids.length > 0 && this.#byId.get(ids[0]!)?.has(subscription) === true
  }

  #add(id: string, subscription: Subscription): void {
    const set = this.#byId.get(id)
    if (set === undefined) this.#byId.set(id, new Set([subscription]))
    else set.add(subscription)
  }

  #remove(subscription: Subscription): void {
    this.#others.delete(subscription)
    for (const id of subscription.query.ids ?? []) {
      const set = this.#byId.get(id)
      if (set?.delete(subscription) && set.size === 0) this.#byId.delete(id)
    }
  }
}

/** The `ids` of a query are matched by the index. */
function matches(query: WatchQuery, event: TaskEvent): boolean {
  return (
    (query.types === undefined || query.types.includes(event.type)) &&
    (query.queues === undefined || query.queues.includes(event.queue)) &&
    (query.states === undefined || query.states.includes(event.state))
  )
}

function throwInOwnTurn(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
