/**
 * A clock that jumps: all of the time at once, then whatever fell due, until nothing more does. For an engine whose timers start work in other
 * processes, which the virtual clock cannot wait for between two timers.
 */

import type { Clock, Timer } from '../../src/task/clock.ts'

export class JumpingClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1)
  readonly #timers = new Map<object, { readonly atMs: number; readonly call: () => void }>()
  /** Resolves when what the timers started is done. */
  settled: () => Promise<void> = async () => undefined

  nowMs(): number {
    return this.#nowMs
  }

  at(atMs: number, call: () => void): Timer {
    const timer = {}
    this.#timers.set(timer, { atMs, call })
    return { cancel: () => this.#timers.delete(timer) }
  }

  jump(ms: number): void {
    this.#nowMs += ms
  }

  async advance(ms: number): Promise<void> {
    await this.#fire()
    this.#nowMs += ms
    await this.#fire()
  }

  async #fire(): Promise<void> {
    await this.settled()
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= this.#nowMs)
      due.sort(([, a], [, b]) => a.atMs - b.atMs)
      for (const [timer, { call }] of due) if (this.#timers.delete(timer)) call()
      await this.settled()
      if (due.length === 0) return
    }
  }
}
