/**
 * Claims commit asynchronously: a crash of PostgreSQL right after one loses it, and the worker has the task in its hands all the same. What it
 * makes of it is refused, whoever runs the task after it, also where both worked for the same process.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openClusterEngine } from '../../src/engine/cluster/open-cluster-engine.ts'
import type { Delivery, Engine } from '../../src/engine/engine.ts'
import { eventually } from '../support/eventually.ts'
import { openPostgreSql, type PostgreSql } from '../support/postgresql.ts'
import { openRabbitMq } from '../support/rabbitmq.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { submission } from '../support/submissions.ts'
import { atEnd } from '../support/temporary.ts'
import { createLedgerDatabase, ledgerUrl } from './cluster-system.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
/** Nobody but a commit that waits for it writes the log: what is asynchronous stays in memory for long. */
const LAZY = ['wal_writer_delay = 10000ms', 'wal_writer_flush_after = 1GB']
const TRIES_MAX = 8
/** Reconnecting takes up to five seconds. */
const AGAIN_MS = 20_000

interface Hands {
  readonly deliveries: Delivery[]
  readonly revoked: string[]
}

async function takeOne(
  engine: Engine,
  worker: string,
  type: string,
  onDelivery: () => void = () => undefined,
): Promise<Hands> {
  const hands: Hands = { deliveries: [], revoked: [] }
  await engine.consume(
    {
      queues: ['default'],
      types: [type],
      slots: 1,
      prefetch: 1,
      worker: { id: worker, pid: 1, host: 'test' },
    },
    {
      deliver(deliveries) {
        hands.deliveries.push(...deliveries)
        onDelivery()
      },
      revoke(leases) {
        hands.revoked.push(...leases.map(({ id }) => id))
      },
    },
  )
  return hands
}

/** The state of a task as its row has it. */
async function stateOf(server: PostgreSql, id: string): Promise<string> {
  return server.psql(`select state from chasqui.tasks where id = '${id}'`, 'chasqui')
}

for (const who of ['the same process', 'another process'] as const) {
  test(`a claim that a crash of PostgreSQL lost is noticed, and its result refused when ${who} runs the task again`, {
    skip,
  }, async (context) => {
    const [server, broker] = await Promise.all([
      openPostgreSql(context, { configuration: LAZY }),
      openRabbitMq(context),
    ])
    await createLedgerDatabase(server)
    const open = async () => {
      const engine = await openClusterEngine({ databaseUrl: ledgerUrl(server), amqpUrls: [broker.url()] })
      atEnd(context, () => engine.close())
      return engine
    }
    const first = await open()
    const second = who === 'the same process' ? first : await open()
    for (let no = 1; ; no++) {
      assert.ok(no <= TRIES_MAX, 'no crash lost a claim')
      const id = `task-${no}`
      await first.submit([submission(id, { type: `lost-${no}` })], 'disk')
      const postmaster = server.pid
      let isKilled = false
      const stale = await takeOne(first, `stale-${no}`, `lost-${no}`, () => {
        if (!isKilled) process.kill(postmaster, 'SIGKILL')
        isKilled = true
      })
      await eventually('it is delivered', () => stale.deliveries.length === 1)
      await server.kill()
      await server.start()
      const isLost = (await stateOf(server, id)) === 'queued'
      context.diagnostic(`try ${no}: the claim was ${isLost ? 'lost' : 'kept'}`)
      if (!isLost) continue
      const fresh = await takeOne(second, `fresh-${no}`, `lost-${no}`)
      await eventually('it is delivered again', () => fresh.deliveries.length === 1, AGAIN_MS)
      assert.deepEqual(stale.revoked, [id], 'its worker was told')
      const [old, current] = [stale.deliveries[0]!, fresh.deliveries[0]!]
      assert.notEqual(old.epoch, current.epoch)
      const outcome = (delivery: Delivery, valueText: string) =>
        ({ id, epoch: delivery.epoch, kind: 'returned', valueText }) as const
      assert.deepEqual(await first.settle([outcome(old, '"stale"')]), [
        { id, accepted: false, state: 'running' },
      ])
      assert.deepEqual(await second.settle([outcome(current, '"fresh"')]), [
        { id, accepted: true, state: 'succeeded' },
      ])
      assert.deepEqual(await first.settle([outcome(old, '"stale"')]), [
        { id, accepted: false, state: 'succeeded' },
      ])
      const [record] = await second.get([id])
      assert.equal(record!.resultText, '"fresh"')
      return
    }
  })
}
