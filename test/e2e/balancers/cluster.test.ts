/**
 * The whole architecture: clients → HAProxy → two distributors → RabbitMQ → workers → PostgreSQL, every part real. A distributor is killed
 * in the middle; everybody connects again by himself, and each task has its one result.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { openBed } from '../../support/bed.ts'
import { needCluster, needHaproxy } from '../../support/real-parts.ts'
import { startWorker } from '../cli/chasqui.ts'
import { deployHaproxy } from './balancers.ts'
import { makeCertificate } from './certificate.ts'
import { eventuallySo, startFront } from './parts.ts'

const WAVES = 10
const TASKS_A_WAVE = 50
const RESULT_TIMEOUT_MS = 60_000

const skip = needCluster().skip || needHaproxy().skip

test('two distributors on one cluster, one of them killed', { skip }, async (context) => {
  const bed = await openBed(context)
  const { databaseUrl, amqpUrl } = await bed.cluster()
  const engine = [
    '--engine',
    'cluster',
    '--database-url',
    databaseUrl,
    '--amqp-url',
    amqpUrl,
    '--lease',
    '3s',
  ]
  // One after the other: the first one makes the tables.
  const a = await startFront(context, engine)
  const b = await startFront(context, engine)
  const setting = { plain: [a.port, b.port] as const, certificate: await makeCertificate(context) }
  const { doors, until } = await deployHaproxy(context, setting)
  await Promise.all([until('a', 'UP'), until('b', 'UP')])
  const url = `chasqui://127.0.0.1:${doors.plain}`
  await Promise.all([1, 2].map(() => startWorker(context, ['--connect', url])))
  await using one = await connect(url)
  await using two = await connect(url)

  const sums: Promise<[sum: number, result: unknown]>[] = []
  const ids: string[] = []
  for (let wave = 0; wave < WAVES; wave++) {
    const handles = await Promise.all(
      Array.from({ length: TASKS_A_WAVE }, (_, at) => one.submit<number>('sumar', [wave, at])),
    )
    for (const [at, { id }] of handles.entries()) {
      ids.push(id)
      // Submitted by one, awaited by the other: fewest connections first has put them on different distributors.
      const result = two.task<number>(id).result({ timeoutMs: RESULT_TIMEOUT_MS })
      sums.push(result.then((value): [number, unknown] => [wave + at, value]))
    }
    if (wave === WAVES / 2) await a.kill('SIGKILL')
  }
  for (const [expected, value] of await Promise.all(sums)) assert.equal(value, expected)
  await until('a', 'DOWN')
  // The one that was connected to the dead distributor may still be on its way.
  await eventuallySo('both workers are there, once each', async () => {
    const { consumers } = await one.stats()
    return consumers.length === 2 && new Set(consumers.map(({ worker }) => worker.id)).size === 2
  })
  const { queues } = await one.stats()
  assert.deepEqual(
    queues.map(({ queue, queued, running, totals }) => ({ queue, queued, running, totals })),
    [
      {
        queue: 'default',
        queued: 0,
        running: 0,
        totals: { submitted: ids.length, succeeded: ids.length, failed: 0, canceled: 0, expired: 0 },
      },
    ],
  )
})
