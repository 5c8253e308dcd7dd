/** Objects that no row names: removed by the keeper once they are old; what a row names stays, whatever its id. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import { ClaimCheck } from '../../../src/objects/claims/claim-check.ts'
import { openFileStore } from '../../../src/objects/file-store.ts'
import { systemClock } from '../../../src/task/clock.ts'
import { openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const LARGE = JSON.stringify('x'.repeat(5_000))
const DEADLINE_MS = 60_000
const HOUR_MS = 3_600_000
/** Ids that a key shows as they are, encoded, and cut (also in the middle of a character). */
const IDS = [
  'plain',
  'año/1 ~ 50%',
  'n'.repeat(300),
  `${'n'.repeat(100)}${'ñ'.repeat(80)}`,
  `${'🦙'.repeat(90)}`,
]

test('the keeper removes large values that no row names when they are old, and leaves what a row names', {
  skip,
}, async (context) => {
  const bed = await openBed(context)
  const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
  const objects = await openFileStore({ dir: temporaryFolder(context, 'orphans') })
  atEnd(context, () => objects.close())
  let lists = 0
  const watched = new Proxy(objects, {
    get(store, name: keyof typeof objects) {
      if (name === 'list') lists++
      const value = store[name]
      return typeof value === 'function' ? value.bind(store) : value
    },
  })
  let aheadMs = 0
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs }
  const engine = await openClusterEngine({
    databaseUrl,
    amqpUrls: [amqpUrl],
    clock,
    objects: watched,
    documents: false,
    objectsAboveLength: 1_024,
  })
  atEnd(context, () => engine.close())
  await engine.submit(
    IDS.map((id) => submission(id, { dataText: LARGE })),
    'disk',
  )
  const named = await keys()
  assert.equal(named.length, IDS.length)
  // What a crash between put and commit leaves: of a task that there is not, and another value of tasks that there are.
  const check = new ClaimCheck(objects, systemClock)
  await check.put('data', 'never committed', LARGE)
  for (const id of IDS) await check.put('data', id, JSON.stringify('y'.repeat(5_000)))
  await check.put('result', 'plain', LARGE)
  aheadMs = HOUR_MS
  await eventually('a sweep', () => lists === 2, DEADLINE_MS)
  assert.equal((await keys()).length, 2 * IDS.length + 2, 'young ones stay')
  aheadMs = 6 * HOUR_MS
  await eventually('nothing else is left', async () => (await keys()).length <= IDS.length, DEADLINE_MS)
  assert.deepEqual(await keys(), named)
  const records = await engine.get(IDS, { data: true })
  assert.deepEqual(
    records.map((record) => record?.dataText),
    IDS.map(() => LARGE),
  )

  async function keys(): Promise<string[]> {
    const found: string[] = []
    for await (const { key } of objects.list('')) found.push(key)
    return found.sort()
  }
})
