import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ROUNDS, System } from './system.ts'

const KILLS = 6

describe('a client', () => {
  test('killed in the middle of its submissions: what was confirmed to it is there and ends, and nothing else suffers', async (context) => {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 500 })
    await system.startWorker(['--concurrency', '4'])
    system.startClient({ name: 'steady', lanes: 3, pauseMs: 30, watches: true })
    const killed: string[] = []
    for (let kill = 0; kill < KILLS * ROUNDS; kill++) {
      const name = `killed${kill}`
      // Without a pause: it dies with submissions under way.
      const client = system.startClient({ name, lanes: 8, pauseMs: 3 })
      const confirmed = 1 + system.random.below(150)
      await system.until(
        'some were confirmed',
        ({ confirmations }) => confirmations.filter(({ asked }) => isOf(name, asked)).length >= confirmed,
      )
      await client.kill('SIGKILL')
      system.count('kills')
      killed.push(name)
    }
    await system.judge({ lateStartMs: 1_000 })
    const { confirmations } = system.history
    for (const name of [...killed, 'steady']) {
      assert.ok(
        confirmations.some(({ asked }) => isOf(name, asked)),
        name,
      )
    }
  })
})

function isOf(name: string, id: string): boolean {
  return id.startsWith(`${name}-`)
}
