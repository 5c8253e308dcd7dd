/**
 * The requests of one link that are not answered yet, sent or waiting to be sent, in the order in which they were made.
 *
 * Deadlines cost no timer each: one timer, armed for the earliest, sweeps the table, and no more often than DEADLINE_SWEEP_MS.
 * Invariant: each request leaves the table exactly once, with an answer or an error.
 */

import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { DEADLINE_SWEEP_MS, LINK_REQUESTS_LENGTH_MAX, LINK_REQUESTS_MAX } from '../task/limits.ts'

export interface OpenRequest {
  readonly method: string
  readonly paramsText: string
  readonly deadlineMs: number
  readonly asker: { replied(result: unknown): void; failed(error: ChasquiError): void }
  /** On the connection that is up now, so that its break leaves open what became of it. */
  sent: boolean
}

export class RequestTable {
  readonly #clock: Clock
  /** The error of a request whose deadline passed. */
  readonly #overdue: (request: OpenRequest) => ChasquiError
  readonly #open = new Map<number, OpenRequest>()
  #lastId = 0
  #length = 0
  #timer: Timer | null = null
  #armedAtMs = Number.POSITIVE_INFINITY
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, overdue: (request: OpenRequest) => ChasquiError) {
    this.#clock = clock
    this.#overdue = overdue
  }

  get size(): number {
    return this.#open.size
  }

  /** @throws ChasquiError BUFFER_FULL */
  add(request: OpenRequest): number {
    this.#length += request.paramsText.length
    if (this.#open.size >= LINK_REQUESTS_MAX || this.#length > LINK_REQUESTS_LENGTH_MAX) {
      this.#length -= request.paramsText.length
      throw new ChasquiError(
        'BUFFER_FULL',
        `${this.#open.size} requests with ${this.#length} characters wait for their answers already`,
      )
    }
    const id = ++this.#lastId
    this.#open.set(id, request)
    if (request.deadlineMs < this.#armedAtMs) this.#arm(request.deadlineMs)
    return id
  }

  /** Takes a request out; undefined when it has left before. */
  take(id: number): OpenRequest | undefined {
    const request = this.#open.get(id)
    if (request !== undefined) {
      this.#open.delete(id)
      this.#length -= request.paramsText.length
    }
    return request
  }

  /** In the order in which they were made. */
  *unsent(): Generator<[id: number, request: OpenRequest]> {
    for (const entry of this.#open) if (!entry[1].sent) yield entry
  }

  /** Takes out, with this error, all requests or those that were sent. */
  fail(which: 'sent' | 'all', error: ChasquiError): void {
    const failed: OpenRequest[] = []
    for (const [id, request] of this.#open) {
      if (which === 'sent' && !request.sent) continue
      this.take(id)
      failed.push(request)
    }
    // Afterwards, so that a request made in answer to a failure is not among them.
    for (const request of failed) request.asker.failed(error)
    if (this.#open.size === 0) this.#disarm()
  }

  #arm(atMs: number): void {
    this.#timer?.cancel()
    this.#armedAtMs = Math.max(atMs, this.#sweptAtMs + DEADLINE_SWEEP_MS)
    this.#timer = this.#clock.at(this.#armedAtMs, () => this.#sweep())
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#armedAtMs = Number.POSITIVE_INFINITY
  }

  #sweep(): void {
    this.#disarm()
    const nowMs = this.#clock.nowMs()
    this.#sweptAtMs = nowMs
    let nextMs = Number.POSITIVE_INFINITY
    const overdue: OpenRequest[] = []
    for (const [id, request] of this.#open) {
      if (request.deadlineMs > nowMs) nextMs = Math.min(nextMs, request.deadlineMs)
      else {
        this.take(id)
        overdue.push(request)
      }
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs)
    for (const request of overdue) request.asker.failed(this.#overdue(request))
  }
}
