import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ROUNDS, System } from './system.ts'

/** Between kills clients and workers should be there again; a run with the usual pauses would take minutes. */
const RECONNECT_MAX_MS = 200
const KILLS = 20

describe('a distributor', () => {
  test(`killed ${KILLS} times under load loses no confirmed task and records each result once`, async (context) => {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 1_000 })
    await system.startEagerWorker(4, RECONNECT_MAX_MS)
    await system.startEagerWorker(4, RECONNECT_MAX_MS)
    const load = { lanes: 8, pauseMs: 15, reconnectMaxMs: RECONNECT_MAX_MS }
    system.startClient({ name: 'a', watches: true, ...load })
    system.startClient({ name: 'b', ...load })

    for (let kill = 0; kill < KILLS * ROUNDS; kill++) {
      const { confirmations, runs } = system.look()
      const confirmed = confirmations.length + 10 + system.random.below(60)
      const ran = runs.length + system.random.below(60)
      await system.until(
        'tasks are confirmed and run after a restart',
        (seen) => seen.confirmations.length >= confirmed && seen.runs.length >= ran,
      )
      await system.distributor.kill('SIGKILL')
      system.count('kills')
      await system.startDistributor()
    }
    const { facts } = await system.judge({ lateStartMs: 4_000 })
    assert.ok(facts.confirmed > KILLS * 10, `${facts.confirmed} were confirmed`)
    assert.equal(facts.unconfirmed, 0, 'what was not confirmed was submitted again until it was')
  })
})
