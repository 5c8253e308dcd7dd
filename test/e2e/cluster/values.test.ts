/** A large value that is not in the object store any more, or is another than was put: its task fails and says so, and does not go round for ever. */

import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import { openFileStore } from '../../../src/objects/file-store.ts'
import { openBed } from '../../support/bed.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const LARGE = JSON.stringify('x'.repeat(5_000))

test('a value that is missing or was changed fails its task with that for a reason', {
  skip,
}, async (context) => {
  const bed = await openBed(context)
  const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
  const dir = temporaryFolder(context, 'values')
  const objects = await openFileStore({ dir })
  atEnd(context, () => objects.close())
  const engine = await openClusterEngine({
    databaseUrl,
    amqpUrls: [amqpUrl],
    objects,
    documents: false,
    objectsAboveLength: 1_024,
  })
  atEnd(context, () => engine.close())
  await engine.submit(
    [submission('missing', { dataText: LARGE }), submission('changed', { dataText: LARGE })],
    'disk',
  )
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  assert.equal(files.length, 2)
  for (const { name, parentPath } of files) {
    const path = join(parentPath, name)
    if (path.includes('missing')) rmSync(path)
    else writeFileSync(path, LARGE.replace('x', 'y'))
  }
  const delivered: string[] = []
  await engine.consume(
    { queues: ['default'], types: null, slots: 2, prefetch: 1, worker: { id: 'w', pid: 1, host: 'test' } },
    { deliver: (deliveries) => void delivered.push(...deliveries.map(({ id }) => id)), revoke() {} },
  )
  const records = await engine.wait(['missing', 'changed'], 10_000)
  assert.deepEqual(
    records.map((record) => [record!.state, record!.error?.name]),
    [
      ['failed', 'ValueLost'],
      ['failed', 'ValueLost'],
    ],
  )
  assert.match(records[0]!.error!.message, /is missing/)
  assert.match(records[1]!.error!.message, /is not what was put/)
  assert.deepEqual(delivered, [])
})
