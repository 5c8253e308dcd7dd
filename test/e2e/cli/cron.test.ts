/** Schedules from the command line and from a configuration file, with a server that is stopped and started again. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { eventually } from '../../support/eventually.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, type Server, startServer } from './chasqui.ts'

interface Shown {
  readonly name: string
  readonly owner?: string
  readonly paused: boolean
  readonly next: readonly string[]
  readonly fired: number
  readonly task: { readonly type: string; readonly data: unknown }
}

function start(context: TestContext, folder: string, config?: unknown): Promise<Server> {
  const args = ['distributor', '--port', '0', '--engine', `embedded:${join(folder, 'store')}`]
  if (config === undefined) return startServer(context, args)
  const file = join(folder, 'chasqui.config.json')
  writeFileSync(file, JSON.stringify(config))
  return startServer(context, [...args, '--config', file])
}

async function shown(server: Server): Promise<Map<string, Shown>> {
  const all = await chasquiJson<Shown>(['cron', 'list', '--next', '2', '--connect', server.address])
  return new Map(all.map((one) => [one.name, one]))
}

test('cron put, list, pause, resume, run and delete say what they did', async (context) => {
  const server = await start(context, temporaryFolder(context, 'cron'))
  const cron = (...args: string[]) => chasqui(['cron', ...args, '--connect', server.address])
  const put = await cron(
    'put',
    'report',
    'report',
    '{"of":"yesterday"}',
    '--expression',
    '30 2 * * *',
    '--timezone',
    'Europe/Berlin',
    '--queue',
    'reports',
    '--overlap',
    'queue',
  )
  assert.equal(put.code, 0, put.stderr)
  assert.match(put.stdout, /^report {2}made, next \d{4}-\d\d-\d\dT\d\d:30:00\.000Z\n$/)
  assert.match((await cron('put', 'ping', 'ping', '--every', '90m')).stdout, /^ping {2}made, next /)
  const all = await shown(server)
  assert.deepEqual([...all.keys()], ['ping', 'report'])
  assert.deepEqual(all.get('report')!.task, { type: 'report', data: { of: 'yesterday' }, queue: 'reports' })
  assert.equal(all.get('report')!.next.length, 2)
  assert.match((await cron()).stdout, /report +30 2 \* \* \* Europe\/Berlin +report +reports/)
  assert.match((await cron('pause', 'ping')).stdout, /^ping {2}paused\n$/)
  assert.equal((await shown(server)).get('ping')!.paused, true)
  assert.match((await cron('resume', 'ping')).stdout, /^ping {2}running\n$/)
  assert.match((await cron('run', 'ping', '--id', 'now')).stdout, /^now {2}submitted\n$/)
  assert.match((await cron('delete', 'ping')).stdout, /^ping {2}deleted\n$/)
  const unknown = await cron('run', 'ping')
  assert.notEqual(unknown.code, 0)
  assert.match(unknown.stderr, /there is no schedule "ping"/)
  const wrong = await cron('put', 'x', 'x', '--expression', '61 * * * *')
  assert.match(wrong.stderr, /schedule "x": expression is no cron expression/)
  assert.notEqual((await cron('invent', 'x')).code, 0)
})

test('a configuration file keeps its own schedules, and only those', async (context) => {
  const folder = temporaryFolder(context, 'cron')
  const nightly = { name: 'nightly', expression: '0 3 * * *', task: { type: 'clean' } }
  const often = { name: 'often', every: '2s', task: { type: 'sumar', data: [1] }, overlap: 'replace' }
  let server = await start(context, folder, { cron: [nightly, often] })
  const before = await shown(server)
  assert.deepEqual([...before.keys()], ['nightly', 'often'])
  assert.equal(before.get('often')!.owner, 'config')
  await chasqui(['cron', 'put', 'mine', 'x', '--every', '1d', '--connect', server.address])
  {
    await using client = await connect(server.address)
    await eventually(
      'it ticks',
      async () => {
        const { schedules } = await client.cron.list({ names: ['often'] })
        return schedules[0]!.fired > 0
      },
      60_000,
    )
  }
  server.child.kill('SIGTERM')
  await server.exited

  server = await start(context, folder, { cron: [{ ...nightly, expression: '0 4 * * *' }] })
  const after = await shown(server)
  assert.deepEqual([...after.keys()], ['mine', 'nightly'])
  assert.match(after.get('nightly')!.next[0]!, /T04:00:00/)
  server.child.kill('SIGTERM')
  await server.exited

  server = await start(context, folder)
  assert.deepEqual([...(await shown(server)).keys()], ['mine', 'nightly'], 'no word of cron changes nothing')
  const refused = join(folder, 'wrong.json')
  writeFileSync(refused, JSON.stringify({ cron: [{ ...nightly, timezone: 'Nowhere' }] }))
  const wrong = await chasqui(['distributor', '--engine', 'memory', '--config', refused])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /"cron\[0\]" in .*wrong\.json: schedule "nightly": timezone must be/)
})
