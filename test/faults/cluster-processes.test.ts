/** Every role of a cluster is killed under load, one after the other: distributors, workers behind them, workers directly on the cluster. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { LATE_START_MS, openClusterSystem, openFront } from './cluster-system.ts'
import { startsOf, unfinishedOf, wentElsewhere } from './history.ts'
import { ROUNDS } from './system.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const KILLS = 4

describe('a cluster', () => {
  test('loses nothing to repeated kills of workers on it, of workers behind distributors, and of distributors', {
    skip,
  }, async (context) => {
    const { system } = await openClusterSystem(context, { distributors: 2 })
    const front = await openFront(context, system)
    const flags = ['--concurrency', '4']
    await system.startWorker(flags, front.url)
    system.startClient({
      name: 'a',
      lanes: 3,
      pauseMs: 60,
      url: front.url,
      watches: true,
      reconnectMaxMs: 200,
    })
    system.startClient({ name: 'b', lanes: 3, pauseMs: 60, url: system.urlOf(1), reconnectMaxMs: 200 })
    let interrupted = 0
    for (let kill = 0; kill < KILLS * ROUNDS; kill++) {
      const isDirect = kill % 2 === 0
      const victim = isDirect
        ? await system.startDirectWorker(flags)
        : await system.startWorker(flags, system.urlOf(1))
      const pid = victim.child.pid!
      const starts = 1 + system.random.below(20)
      await system.until('the worker runs tasks', (seen) => startsOf(pid, seen) >= starts)
      await victim.kill('SIGKILL')
      system.count('kills of workers')
      const left = unfinishedOf(pid, system.look())
      interrupted += left.length
      if (kill % 2 === 1) continue
      const no = system.random.below(2)
      await system.distributorOf(no).kill('SIGKILL')
      system.count('kills of distributors')
      front.retarget(system.portOf(no === 0 ? 1 : 0))
      await system.startDistributor(no)
      await system.until('what it ran is started elsewhere, or was cancelled', (seen) =>
        wentElsewhere(left, pid, seen),
      )
    }
    system.counts.interrupted = interrupted
    const { facts } = await system.judge({ lateStartMs: LATE_START_MS })
    assert.ok(facts.confirmed > 50, `${facts.confirmed} were confirmed`)
  })
})
