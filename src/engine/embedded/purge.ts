/**
 * Old results go, a small step at a time: results in the order of acceptance, from where the last step stopped. Mostly the oldest come
 * first, so a step that finds nothing to delete starts again at the beginning and waits; once an hour it goes through to the end, for
 * tasks that were accepted late among the old ones.
 */

import type { Timer } from '../../task/clock.ts'
import { PURGE_FULL_MS, PURGE_PAUSE_MS, PURGE_ROWS_MAX } from '../../task/limits.ts'
import type { Heart } from './heart.ts'

export class Purge {
  readonly #heart: Heart
  /** Runs a step inside a transaction. */
  readonly #transact: (step: (nowMs: number) => number) => Promise<number>
  #timer: Timer
  #afterSeq = 0
  #fullUntilEnd = false
  #nextFullMs: number
  #closed = false

  constructor(heart: Heart, transact: (step: (nowMs: number) => number) => Promise<number>) {
    this.#heart = heart
    this.#transact = transact
    this.#nextFullMs = heart.clock.nowMs() + PURGE_FULL_MS
    this.#timer = this.#arm(0)
  }

  close(): void {
    this.#closed = true
    this.#timer.cancel()
  }

  #arm(delayMs: number): Timer {
    return this.#heart.clock.at(this.#heart.clock.nowMs() + delayMs, () => {
      void this.#transact((nowMs) => this.#step(nowMs)).then(
        (nextMs) => this.#again(nextMs),
        // The store could not write: then there is other trouble, and whoever called is told of it.
        () => this.#again(PURGE_PAUSE_MS),
      )
    })
  }

  #again(delayMs: number): void {
    if (!this.#closed) this.#timer = this.#arm(delayMs)
  }

  /** @returns how long to wait before the next one */
  #step(nowMs: number): number {
    if (nowMs >= this.#nextFullMs) {
      this.#fullUntilEnd = true
      this.#nextFullMs = nowMs + PURGE_FULL_MS
    }
    const { store, settings, queues } = this.#heart
    store.upkeep.purgeDedupe(nowMs, PURGE_ROWS_MAX)
    const { deleted, nextSeq } = store.upkeep.purge(this.#afterSeq, PURGE_ROWS_MAX, (queueNo) => {
      const kept = queues.retention(store.names.nameOf(queueNo), settings)
      return { cutoffMs: nowMs - kept.retentionMs, failedCutoffMs: nowMs - kept.failedRetentionMs }
    })
    if (nextSeq === null || (deleted === 0 && !this.#fullUntilEnd)) {
      this.#afterSeq = 0
      this.#fullUntilEnd = false
      return PURGE_PAUSE_MS
    }
    this.#afterSeq = nextSeq
    // As fast as tasks can finish, when there is much to delete.
    return 0
  }
}
