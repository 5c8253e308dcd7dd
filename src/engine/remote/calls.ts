/**
 * Requests that are made again until they are answered: after a lost connection on the next one, after "not now" when the server
 * said so. Everything the port asks may be repeated, for ids and epochs make a repetition harmless (engine.ts).
 *
 * Invariant: a call settles by its deadline; what it ends with then is the last reason why it was not answered.
 */

import { type Clock, systemClock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import { CONFIRM_TIMEOUT_MS, RETRY_AFTER_MS } from '../../task/limits.ts'
import type { Link } from '../../wire/link.ts'

export interface CallOptions {
  /** Default: that of the engine. */
  readonly timeoutMs?: number
  /** See RequestOptions of the link. */
  readonly onReply?: (result: unknown) => void
}

export interface CallsOptions {
  readonly link: Link
  readonly clock?: Clock
  readonly random?: () => number
  readonly callTimeoutMs?: number
}

export class Calls {
  readonly #link: Link
  readonly clock: Clock
  readonly #random: () => number
  readonly timeoutMs: number
  #open = 0
  #whenIdle: (() => void)[] = []

  constructor(options: CallsOptions) {
    this.#link = options.link
    this.clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.timeoutMs = options.callTimeoutMs ?? CONFIRM_TIMEOUT_MS
  }

  async call(method: string, paramsText: string, options: CallOptions = {}): Promise<unknown> {
    const deadlineMs = this.clock.nowMs() + (options.timeoutMs ?? this.timeoutMs)
    const { onReply } = options
    this.#open++
    try {
      for (;;) {
        const timeoutMs = deadlineMs - this.clock.nowMs()
        try {
          return await this.#link.request(
            method,
            paramsText,
            onReply ? { timeoutMs, onReply } : { timeoutMs },
          )
        } catch (error) {
          await this.pause(error, deadlineMs)
        }
      }
    } finally {
      if (--this.#open === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
    }
  }

  /** Resolves when it is time to try again; throws the error when trying again is of no use, or too late. */
  async pause(error: unknown, deadlineMs: number): Promise<void> {
    const pauseMs = this.pauseMs(error)
    if (pauseMs === null || this.#link.state === 'closed') throw error
    const atMs = this.clock.nowMs() + pauseMs
    if (atMs >= deadlineMs) throw error
    if (pauseMs > 0) await this.sleep(pauseMs)
  }

  /** How long to wait before trying again; null: it is of no use. */
  pauseMs(error: unknown): number | null {
    if (!(error instanceof ChasquiError) || !error.retryable) return null
    // Our own limits: the deadline is over, or this program asks too much at a time.
    if (error.code === 'TIMEOUT' || error.code === 'BUFFER_FULL') return null
    // The link waits for the next connection by itself.
    if (error.code === 'CONNECTION_LOST') return 0
    // Who was refused together should not come back together.
    return Math.ceil((error.retryAfterMs ?? RETRY_AFTER_MS) * (1 + this.#random() / 2))
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.at(this.clock.nowMs() + ms, resolve))
  }

  /** Resolves when no call is open. */
  idle(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve))
  }
}
