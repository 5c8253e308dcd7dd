/** A browser's EventSource, as far as tests need it: events with their ids, in the order in which they came. */

import assert from 'node:assert/strict'
import http from 'node:http'

const DEADLINE_MS = 60_000

export interface HeardEvent {
  readonly id: string
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  readonly data: any
}

export class EventStream {
  readonly events: HeardEvent[] = []
  readonly response: http.IncomingMessage
  lastEventId = ''
  #rest = ''
  #ended = false
  #wake: (() => void)[] = []

  constructor(response: http.IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      this.#rest += text
      const blocks = this.#rest.split('\n\n')
      this.#rest = blocks.pop()!
      for (const block of blocks) this.#take(block)
      this.#tell()
    })
    response.on('error', () => {})
    response.on('close', () => {
      this.#ended = true
      this.#tell()
    })
  }

  get isEnded(): boolean {
    return this.#ended
  }

  /** Waits until `isSo` of what was heard. */
  async until(what: string, isSo: (stream: this) => boolean): Promise<void> {
    const untilMs = Date.now() + DEADLINE_MS
    while (!isSo(this)) {
      if (Date.now() > untilMs)
        assert.fail(`was not heard: ${what}; ${JSON.stringify(this.events.slice(-3))}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000)
        this.#wake.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  close(): void {
    this.response.destroy()
  }

  #take(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? []
      if (name !== undefined) fields.set(name, value!)
    }
    this.lastEventId = fields.get('id') ?? this.lastEventId
    const data = fields.get('data')
    if (data === undefined) return
    this.events.push({
      id: this.lastEventId,
      event: fields.get('event') ?? 'message',
      data: JSON.parse(data),
    })
  }

  #tell(): void {
    const wake = this.#wake
    this.#wake = []
    for (const call of wake) call()
  }
}

/** Resolves when the stream has begun. */
export function openEvents(
  url: string,
  path = '/v1/events',
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    // A connection of its own each: hundreds of them are open at a time.
    const sent = http.get(`${url}${path}`, { headers, agent: false }, (response) => {
      if (response.statusCode === 200) resolve(new EventStream(response))
      else reject(new Error(`status ${response.statusCode}`))
    })
    sent.on('error', reject)
  })
}
