/**
 * What the members of a cluster tell each other: events that somebody elsewhere watches or waits for, leases that were cancelled, lanes that
 * are new, times at which something falls due. Hints only: the ledger is asked again by whoever needs to be sure.
 *
 * Events are many, so they are sent only while a member has said that it wants some; it says so again with every heartbeat.
 */

import { NEWS_HEARD_MS, NEWS_LENGTH_MAX, NEWS_WANTED_MS } from '../../task/limits.ts'
import type { Lease } from '../../task/outcome.ts'
import type { TaskEvent } from '../engine.ts'

type Message =
  | { readonly kind: 'want'; readonly from: number }
  /** `by` whom it was said. */
  | { readonly kind: 'heard'; readonly by: number }
  | { readonly kind: 'events'; readonly events: readonly TaskEvent[] }
  | { readonly kind: 'revoked'; readonly leases: readonly Lease[] }
  | { readonly kind: 'dropped'; readonly tasks: readonly (readonly [lane: number, seq: number])[] }
  | { readonly kind: 'lanes' }
  | { readonly kind: 'due'; readonly atMs: number }
  | { readonly kind: 'refill'; readonly lane: number; readonly request: string }
  | {
      readonly kind: 'waiting'
      readonly lane: number
      readonly dueMs: number
      readonly seqs: readonly number[]
    }
  | { readonly kind: 'drain'; readonly worker: string }
  | { readonly kind: 'queues'; readonly from: number }
  /** `by` whom the order was given. */
  | { readonly kind: 'queues-heard'; readonly by: number }

export interface NewsListener {
  events(events: readonly TaskEvent[]): void
  revoked(leases: readonly Lease[]): void
  dropped(laneNo: number, seq: number): void
  lanes(): void
  due(atMs: number): void
  refill(laneNo: number, request: string): void
  waiting(laneNo: number, dueMs: number, seqs: readonly number[]): void
  drain(worker: string): void
  /** A member was given orders to queues, and waits for all to obey. */
  queues(from: number): void
  /** Another obeys those that were given here. */
  queuesHeard(): void
}

/** This member, and how many others there are. */
export interface Self {
  readonly member: number
  readonly otherMembers: number
}

export class News {
  readonly #self: Self
  readonly #tell: (text: string, to?: string) => void
  readonly #listener: NewsListener
  #wantedUntilMs = 0
  #saidWantMs = Number.NEGATIVE_INFINITY
  #heard = 0
  #heardByAll: Promise<void> = Promise.resolve()
  #onHeard: () => void = () => undefined

  constructor(self: Self, tell: (text: string, to?: string) => void, listener: NewsListener) {
    this.#self = self
    this.#tell = tell
    this.#listener = listener
  }

  /** Another member wants events. */
  get isWanted(): boolean {
    return this.#wantedUntilMs > performance.now()
  }

  /**
   * Somebody here waits or watches. Cheap: says so to the others at most a few times while it lasts. Resolves when all others have
   * heard it, or after NEWS_HEARD_MS: they may be gone, or busy.
   */
  want(): Promise<void> {
    const others = this.#self.otherMembers
    const nowMs = performance.now()
    if (nowMs - this.#saidWantMs < NEWS_WANTED_MS / 4) return this.#heardByAll
    this.#saidWantMs = nowMs
    this.#heard = 0
    this.#heardByAll = new Promise((resolve) => {
      const timer = setTimeout(resolve, others === 0 ? 0 : NEWS_HEARD_MS)
      this.#onHeard = () => {
        if (++this.#heard < others) return
        clearTimeout(timer)
        resolve()
      }
    })
    this.#send({ kind: 'want', from: this.#self.member })
    return this.#heardByAll
  }

  sendEvents(events: readonly TaskEvent[]): void {
    this.#send({ kind: 'events', events })
  }

  sendRevoked(leases: readonly Lease[]): void {
    if (leases.length > 0) this.#send({ kind: 'revoked', leases })
  }

  /** Waiting tasks that were cancelled: one that must run alone would keep a consumer free for nothing. */
  sendDropped(tasks: readonly (readonly [lane: number, seq: number])[]): void {
    if (tasks.length > 0) this.#send({ kind: 'dropped', tasks })
  }

  sendLanes(): void {
    this.#send({ kind: 'lanes' })
  }

  sendDue(atMs: number): void {
    this.#send({ kind: 'due', atMs })
  }

  /** The hints of a lane are lost: whoever is the keeper makes them anew. */
  sendRefill(laneNo: number, request: string): void {
    this.#send({ kind: 'refill', lane: laneNo, request })
  }

  /** To one member: these wait, and it seems to have nothing to do. */
  sendWaiting(address: string, lane: number, dueMs: number, seqs: readonly number[]): void {
    this.#send({ kind: 'waiting', lane, dueMs, seqs }, address)
  }

  /** A worker, wherever it is, is to leave. */
  sendDrain(worker: string): void {
    this.#send({ kind: 'drain', worker })
  }

  sendQueues(): void {
    this.#send({ kind: 'queues', from: this.#self.member })
  }

  sendQueuesHeard(by: number): void {
    this.#send({ kind: 'queues-heard', by })
  }

  hear(text: string): void {
    let message: Message
    try {
      message = JSON.parse(text) as Message
    } catch {
      return
    }
    switch (message.kind) {
      case 'want':
        this.#wantedUntilMs = performance.now() + NEWS_WANTED_MS
        this.#send({ kind: 'heard', by: message.from })
        break
      case 'heard':
        if (message.by === this.#self.member) this.#onHeard()
        break
      case 'events':
        this.#listener.events(message.events)
        break
      case 'revoked':
        this.#listener.revoked(message.leases)
        break
      case 'dropped':
        for (const [laneNo, seq] of message.tasks) this.#listener.dropped(laneNo, seq)
        break
      case 'lanes':
        this.#listener.lanes()
        break
      case 'due':
        this.#listener.due(message.atMs)
        break
      case 'refill':
        this.#listener.refill(message.lane, message.request)
        break
      case 'waiting':
        this.#listener.waiting(message.lane, message.dueMs, message.seqs)
        break
      case 'drain':
        this.#listener.drain(message.worker)
        break
      case 'queues':
        this.#listener.queues(message.from)
        break
      case 'queues-heard':
        if (message.by === this.#self.member) this.#listener.queuesHeard()
    }
  }

  #send(message: Message, to?: string): void {
    const text = JSON.stringify(message)
    // Log lines can be long; whoever watches them reads them from the ledger.
    if (text.length <= NEWS_LENGTH_MAX) this.#tell(text, to)
  }
}
