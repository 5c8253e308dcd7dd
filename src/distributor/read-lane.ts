/**
 * Where requests wait whose replies may be long: a few at a time are read from the store, and none while the peer does not read what
 * it was sent. So what one connection can make the server hold is bounded, whatever it asks for.
 *
 * Invariant: jobs start in the order in which they came. Those that wait when the connection ends go with it.
 */

export class ReadLane {
  readonly #atATime: number
  #running = 0
  #paused = false
  #waiting: (() => void)[] = []
  #started = 0

  constructor(atATime: number) {
    this.#atATime = atATime
  }

  run<Result>(job: () => Promise<Result>): Promise<Result> {
    if (this.#isOpen) return this.#start(job)
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        this.#start(job).then(resolve, reject)
      })
    })
  }

  /** The peer does not read. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#next()
  }

  get #isOpen(): boolean {
    return !this.#paused && this.#running < this.#atATime
  }

  async #start<Result>(job: () => Promise<Result>): Promise<Result> {
    this.#running++
    try {
      return await job()
    } finally {
      this.#running--
      this.#next()
    }
  }

  #next(): void {
    while (this.#isOpen && this.#started < this.#waiting.length) this.#waiting[this.#started++]!()
    if (this.#started === this.#waiting.length) {
      this.#waiting = []
      this.#started = 0
    }
  }
}
