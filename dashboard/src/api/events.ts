/** The stream of events of the server. The browser opens it again by itself when it breaks, and says what it has heard last. */

import { withQuery } from './door.ts'
import type { TaskEvent } from './shapes.ts'

export interface EventQuery {
  readonly ids?: readonly string[]
  readonly states?: readonly string[]
  readonly types?: readonly string[]
  readonly queues?: readonly string[]
}

export interface EventListener {
  onEvent(event: TaskEvent): void
  /** Events that the server left out, because there were too many to send. */
  onDropped(count: number): void
  /** What happened in between is not known: look at the truth. */
  onGap(): void
  onOpen(): void
  onBreak(): void
}

export interface OpenEvents {
  close(): void
}

/** A browser gives up when the answer is an error (too many listeners, a server that starts): then it is tried again here. */
const REOPEN_MS = 3_000

export function openEvents(query: EventQuery, listener: EventListener): OpenEvents {
  const { ids, states, types, queues } = query
  const address = withQuery('v1/events', { ids, state: states, type: types, queue: queues })
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | null = null
  let wasOpen = false
  const open = () => {
    const opened = new EventSource(address)
    source = opened
    opened.onopen = () => {
      // Opened by us and not by the browser: it could not say what it had heard.
      if (wasOpen && timer !== null) listener.onGap()
      wasOpen = true
      timer = null
      listener.onOpen()
    }
    opened.onerror = () => {
      listener.onBreak()
      if (opened.readyState === EventSource.CLOSED) timer = setTimeout(open, REOPEN_MS)
    }
    opened.addEventListener('task', ({ data }) => listener.onEvent(JSON.parse(data) as TaskEvent))
    opened.addEventListener('dropped', ({ data }) =>
      listener.onDropped((JSON.parse(data) as { dropped: number }).dropped),
    )
    opened.addEventListener('reset', () => listener.onGap())
  }
  open()
  return {
    close() {
      if (timer !== null) clearTimeout(timer)
      source?.close()
    },
  }
}
