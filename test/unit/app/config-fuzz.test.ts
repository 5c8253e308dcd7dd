/** Configuration files that were damaged: each is refused with one sentence that repeats no secret, or means what it says. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../../src/app/config.ts'
import { SETTING_KEYS } from '../../../src/app/settings.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { openRandom } from '../../support/random.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const CASES = Number(process.env.CHASQUI_FUZZ_CASES ?? 500)
const SECRET = 'P1-aN_t3D'

const GOOD = JSON.stringify(
  {
    host: '127.0.0.1',
    port: 5000,
    engine: 'cluster',
    databaseUrl: `postgres://ana:${SECRET}@db.example:5432/chasqui`,
    amqpUrl: [`amqp://ana:${SECRET}@mq.example/`],
    token: SECRET.repeat(6),
    lease: '10s',
    queues: ['a', 'b'],
    frameMax: '4MiB',
    logLevel: 'warn',
    migrate: 'auto',
  },
  null,
  1,
)
const PIECES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'null',
  '0',
  '-1',
  '1e999',
  '"10s"',
  '"\\u0000"',
  '"__proto__"',
  '"constructor"',
  '""',
  '5h',
  '{"a":',
  '[[',
  'true',
]

test(`${CASES} damaged configuration files`, async (context) => {
  const random = openRandom(context)
  const folder = temporaryFolder(context, 'config')
  const file = join(folder, 'chasqui.config.json')
  const seen = { refused: 0, taken: 0 }
  for (let number = 0; number < CASES; number++) {
    let text = GOOD
    for (let wounds = random.below(4); wounds > 0; wounds--) {
      const at = random.below(text.length)
      text =
        text.slice(0, at) +
        (random.below(3) === 0 ? '' : random.pick(PIECES)) +
        text.slice(at + random.below(12))
    }
    writeFileSync(file, text)
    try {
      const { settings } = await loadConfig({ flags: {}, environment: {}, folder })
      for (const key of Object.keys(settings)) assert.ok((SETTING_KEYS as string[]).includes(key), text)
      assert.ok(Number.isInteger(settings.port) && settings.port >= 0 && settings.port <= 65_535, text)
      assert.ok(Number.isFinite(settings.leaseMs) && settings.frameMaxBytes > 0, text)
      seen.taken++
    } catch (error) {
      assert.ok(error instanceof ChasquiError && error.code === 'CONFIG_INVALID', `${String(error)}: ${text}`)
      assert.ok(!error.message.includes('\n'), error.message)
      // Where a value is shown that stands in the wrong place, only URLs can be told from others (config.test.ts).
      const isOfValue = / must be /.test(error.message)
      assert.ok(isOfValue || !/P1-aN|aN_t3D/.test(error.message), error.message)
      seen.refused++
    }
  }
  context.diagnostic(JSON.stringify(seen))
  assert.ok(seen.refused > CASES / 4 && seen.taken > CASES / 10, JSON.stringify(seen))
})
