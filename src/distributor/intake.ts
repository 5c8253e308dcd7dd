/**
 * How much of messages that are not complete all connections hold together. Each one is bounded by the longest message; ten thousand of
 * them are not, so the connection that goes over the limit of all is refused.
 */

export class Intake {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** A connection holds `now` bytes where it held `before`. @returns false when that is too much. */
  change(before: number, now: number): boolean {
    this.#bytes += now - before
    return now <= before || this.#bytes <= this.#bytesMax
  }
}
