/** Seeded random numbers (mulberry32), so that a failure can be repeated with SEED=… */

export interface Random {
  readonly seed: number
  /** Uniform in [0, 1). */
  next(): number
  /** Whole, 0 to below `below`. */
  below(below: number): number
}

export function seededRandom(): Random {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, next, below: (below) => Math.floor(next() * below) }
}
