import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startsOf, unfinishedOf, wentElsewhere } from './history.ts'
import { ROUNDS, System } from './system.ts'

const KILLS = 8

describe('a worker', () => {
  test(`killed ${KILLS} times beside another under load: its tasks run elsewhere, each has one result`, async (context) => {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 500 })
    const flags = ['--concurrency', '4']
    await system.startWorker(flags)
    system.startClient({ name: 'a', lanes: 4, pauseMs: 30, watches: true })
    system.startClient({ name: 'b', lanes: 4, pauseMs: 30 })
    let interrupted = 0
    for (let kill = 0; kill < KILLS * ROUNDS; kill++) {
      const victim = await system.startWorker(flags)
      const pid = victim.child.pid!
      const starts = 1 + system.random.below(60)
      await system.until('the worker runs tasks', (seen) => startsOf(pid, seen) >= starts)
      await victim.kill('SIGKILL')
      system.count('kills')
      const left = unfinishedOf(pid, system.look())
      interrupted += left.length
      await system.until('what it ran is started elsewhere, or was cancelled', (seen) =>
        wentElsewhere(left, pid, seen),
      )
    }
    system.counts.interrupted = interrupted
    await system.judge({ lateStartMs: 4_000 })
    assert.ok(interrupted > 0, 'at least one kill hit a running handler')
  })
})
