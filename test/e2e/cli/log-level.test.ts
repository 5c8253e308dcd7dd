/** The level of the log of a system that runs. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { eventually } from '../../support/eventually.ts'
import { startUp, workersReady } from './chasqui.ts'

const DEADLINE_MS = 60_000

interface Line {
  readonly pid: number
  readonly level: string
  readonly event: string
}

test('SIGUSR2 shows everything in the log of a system and of its workers, and the next one what was asked for', async (context) => {
  const server = await startUp(context, { workers: 1, args: ['--log-format', 'json'] })
  const [worker] = await workersReady(server, 1)
  const lines = () =>
    server.errorText
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Line)
  const levels = (pid: number) =>
    lines().filter((line) => line.event === 'log.level' && line.pid === pid).length
  const sessions = () => lines().filter(({ event }) => event === 'session.opened').length
  const toggle = async (times: number) => {
    server.child.kill('SIGUSR2')
    for (const pid of [server.pid, worker!.worker.pid])
      await eventually(`process ${pid} says its new level`, () => levels(pid) === times, DEADLINE_MS)
  }
  const visit = async () => {
    await using client = await connect(server.address)
    await client.stats()
  }

  await visit()
  assert.equal(sessions(), 0)
  await toggle(1)
  await visit()
  await eventually('the session is shown', () => sessions() > 0, DEADLINE_MS)
  await toggle(2)
  const before = sessions()
  await visit()
  await toggle(3)
  assert.equal(sessions(), before)
})
