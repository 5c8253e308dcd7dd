/**
 * Watches that hints really come: the most repeated bug of this field is a consumer that silently stops. Everything that RabbitMQ itself tells
 * (a closed channel, a cancelled consumer, a lost connection) is mended where it is heard; and so is a queue
 * that does not answer. This is for what nobody tells.
 *
 *   nothing came for SILENT_CONSUMER_MS in a lane for which credit is free, and the ledger says that tasks wait in it:
 *     messages wait in its queue  → this consumer is silent: the connection is made anew
 *     none does                   → the hints were lost on their way: they are made anew; if that does not help, the connection as well
 *
 * Invariant: what is done here loses no task and starts none twice, however wrong the suspicion was, for the ledger decides.
 */

import { SILENT_CONSUMER_MS } from '../../task/limits.ts'
import type { Core } from './core.ts'
import type { Intake } from './intake.ts'
import type { Lane } from './lane.ts'
import { LANE_COUNTS } from './ledger/look-statements.ts'

/** Looks while nobody says anything: often enough that a silence lasts little longer than its limit. */
const LOOK_MS = SILENT_CONSUMER_MS / 4

export class Vigil {
  readonly #core: Core
  readonly #intake: Intake
  readonly #refill: (lane: Lane) => void
  #timer: NodeJS.Timeout | null = null
  #looking = false
  /** Not before this time: what was done about a silence needs its time to help. */
  #restUntilMs = 0
  /** Lanes whose hints were made anew for their silence, and have been silent since. */
  readonly #refilled = new Map<Lane, number>()
  /** As of the last look: work waits, a consumer here is idle, and nothing comes. Who asks for readiness is told so. */
  isSilent = false

  /** @param refill makes the hints of a lane anew */
  constructor(core: Core, intake: Intake, refill: (lane: Lane) => void) {
    this.#core = core
    this.#intake = intake
    this.#refill = refill
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const silent = this.#silentLanes()
      for (const lane of this.#refilled.keys()) if (!silent.includes(lane)) this.#refilled.delete(lane)
      this.isSilent = silent.length > 0 && (await this.#examine(silent))
    } catch {
      // One of the servers is down, which others tell.
    } finally {
      this.#looking = false
    }
  }

  /** Lanes that a consumer here could take from, and of which nothing came for long. */
  #silentLanes(): Lane[] {
    const { broker, ring, closing } = this.#core
    const nowMs = performance.now()
    if (closing || !broker.isUp || broker.isBlocked || nowMs < this.#restUntilMs) return []
    const windows = new Set(
      ring.seats.filter(({ held, credit }) => held < credit).flatMap((seat) => seat.lines),
    )
    return [...windows]
      .filter((window) => {
        if (window.isPaused) return false
        const heardAtMs = this.#intake.heardAtMs(window.lane)
        return window.first() === null && heardAtMs !== null && nowMs - heardAtMs > SILENT_CONSUMER_MS
      })
      .map(({ lane }) => lane)
  }

  /** @returns whether there is a silence about which something is to be done, or was */
  async #examine(silent: readonly Lane[]): Promise<boolean> {
    let isFound = false
    const { ledger, broker } = this.#core
    const waiting = new Map(
      (await ledger.look.repeat<[number, number]>(LANE_COUNTS, [])).filter(([, queued]) => queued > 0),
    )
    for (const lane of silent) {
      if (!waiting.has(lane.no)) {
        this.#refilled.delete(lane)
        continue
      }
      const found = await broker.look(lane.amqpQueue)
      // Something came meanwhile.
      if (!this.#silentLanes().includes(lane)) continue
      isFound = true
      const refilledAtMs = this.#refilled.get(lane)
      if (found !== null && (found.ready > 0 || isLongAgo(refilledAtMs))) {
        this.#rebuild(lane)
        return true
      }
      if (refilledAtMs !== undefined) continue
      this.#refilled.set(lane, performance.now())
      this.#refill(lane)
    }
    return isFound
  }

  #rebuild(lane: Lane): void {
    const reason = `tasks wait in ${lane.amqpQueue}, consumers here are idle, and nothing came for ${SILENT_CONSUMER_MS} ms`
    this.#restUntilMs = performance.now() + SILENT_CONSUMER_MS
    this.#refilled.clear()
    this.#core.onTrouble('consumer-silent', reason)
    this.#core.broker.rebuild(reason)
  }
}

function isLongAgo(atMs: number | undefined): boolean {
  return atMs !== undefined && performance.now() - atMs > SILENT_CONSUMER_MS
}
