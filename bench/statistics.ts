/** Medians, ranges and percentiles: all that is said of a number of measurements. */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly n: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted[sorted.length - 1]!, n: sorted.length }
}

/** Nearest rank. Sorts what it is given. */
export function percentile(values: Float64Array, share: number): number {
  if (values.length === 0) return Number.NaN
  values.sort()
  return values[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)]!
}
