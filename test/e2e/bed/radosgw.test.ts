/** The test bed's S3 gateway: what it promises to tests that break it. What all others use of it stands in bed.test.ts. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../support/eventually.ts'
import { processesOf } from '../../support/leftovers.ts'
import { openRadosgw } from '../../support/radosgw.ts'
import { needRadosgw } from '../../support/real-parts.ts'

test('the gateway can be killed, frozen and ended; what is stored outlives it', needRadosgw(), async () => {
  const undos: (() => Promise<void>)[] = []
  const gateway = await openRadosgw({ after: (undo) => undos.push(undo) })
  try {
    const { objects } = await gateway.createBucket('kept')
    assert.equal(objects, `s3://kept?endpoint=${gateway.endpoint}`)
    await gateway.killGateway()
    await assert.rejects(fetch(gateway.endpoint))
    await gateway.startGateway()
    assert.deepEqual(JSON.parse(await gateway.admin(['bucket', 'list'])), ['kept'])
    gateway.freezeGateway()
    const silent = fetch(gateway.endpoint)
    assert.equal(await Promise.race([silent, delay(500, 'silence')]), 'silence')
    gateway.thawGateway()
    assert.equal((await silent).status, 200)
    assert.ok(processesOf(basename(gateway.folder)).length >= 3, 'its processes are seen')
  } finally {
    for (const undo of undos) await undo()
  }
  await eventually('its processes are gone', () => processesOf(basename(gateway.folder)).length === 0)
  assert.equal(existsSync(gateway.folder), false)
})
