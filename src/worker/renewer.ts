/**
 * Keeps leases alive: everything in hand, every third of a lease, from the main thread, which no handler can block.
 * What the engine no longer accepts is stopped; after a reconnection the leases move to the new consumer.
 */

import type { Engine } from '../engine/engine.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { BATCH_ENTRIES_MAX, LEASE_MS } from '../task/limits.ts'
import type { Hands } from './hands.ts'
import type { Held } from './held.ts'

/** A lease is renewed three times before it lapses, so that two may go wrong. */
const RENEWALS_PER_LEASE = 3

export interface RenewerOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly hands: Hands
  readonly lost: (held: Held) => void
}

export class Renewer {
  readonly #options: RenewerOptions
  #leaseMs = LEASE_MS
  #timer: Timer | null = null
  #closed = false

  constructor(options: RenewerOptions) {
    this.#options = options
  }

  /** A delivery came with a lease of this length. */
  watch(leaseMs: number): void {
    if (this.#closed || (this.#timer !== null && leaseMs >= this.#leaseMs)) return
    this.#leaseMs = leaseMs
    this.#timer?.cancel()
    this.#plan()
  }

  /** @param consumer the leases now belong to it. Never rejects: an unreachable engine is asked again next time. */
  async renew(consumer?: string): Promise<void> {
    const { engine, hands, lost } = this.#options
    const leases = hands.leases()
    for (let at = 0; at < leases.length; at += BATCH_ENTRIES_MAX) {
      const batch = leases.slice(at, at + BATCH_ENTRIES_MAX)
      try {
        const answers = await engine.extend(batch, consumer)
        batch.forEach((lease, index) => {
          const held = hands.find(lease)
          // Of what has ended meanwhile the answer to its settlement decides.
          if (answers[index]?.accepted === false && held !== undefined && held.state !== 'ended') lost(held)
        })
      } catch {
        // Not reached, so nothing is known of these leases. The consumer notices a lost connection by itself.
        return
      }
    }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #plan(): void {
    const { clock, hands } = this.#options
    const dueMs = clock.nowMs() + Math.max(1, Math.floor(this.#leaseMs / RENEWALS_PER_LEASE))
    this.#timer = clock.at(dueMs, () => {
      this.#timer = null
      if (this.#closed || hands.size === 0) return
      this.#plan()
      void this.renew()
    })
  }
}
