/** What a process of the cluster does for others goes to another when it dies: its workers' leases, and the keeper's work. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { submission } from '../support/submissions.ts'
import { LATE_START_MS, openClusterSystem, openFront } from './cluster-system.ts'
import { startsOf } from './history.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const LONG_MS = 6_000
const SLOTS = 4

describe('a killed distributor', () => {
  test('leaves its leases to the one that its worker goes to, and the work of the keeper to another', {
    skip,
  }, async (context) => {
    const { system, postgresql } = await openClusterSystem(context, { distributors: 2 })
    const sql = (text: string) => postgresql.psql(text, 'chasqui')
    const keeper = async () => {
      const found = await sql(`select a.application_name from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.objid = 2 and l.granted and a.application_name like '% office'`)
      return Number(/ (\d+) office$/.exec(found)?.[1] ?? 0)
    }
    await system.until('there is a keeper', async () => (await keeper()) > 0)
    const pids = [0, 1].map((no) => system.distributorOf(no).child.pid!)
    const victim = pids.indexOf(await keeper())
    const other = 1 - victim
    const front = await openFront(context, system, victim)
    const worker = await system.startWorker(['--concurrency', `${SLOTS}`], front.url)
    const long = Array.from({ length: SLOTS }, (_, no) => `long-${no}`)
    const dataText = JSON.stringify({ ms: LONG_MS })
    await system.submit(long.map((id) => submission(id, { type: 'work', dataText })))
    await system.until('they run', (seen) => startsOf(worker.child.pid!, seen) === SLOTS)
    const later = Array.from({ length: SLOTS }, (_, no) => `later-${no}`)
    const runAtMs = Date.now() + 3_000
    await system.submit(later.map((id) => submission(id, { type: 'work', dataText: '{"ms":1}', runAtMs })))

    await system.distributorOf(victim).kill('SIGKILL')
    front.retarget(system.portOf(other))
    await system.until('the other is the keeper', async () => (await keeper()) === pids[other])
    await system.until('the long ones are done', async () => {
      return (
        (await sql("select count(*) from chasqui.task where id like 'long-%' and state = 5")) === `${SLOTS}`
      )
    })
    const crashed = await sql('select count(*) from chasqui.task where crashes > 0 or failures > 0')
    assert.equal(crashed, '0', 'no lease was lost')
    await system.until('what fell due later is done', async () => {
      return (
        (await sql("select count(*) from chasqui.task where id like 'later-%' and state = 5")) === `${SLOTS}`
      )
    })
    // A keeper whose connection is ended is none any more, and has to know it.
    await postgresql.psql(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% office'",
    )
    await system.until('it is the keeper again', async () => (await keeper()) === pids[other])
    await system.startDistributor(victim)
    const { facts } = await system.judge({ lateStartMs: LATE_START_MS })
    assert.equal(facts.repeatedStarts, 0, 'each ran once')
    assert.equal(facts.confirmed, 2 * SLOTS)
  })
})
