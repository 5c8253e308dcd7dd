/**
 * Whether this server should be sent work, and why not. Anybody may ask, so the store is looked at once a second at most, and an answer that does not come
 * is an answer, too.
 */

import type { Engine } from '../../engine/engine.ts'
import type { Clock } from '../../task/clock.ts'
import { READY_LOOK_MS, READY_PATIENCE_MS } from '../../task/limits.ts'
import type { ServerReport } from '../../wire/report-codec.ts'

export const UNREADY_REASONS = {
  draining: 'The server was told to stop: it finishes what it has and wants nothing new.',
  'store-failed': 'The store cannot be read.',
  'store-slow': 'The store did not answer in time.',
  'consumption-silent': 'Work waits and slots are free, but the queues deliver nothing.',
} as const

export type UnreadyReason = keyof typeof UNREADY_REASONS

export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly { readonly reason: UnreadyReason; readonly message: string }[]
}

export interface HealthOptions {
  readonly engine: Pick<Engine, 'inspect'>
  readonly clock: Clock
  serverReport(): Pick<ServerReport, 'ready'>
}

export class Health {
  readonly #options: HealthOptions
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #look: Promise<UnreadyReason | null> = Promise.resolve(null)

  constructor(options: HealthOptions) {
    this.#options = options
  }

  async look(): Promise<Readiness> {
    const { clock, serverReport } = this.#options
    if (clock.nowMs() - this.#lookedAtMs >= READY_LOOK_MS) {
      this.#lookedAtMs = clock.nowMs()
      this.#look = this.#lookAtStore()
    }
    const ofStore = await this.#look
    // Asked last and not remembered: whoever is told to stop is not ready from that moment on.
    const isDraining = !serverReport.call(this.#options).ready
    const found: UnreadyReason[] = [
      ...(isDraining ? ['draining' as const] : []),
      ...(ofStore ? [ofStore] : []),
    ]
    return {
      ready: found.length === 0,
      reasons: found.map((reason) => ({ reason, message: UNREADY_REASONS[reason] })),
    }
  }

  async #lookAtStore(): Promise<UnreadyReason | null> {
    const { clock, engine } = this.#options
    const late = Promise.withResolvers<'store-slow'>()
    const timer = clock.at(clock.nowMs() + READY_PATIENCE_MS, () => late.resolve('store-slow'))
    const looked = engine.inspect().then(
      ({ store }): UnreadyReason | null => (store.consumption === 'silent' ? 'consumption-silent' : null),
      () => 'store-failed' as const,
    )
    const found = await Promise.race([looked, late.promise])
    timer.cancel()
    return found
  }
}
