import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { submission } from '../support/submissions.ts'
import { unfinishedOf, wentElsewhere } from './history.ts'
import { System } from './system.ts'

const LEASE_MS = 3_000

describe('a worker that is frozen for longer than its lease', () => {
  test('is taken off the list, what it ran is run elsewhere, and what it says afterwards changes nothing', async (context) => {
    const system = await System.open(context, { leaseMs: LEASE_MS, reconnectGraceMs: 500 })
    const flags = ['--concurrency', '4']
    await system.startWorker(flags)
    const frozen = await system.startWorker(flags)
    system.startClient({ name: 'a', lanes: 4, pauseMs: 30, watches: true })
    system.startClient({ name: 'b', lanes: 4, pauseMs: 30 })
    const pid = frozen.child.pid!
    const engine = await system.engine()
    const isConnected = async () => {
      const { consumers } = await engine.inspect()
      return consumers.some(({ worker }) => worker.pid === pid)
    }

    // Long enough to end while it is frozen, and to run elsewhere still when it is thawed.
    const long = Array.from({ length: 6 }, (_, index) => `long-${index}`)
    await system.submit(
      long.map((id) => submission(id, { type: 'work', dataText: '{"ms":4000}', priority: 9 })),
    )
    const isLong = (id: string) => long.includes(id)
    await system.until('it runs something long', (seen) => unfinishedOf(pid, seen).some(isLong))
    frozen.child.kill('SIGSTOP')
    const left = unfinishedOf(pid, system.look())
    await system.until('what it ran is started elsewhere, or was cancelled', (seen) =>
      wentElsewhere(left, pid, seen),
    )
    await system.until('it is taken off the list', async () => !(await isConnected()))

    const thawedAtMs = Date.now()
    frozen.child.kill('SIGCONT')
    await system.until('it comes back and runs tasks', ({ runs }) =>
      runs.some((run) => run.pid === pid && run.moment === 'start' && run.atMs > thawedAtMs),
    )
    await system.until('it is on the list again', isConnected)
    system.counts.frozen = left.length
    system.counts.frozenLong = left.filter(isLong).length
    // What it had in hand and had not started may start at the thaw, before it hears that the lease is over.
    const { facts } = await system.judge({ lateStartMs: 60_000 })
    assert.ok(facts.repeatedStarts > 0, 'what was frozen ran again')
  })
})
