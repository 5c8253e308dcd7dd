/** The throws that the games need, from one seeded source. */

import { createRandom, type Random } from '../support/random.ts'

export class Dice {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = createRandom(seed)
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + this.#random.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return this.#random.pick(list)
  }

  /** One of the keys, by the weights. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.#random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    return entries.at(-1)![0]
  }
}
