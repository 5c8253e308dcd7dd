/** Randomness that can be had again: the seed of a test is printed, and CHASQUI_SEED brings it back. */

import type { TestContext } from 'node:test'

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** A whole number from 0 to below `count`. */
  below(count: number): number
  pick<Value>(values: readonly Value[]): Value
}

export function openRandom(context: TestContext): Random {
  const seed = Number(process.env.CHASQUI_SEED ?? Math.floor(Math.random() * 2 ** 32))
  context.diagnostic(`CHASQUI_SEED=${seed}`)
  return createRandom(seed)
}

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, plenty for tests. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(next() * count)
  return { next, below, pick: (values) => values[below(values.length)]! }
}
