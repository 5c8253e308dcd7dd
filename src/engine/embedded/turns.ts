/**
 * Group commit: everything that was asked in one turn of the event loop becomes one transaction, with one sync for all of it.
 *
 * No timer: a turn begins with setImmediate after the first call, so a lone caller waits for nothing but the disk and a crowd shares it.
 * Flow of a turn: asked → housekeeping → picks → commit → answers → deliveries → events.
 *
 * Invariant: nobody is answered before the commit; when it fails, everybody who shared it hears STORE_FAILED and nothing was kept.
 */

import type { Timer } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import { COMMIT_TASKS_MAX, STORE_RETRY_MS } from '../../task/limits.ts'
import { handOver, pick, takeBack } from './dispatch.ts'
import type { Heart } from './heart.ts'
import { isDue, keepHouse } from './housekeeping.ts'

const NOTHING_PICKED: ReturnType<typeof pick> = { seats: [], more: false }

/** Something asked that writes. Large ones are done in parts, a part a turn. */
export interface Ask {
  /** Whether its answer promises that it is on disk. */
  readonly sync: boolean
  /** Does up to about `budget` tasks of it. @returns how many it did */
  apply(nowMs: number, budget: number): number
  readonly done: boolean
  answer(): void
  refuse(error: ChasquiError): void
}

export class Turns {
  readonly #heart: Heart
  readonly #onIdle: () => void
  readonly #onFatal: (error: unknown) => void
  readonly #onSync: ((tookMs: number) => void) | undefined
  #asked: Ask[] = []
  #scheduled = false
  #dispatchWanted = false
  #held = false
  /** Set after a commit that failed: what nobody asked for (deliveries, what is due) is tried again when it is over. */
  #rest: Timer | null = null
  #stopped = false
  #draining = false
  #idleWaiters: (() => void)[] = []
  commits = 0

  /**
   * @param onIdle after each turn: when to wake next is to be looked at again
   * @param onFatal the file is in a state that this process cannot know; nothing more may be written
   * @param onSync hears how long a commit took that waited for the disk
   */
  constructor(
    heart: Heart,
    onIdle: () => void,
    onFatal: (error: unknown) => void,
    onSync?: (tookMs: number) => void,
  ) {
    this.#onSync = onSync
    this.#heart = heart
    this.#onIdle = onIdle
    this.#onFatal = onFatal
  }

  ask(ask: Ask): void {
    if (this.#stopped) {
      // The engine's own askers (documents) may come as late as this, and are waited for.
      ask.refuse(new ChasquiError('CLOSED', 'the engine is closed'))
      return
    }
    this.#asked.push(ask)
    this.#schedule()
  }

  /** Credit or time has changed: look for something to deliver or to keep house for. */
  wake(): void {
    this.#dispatchWanted = true
    if (this.#rest === null) this.#schedule()
  }

  /** The checkpoint asks that no commit begins; the loop goes on reading. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    if (this.#asked.length > 0 || this.#dispatchWanted) this.#schedule()
  }

  /** Nobody may ask for anything more, and consumers would wait for ever: the engine comes back to it by itself. */
  #restAWhile(): void {
    const { clock } = this.#heart
    this.#rest?.cancel()
    this.#rest = clock.at(clock.nowMs() + STORE_RETRY_MS, () => {
      this.#rest = null
      this.wake()
    })
  }

  /** Hands out nothing any more; resolves when everything asked so far is answered. */
  drain(): Promise<void> {
    this.#draining = true
    if (this.#asked.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** No further turn; what is asked and not done is refused. */
  stop(error: ChasquiError): void {
    this.#stopped = true
    this.#rest?.cancel()
    const asked = this.#asked
    this.#asked = []
    for (const ask of asked) ask.refuse(error)
    this.#tellIdle()
  }

  /** As if the process had died: nobody is answered. */
  abandon(): void {
    this.#stopped = true
    this.#rest?.cancel()
    this.#asked = []
  }

  #schedule(): void {
    if (this.#scheduled || this.#held || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (!this.#held && !this.#stopped) this.#turn()
    })
  }

  #turn(): void {
    const heart = this.#heart
    const nowMs = heart.clock.nowMs()
    const due = isDue(heart, nowMs)
    if (this.#asked.length === 0 && !due && !this.#dispatchWanted) return
    this.#dispatchWanted = false

    let taken = 0
    let parts = 0
    let picked: ReturnType<typeof pick>
    try {
      // A turn that only hands out leases promises nothing about the disk: a lost lease is at worst a second run.
      const sync = due || this.#asked.some((ask) => ask.sync)
      heart.store.sql.begin(sync)
      while (parts < this.#asked.length && taken < COMMIT_TASKS_MAX) {
        const ask = this.#asked[parts]!
        taken += ask.apply(nowMs, COMMIT_TASKS_MAX - taken)
        if (!ask.done) break
        parts++
      }
      if (due) keepHouse(heart, nowMs)
      picked = this.#draining ? NOTHING_PICKED : pick(heart, nowMs)
      heart.beforeCommit()
      if (sync && this.#onSync !== undefined) {
        const beganMs = performance.now()
        heart.store.sql.commit()
        this.#onSync(performance.now() - beganMs)
      } else heart.store.sql.commit()
      this.commits++
    } catch (error) {
      this.#fail(error)
      return
    }

    const done = this.#asked.splice(0, parts)
    for (const ask of done) ask.answer()
    handOver(heart, picked.seats)
    heart.afterCommit()
    if (picked.more) this.#dispatchWanted = true
    if (this.#asked.length > 0 || this.#dispatchWanted || isDue(heart, nowMs)) this.#schedule()
    if (this.#asked.length === 0) this.#tellIdle()
    this.#onIdle()
  }

  #fail(error: unknown): void {
    const heart = this.#heart
    const failure = new ChasquiError('STORE_FAILED', `the store could not write: ${messageOf(error)}`, {
      cause: error,
      retryAfterMs: STORE_RETRY_MS,
    })
    const asked = this.#asked
    this.#asked = []
    try {
      heart.store.sql.rollback()
      takeBack(heart)
      heart.recover()
    } catch (fatal) {
      for (const ask of asked) ask.refuse(failure)
      this.#tellIdle()
      this.#onFatal(fatal)
      return
    }
    for (const ask of asked) ask.refuse(failure)
    this.#restAWhile()
    this.#tellIdle()
    this.#onIdle()
  }

  #tellIdle(): void {
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
