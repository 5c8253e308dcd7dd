/**
 * Old results go, a small step at a time: results in the order of acceptance, from where the last step stopped. Mostly the oldest come
 * first, so a step that finds nothing to delete starts again at the beginning and waits; once an hour it goes through to the end, for
 * tasks that were accepted late among the old ones.
 */

import { PURGE_FULL_MS, PURGE_PAUSE_MS, PURGE_ROWS_MAX } from '../../task/limits.ts'
import type { Heart } from './heart.ts'

export class Purge {
  #afterSeq = 0
  #fullUntilEnd = false
  #nextFullMs: number

  constructor(nowMs: number) {
    this.#nextFullMs = nowMs + PURGE_FULL_MS
  }

  /** One step, inside a transaction. @returns how long to wait before the next one */
  step(heart: Heart, nowMs: number): number {
    if (nowMs >= this.#nextFullMs) {
      this.#fullUntilEnd = true
      this.#nextFullMs = nowMs + PURGE_FULL_MS
    }
    const { retentionMs, failedRetentionMs } = heart.settings
    heart.store.upkeep.purgeDedupe(nowMs, PURGE_ROWS_MAX)
    const { deleted, nextSeq } = heart.store.upkeep.purge(
      this.#afterSeq,
      PURGE_ROWS_MAX,
      nowMs - retentionMs,
      nowMs - failedRetentionMs,
    )
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
