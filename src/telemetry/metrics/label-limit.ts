/**
 * Keeps labels bounded: clients name queues and types, and each new name would be new series for as long as the process lives. The first names get series of
 * their own; what comes after them is counted under `other`.
 */

export const OTHER = 'other'

export class LabelLimit {
  readonly #max: number
  readonly #known = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  /** The name, or `other`. */
  of(name: string): string {
    if (this.#known.has(name)) return name
    if (this.#known.size >= this.#max) return OTHER
    this.#known.add(name)
    return name
  }
}
