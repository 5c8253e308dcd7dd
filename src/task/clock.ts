/**
 * Time as a thing that is handed in, so that tests own it.
 *
 * Invariant: nothing below app/ calls Date.now or setTimeout for the semantics of tasks; it asks its clock.
 */

export interface Clock {
  /** Milliseconds since the epoch, whole. */
  nowMs(): number
  /** Calls back once at or soon after `atMs`. The timer does not keep the process alive. */
  at(atMs: number, call: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** A timer counts time that passes; the clock may be set meanwhile, or the machine sleep. So it is looked at again after this long. */
const TIMER_STEP_MS = 10_000

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  at(atMs, call) {
    let handle: NodeJS.Timeout
    const arm = () => {
      const leftMs = atMs - Date.now()
      handle = leftMs > TIMER_STEP_MS ? setTimeout(arm, TIMER_STEP_MS) : setTimeout(call, Math.max(0, leftMs))
      handle.unref()
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** A clock that moves only when told to. Due timers run in the order of their times. */
export class VirtualClock implements Clock {
  #nowMs: number
  #timers: { atMs: number; order: number; call: () => void }[] = []
  #order = 0

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  at(atMs: number, call: () => void): Timer {
    const timer = { atMs, order: this.#order++, call }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer)
      },
    }
  }

  /** Sets it to another time, as people and time servers do; what fell due meanwhile runs with the next `advance`. */
  jump(ms: number): void {
    this.#nowMs += ms
  }

  /**
   * Moves on by `ms`, running what falls due on the way. Between two timers it lets promises and immediates settle, so that
   * what a timer started is done before time goes on.
   */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settleTurns()
    for (;;) {
      const next = this.#timers
        .filter((t) => t.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((t) => t !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.call()
      await settleTurns()
    }
    this.#nowMs = untilMs
    await settleTurns()
  }
}

async function settleTurns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
