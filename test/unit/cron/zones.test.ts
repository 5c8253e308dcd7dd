/**
 * Fifty years of ticks against another library, in zones drawn by lot: around changes of the clocks, and other days. `npm run cron-zones` does the
 * same for every zone of the runtime and every change.
 */

import { test } from 'node:test'
import { openRandom } from '../../support/random.ts'
import { comparedTicks } from './compare.ts'
import { ZONES } from './second-opinion.ts'

/** Each has something that the others have not; one of them is always among those drawn. */
const PECULIAR = [
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
  'Pacific/Apia',
  'America/Sao_Paulo',
]
const DRAWN = 2

test('ticks are those of a second opinion, also where clocks are changed', (context) => {
  const random = openRandom(context)
  const zones = [random.pick(PECULIAR), ...Array.from({ length: DRAWN }, () => random.pick(ZONES))]
  let ticks = 0
  for (const zone of zones) ticks += comparedTicks(zone, random, { expressions: 1, changesMax: 30 })
  context.diagnostic(`${ticks} ticks in ${zones.join(', ')}`)
})
