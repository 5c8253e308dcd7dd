/** Schedules on a cluster whose distributors are killed one after the other: every tick is run, and none twice. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/client/connect.ts'
import { startServer, startWorker } from '../e2e/cli/chasqui.ts'
import { openBed } from '../support/bed.ts'
import { eventually } from '../support/eventually.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { atEnd } from '../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const EVERY_MS = 250
const NAMES = ['a', 'b', 'c']
const DEADLINE_MS = 90_000
/** Ticks of each schedule that are awaited after each kill. */
const TICKS = 8

test('every tick is run once while distributors are killed and come back', { skip }, async (context) => {
  const bed = await openBed(context)
  const engine = [
    '--engine',
    'cluster',
    '--database-url',
    await bed.database(),
    '--amqp-url',
    await bed.amqp(),
  ]
  const start = (port = 0) => startServer(context, ['distributor', ...engine, '--port', `${port}`])
  const servers = [await start(), await start()]
  const ports = servers.map(({ address }) => Number(address.split(':').at(-1)))
  const url = `chasqui://${ports.map((port) => `127.0.0.1:${port}`).join()}`
  await startWorker(context, ['--connect', url])
  const client = await connect(url)
  atEnd(context, () => client.close())
  for (const name of NAMES) {
    await client.cron.put({
      name,
      every: EVERY_MS,
      task: 'sumar',
      data: [5, 7],
      overlap: 'queue',
      catchUp: 'all',
    })
  }
  const counts = async () => (await client.cron.list()).schedules
  const ticked = async (what: string) => {
    const before = new Map((await counts()).map(({ name, fired }) => [name, fired]))
    const haveAll = async () =>
      (await counts()).every(({ name, fired }) => fired >= before.get(name)! + TICKS)
    await eventually(`they tick ${what}`, haveAll, DEADLINE_MS)
  }
  await ticked('at first')
  for (const victim of [0, 1, 0]) {
    servers[victim]!.child.kill('SIGKILL')
    await servers[victim]!.exited
    await ticked(`without ${victim}`)
    servers[victim] = await start(ports[victim])
  }
  // What is kept back goes on; no tick is after this.
  await eventually(
    'nothing is kept back',
    async () => (await counts()).every(({ waiting }) => waiting < 3),
    DEADLINE_MS,
  )
  for (const name of NAMES) await client.cron.pause(name)
  const ticks = new Map<string, number[]>(NAMES.map((name) => [name, []]))
  await eventually(
    'what was submitted is done',
    async () => {
      for (const times of ticks.values()) times.length = 0
      let unfinished = 0
      let cursor: string | null = null
      do {
        const page = await client.list({ limit: 1_000, ...(cursor !== null && { cursor }) })
        for (const { state, metadata } of page.tasks) {
          if (state !== 'succeeded') unfinished++
          ticks.get(metadata!.cron!)!.push(Date.parse(metadata!.cronTick!))
        }
        cursor = page.cursor
      } while (cursor !== null)
      return unfinished === 0
    },
    DEADLINE_MS,
  )
  for (const { name, fired, skipped, missed } of await counts()) {
    const times = ticks.get(name)!.sort((a, b) => a - b)
    assert.ok(fired >= 4 * TICKS)
    assert.deepEqual([times.length, skipped, missed], [fired, 0, 0], name)
    for (let at = 1; at < times.length; at++) {
      assert.equal(
        times[at]! - times[at - 1]!,
        EVERY_MS,
        `${name}: a tick is lost or doubled after ${times[at - 1]}`,
      )
    }
  }
})
