/** PostgreSQL under a running cluster: restarted, killed, its connections ended, failed over, full, and with a long transaction of somebody else. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import {
  type ClusterSetting,
  type ClusterSystem,
  LATE_START_MS,
  ledgerUrl,
  openClusterSystem,
} from '../faults/cluster-system.ts'
import { ROUNDS } from '../faults/system.ts'
import type { PostgreSql } from '../support/postgresql.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { atEnd } from '../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
/** What commits asynchronously is written late, so that a crash loses it. */
const LAZY = ['wal_writer_delay = 10000ms', 'wal_writer_flush_after = 1GB']
/** How long there is no connection. */
const FULL_MS = 3_000
const OF_ENGINES = "application_name like 'chasqui %' and pid <> pg_backend_pid()"

async function openLoaded(context: Parameters<typeof openClusterSystem>[0], setting: ClusterSetting) {
  const cluster = await openClusterSystem(context, { distributors: 2, ...setting })
  const { system } = cluster
  await system.startDirectWorker(['--concurrency', '4'])
  await system.startWorker(['--concurrency', '4'], system.urlOf(1))
  system.startClient({ name: 'a', lanes: 3, pauseMs: 60, watches: true })
  system.startClient({ name: 'b', lanes: 3, pauseMs: 60, url: system.urlOf(1) })
  return cluster
}

/** Tasks are confirmed and run, more than there were: it works without help. */
async function goesOn({ system }: ClusterSystem, what: string): Promise<void> {
  const { confirmations, runs } = system.look()
  const [confirmed, ran] = [confirmations.length + 20, runs.length + 40]
  await system.until(`tasks are confirmed and run ${what}`, (seen) => {
    return seen.confirmations.length >= confirmed && seen.runs.length >= ran
  })
}

describe('PostgreSQL of a cluster', () => {
  test('restarted, killed and left by all its connections, under load: nothing is lost, nothing recorded twice', {
    skip,
  }, async (context) => {
    const cluster = await openLoaded(context, { postgresql: { configuration: LAZY } })
    const { system, postgresql } = cluster
    await goesOn(cluster, 'at first')
    for (let round = 0; round < ROUNDS; round++) {
      for (let kill = 0; kill < 2; kill++) {
        await postgresql.kill()
        await postgresql.start()
        system.count('kills')
        await goesOn(cluster, 'after a kill')
      }
      await postgresql.restart()
      system.count('restarts')
      await goesOn(cluster, 'after a restart')
      for (let cut = 0; cut < 3; cut++) {
        await postgresql.psql(`select pg_terminate_backend(pid) from pg_stat_activity where ${OF_ENGINES}`)
        system.count('cuts of all')
        await goesOn(cluster, 'after all connections were ended')
      }
      // One at a time: what the others of a process do goes on meanwhile.
      for (const role of ['office', 'submit', 'claim', 'settle', 'careful', 'look']) {
        await postgresql.psql(
          `select pg_terminate_backend(pid) from pg_stat_activity where ${OF_ENGINES} and application_name like '% ${role}'`,
        )
        system.count('cuts of some')
      }
      await goesOn(cluster, 'after some connections were ended')
    }
    await system.judge({ lateStartMs: LATE_START_MS })
  })

  test('that fails over to its synchronous standby keeps every confirmed task and every result', {
    skip,
  }, async (context) => {
    const cluster = await openLoaded(context, { standby: true, postgresql: { configuration: LAZY } })
    const { system, postgresql, standby } = cluster
    await goesOn(cluster, 'at first')
    await postgresql.kill()
    await standby!.promote()
    cluster.ledgerIsAt(standby!)
    await goesOn(cluster, 'after the failover')
    await system.judge({ lateStartMs: LATE_START_MS })
  })

  test('with no connection left while the engines come back, and a transaction that stays open for long', {
    skip,
  }, async (context) => {
    const cluster = await openLoaded(context, { postgresql: { configuration: ['max_connections = 48'] } })
    const { system, postgresql } = cluster
    const holder = await connect(context, postgresql.url('chasqui'))
    await holder.query('begin isolation level repeatable read')
    await holder.query('select count(*) from chasqui.task')
    await goesOn(cluster, 'beside a long transaction')
    const others: pg.Client[] = []
    const takeAll = async () => {
      for (;;) {
        const other = await connect(context, ledgerUrl(postgresql)).catch((error) => {
          assert.equal(error.code, '53300', String(error))
          return null
        })
        if (other === null) return
        others.push(other)
      }
    }
    await takeAll()
    const refusedBefore = refusals(postgresql)
    await postgresql.psql(`select pg_terminate_backend(pid) from pg_stat_activity where ${OF_ENGINES}`)
    await takeAll()
    // The last try of each `takeAll` is one as well.
    await system.until('engines were refused', () => refusals(postgresql) >= refusedBefore + 5)
    system.counts.taken = others.length
    await sleep(FULL_MS)
    system.counts.refused = refusals(postgresql) - refusedBefore
    // Sixteen connections and more, each with pauses that double: far from a storm.
    assert.ok(system.counts.refused < 400, `${system.counts.refused} connections were refused`)
    for (const other of others) await other.end()
    await goesOn(cluster, 'when there are connections again')
    const open = await holder.query('select count(*) from chasqui.task')
    assert.ok(open.rowCount === 1, 'the transaction is still open')
    await holder.query('rollback')
    await system.judge({ lateStartMs: LATE_START_MS })
  })
})

/** Connections that the server had no place for. */
function refusals({ folder }: PostgreSql): number {
  const log = readFileSync(join(folder, 'postgres.out'), 'utf8')
  return log.match(/FATAL: +(remaining connection slots|sorry, too many clients)/g)?.length ?? 0
}

async function connect(context: Parameters<typeof openClusterSystem>[0], url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  atEnd(context, () => client.end().catch(() => undefined))
  return client
}
