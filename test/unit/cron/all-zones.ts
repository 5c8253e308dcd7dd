/** `npm run cron-zones`: what zones.test.ts does, for every zone of the runtime and with more expressions. Takes minutes. */

import { createRandom } from '../../support/random.ts'
import { comparedTicks } from './compare.ts'
import { ZONES } from './second-opinion.ts'

const seed = Number(process.env.CHASQUI_SEED ?? Math.floor(Math.random() * 2 ** 32))
process.stdout.write(`CHASQUI_SEED=${seed}\n`)
const random = createRandom(seed)
let ticks = 0
for (const [index, zone] of ZONES.entries()) {
  ticks += comparedTicks(zone, random, { expressions: 3, changesMax: 1_000 })
  process.stdout.write(`${index + 1} of ${ZONES.length}: ${zone}, ${ticks} ticks so far\n`)
}
