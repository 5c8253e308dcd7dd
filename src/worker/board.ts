/**
 * Memory that the main thread shares with one pool thread: for every position of the thread's inbox, what has become of the task
 * there and since when it runs. It is read and written while the other side's loop is blocked; messages are not.
 *
 *   FREE ──hand──► HANDED ──start──► STARTED ──finish──► FINISHED ──(result received)──► FREE
 *                    └──take back──► TAKEN ──(thread skipped it)──► FREE
 *
 * Invariant: leaving HANDED is a compare-and-exchange, so a task is either started or taken back, never both.
 */

export const POSITION = { free: 0, handed: 1, started: 2, taken: 3, finished: 4 } as const

const WORDS_PER_POSITION = 2

export class Board {
  readonly buffer: SharedArrayBuffer
  readonly positions: number
  readonly #words: Int32Array
  /** performance.now() of this thread, plus this, is the time that all threads of the pool share. */
  readonly #offsetMs: number

  /** @param base process.hrtime.bigint() at a moment that all threads agree on */
  constructor(buffer: SharedArrayBuffer, base: bigint) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.positions = this.#words.length / WORDS_PER_POSITION
    this.#offsetMs = Number(process.hrtime.bigint() - base) / 1e6 - performance.now()
  }

  static make(positions: number, base: bigint): Board {
    return new Board(
      new SharedArrayBuffer(positions * WORDS_PER_POSITION * Int32Array.BYTES_PER_ELEMENT),
      base,
    )
  }

  /** Main: the position now belongs to a task that the thread may start. */
  hand(position: number): void {
    Atomics.store(this.#words, position * WORDS_PER_POSITION, POSITION.handed)
  }

  /** Main: false when the thread was faster. */
  takeBack(position: number): boolean {
    const at = position * WORDS_PER_POSITION
    return Atomics.compareExchange(this.#words, at, POSITION.handed, POSITION.taken) === POSITION.handed
  }

  /** Thread: false when the task was taken back. `nowMs` is performance.now(). */
  start(position: number, nowMs: number): boolean {
    const at = position * WORDS_PER_POSITION
    // Before the state, so that whoever sees STARTED sees its time.
    this.#words[at + 1] = nowMs + this.#offsetMs
    return Atomics.compareExchange(this.#words, at, POSITION.handed, POSITION.started) === POSITION.handed
  }

  /** Thread: the handler has ended; its result is on its way. */
  finish(position: number): void {
    Atomics.store(this.#words, position * WORDS_PER_POSITION, POSITION.finished)
  }

  state(position: number): number {
    return Atomics.load(this.#words, position * WORDS_PER_POSITION)
  }

  /** How long the task at this position has been running; meaningful when STARTED. */
  runningMs(position: number): number {
    // 32 bits of milliseconds wrap after 49 days; the difference of two of them is right for attempts up to 24.
    const nowMs = (performance.now() + this.#offsetMs) | 0
    return (nowMs - Atomics.load(this.#words, position * WORDS_PER_POSITION + 1)!) | 0
  }
}
