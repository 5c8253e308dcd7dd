/** The object store under a running cluster: down, silent, refusing. Large values stay in their rows then; what was put before waits until it is back. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LATE_START_MS, openClusterSystem } from '../faults/cluster-system.ts'
import { openRadosgw } from '../support/radosgw.ts'
import { needCluster } from '../support/real-parts.ts'
import { submission } from '../support/submissions.ts'

const { skip } = needCluster()
const LARGE = 'x'.repeat(100_000)
const BUCKET = 'chasqui'
const BATCH = 4
const DELAY_MS = 3_000
const PAUSE_MS = 500

describe('the object store of a cluster', () => {
  test('down, silent and refusing, in turn: work goes on, and what it held is read when it is back', {
    skip,
    // Each process lets a store that failed rest for five seconds, three times; and a busy machine takes its time.
    timeout: 180_000,
  }, async (context) => {
    const gateway = await openRadosgw(context)
    const { system, postgresql } = await openClusterSystem(context, {
      objects: { ...(await gateway.createBucket(BUCKET)), read: (key) => gateway.read(BUCKET, key) },
    })
    const sql = (text: string) => postgresql.psql(text, 'chasqui')
    let batches = 0
    /** Submits some with large data and large results, and answers with their ids. */
    const submitLarge = async (name: string, delayMs = 0) => {
      batches++
      const ids = Array.from({ length: BATCH }, (_, index) => `${name}-${index}`)
      const runAtMs = delayMs === 0 ? 0 : Date.now() + delayMs
      const dataText = JSON.stringify({ ms: 1, echo: LARGE })
      await system.submit(ids.map((id) => submission(id, { type: 'work', dataText, runAtMs })))
      return ids
    }
    const count = async (ids: readonly string[], condition: string) =>
      Number(
        await sql(`select count(*) from chasqui.task where id in ('${ids.join("','")}') and ${condition}`),
      )
    const allAre = (ids: readonly string[], condition: string) =>
      system.until(`all of ${ids[0]} and its like are ${condition}`, async () => {
        return (await count(ids, condition)) === BATCH
      })

    /** A process looks at a store that failed only now and then. */
    const storesAgain = () =>
      system.until('large values go to the store again', async () => {
        await sleep(PAUSE_MS)
        const ids = await submitLarge(`again-${batches}`)
        await allAre(ids, 'state = 5')
        return (await count(ids, 'payload_ref is not null and result_ref is not null')) === BATCH
      })

    await system.startDirectWorker(['--concurrency', '2'])
    system.startClient({ name: 'a', lanes: 2, pauseMs: 60 })
    // They fall due while the store is down.
    const before = await submitLarge('before', DELAY_MS)
    assert.equal(await count(before, 'payload_ref is not null'), BATCH, 'large data is in the store')
    const downSinceMs = Date.now()
    await gateway.killGateway()
    const down = await submitLarge('down')
    await allAre(down, 'state = 5 and payload_ref is null and result_ref is null')
    await system.until(
      'what was put before is tried',
      async () => (await count(before, 'epoch > 0')) === BATCH,
    )
    await system.until('small tasks run beside them', (seen) => seen.confirmations.length >= BATCH * 2 + 20)
    assert.equal(
      await count(before, 'state in (0, 1, 2) and failures = 0 and crashes = 0'),
      BATCH,
      'they wait',
    )
    await gateway.startGateway()
    await allAre(before, 'state = 5')
    const waitedMs = Date.now() - downSinceMs
    // Each try raises it by two: given out, and taken back.
    const raised = Number(await sql(`select max(epoch >> 20) from chasqui.task where id like 'before-%'`))
    assert.ok(raised / 2 <= 2 + waitedMs / 1_000, `${raised / 2} tries in ${waitedMs} ms`)
    await storesAgain()
    gateway.freezeGateway()
    const silent = await submitLarge('silent')
    await allAre(silent, 'state = 5 and payload_ref is null and result_ref is null')
    gateway.thawGateway()

    // As when the keys are changed while everything runs.
    await gateway.admin([
      'key',
      'rm',
      '--uid',
      'chasqui',
      '--key-type',
      's3',
      '--access-key',
      gateway.accessKey,
    ])
    const refused = await submitLarge('refused')
    await allAre(refused, 'state = 5 and payload_ref is null and result_ref is null')
    const keys = ['--access-key', gateway.accessKey, '--secret-key', gateway.secretKey]
    await gateway.admin(['key', 'create', '--uid', 'chasqui', '--key-type', 's3', ...keys])
    await storesAgain()
    const { facts } = await system.judge({ lateStartMs: LATE_START_MS })
    // Waiting for the store is no failure, and no storm.
    assert.ok(facts.repeatedStarts === 0, `${facts.repeatedStarts} starts were repeated`)
  })
})
