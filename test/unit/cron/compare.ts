/** One zone, fifty years: our ticks and the second opinion must be the same. */

import assert from 'node:assert/strict'
import type { Random } from '../../support/random.ts'
import { daysOfChange, expectedTicks, randomExpression, ticksOfOurs } from './second-opinion.ts'

const FROM_MS = Date.UTC(1995, 0, 1)
const TO_MS = Date.UTC(2045, 0, 1)
const DAY_MS = 86_400_000
/** The shapes that clocks going forward and back treat differently, at the hours at which they do. */
const CHOSEN = ['0 30 2 * * *', '0 */20 1-3 * * *', '0 15 * * * *', '0 0,30 0 * * *']

/** @returns how many ticks were compared */
export function comparedTicks(
  zone: string,
  random: Random,
  { expressions, changesMax }: { expressions: number; changesMax: number },
): number {
  const all = daysOfChange(zone, FROM_MS, TO_MS)
  const changes = all.length <= changesMax ? all : Array.from({ length: changesMax }, () => random.pick(all))
  const others = Array.from({ length: 5 }, () => FROM_MS + random.below(18_000) * DAY_MS)
  let ticks = 0
  for (const day of [...changes, ...others]) {
    const drawn = Array.from({ length: expressions }, () => randomExpression(random))
    for (const expression of [random.pick(CHOSEN), ...drawn]) {
      const [fromMs, toMs] = [day - DAY_MS, day + 2 * DAY_MS]
      const expected = expectedTicks(expression, zone, fromMs, toMs)
      assert.deepEqual(
        ticksOfOurs(expression, zone, fromMs, toMs).map(iso),
        expected.map(iso),
        `${expression} in ${zone} around ${iso(day)}`,
      )
      ticks += expected.length
    }
  }
  return ticks
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
