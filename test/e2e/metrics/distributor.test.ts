/** `/metrics` of a distributor with real tasks: what happened is what it says, and only those who may read it. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import net from 'node:net'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { METRICS, type MetricEntry } from '../../../src/telemetry/metrics/table.ts'
import { eventually } from '../../support/eventually.ts'
import { needProgram } from '../../support/real-parts.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { chasquiJson, startServer, startUp, WITH_HTTP } from '../cli/chasqui.ts'

const HANDLERS = resolve(import.meta.dirname, 'handlers.ts')
const promtool = needProgram('promtool')
const DEADLINE_MS = 60_000

async function scrape(http: string | null): Promise<string> {
  const answer = await fetch(`${http}/metrics`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  return answer.text()
}

function numberAt(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  assert.ok(line !== undefined, `${series} in\n${text}`)
  return Number(line.slice(series.length + 1))
}

test('what happened to tasks stands in the metrics of `chasqui up`, workers included', async (context) => {
  const server = await startUp(context, { workers: 1, args: [HANDLERS, ...WITH_HTTP] })
  const client = await connect(server.address)
  atEnd(context, () => client.close())
  const tasks = await client.submitMany(
    'add',
    Array.from({ length: 50 }, (_, n) => [n, 1]),
  )
  const values = await Promise.all(tasks.map((task) => task.result({ timeoutMs: DEADLINE_MS })))
  assert.equal(values[49], 50)
  const backoff = { kind: 'fixed', delayMs: 1 } as const
  const once = await client.submit('stumble', 1, { backoff })
  assert.equal(await once.result({ timeoutMs: DEADLINE_MS }), 2)
  const lost = await client.submit('stumble', 9, { maxAttempts: 2, backoff })
  await assert.rejects(lost.result({ timeoutMs: DEADLINE_MS }), /stumbled over attempt 2/)
  await client.submit('nobody-knows', 1)
  const line = net.connect(Number(new URL(server.address.replace('chasqui', 'http')).port), '127.0.0.1')
  context.after(() => line.destroy())
  line.write('this is no JSON\n')
  await new Promise((resolve) => line.once('data', resolve))

  const text = await scrape(server.http)
  const ofType = (family: string, type: string, more = '') =>
    numberAt(text, `chasqui_${family}{queue="default",type="${type}"${more}}`)
  assert.equal(ofType('tasks_confirmed_total', 'add'), 50)
  assert.equal(ofType('tasks_delivered_total', 'add'), 50)
  assert.equal(ofType('tasks_finished_total', 'add', ',state="succeeded"'), 50)
  assert.equal(ofType('tasks_confirmed_total', 'stumble'), 2)
  assert.equal(ofType('tasks_delivered_total', 'stumble'), 4)
  assert.equal(ofType('tasks_redelivered_total', 'stumble'), 2)
  assert.equal(ofType('attempts_total', 'stumble', ',outcome="threw"'), 3)
  assert.equal(ofType('attempts_total', 'stumble', ',outcome="returned"'), 1)
  assert.equal(ofType('retries_total', 'stumble'), 2)
  assert.equal(ofType('tasks_finished_total', 'stumble', ',state="failed"'), 1)
  assert.equal(numberAt(text, 'chasqui_run_seconds_count{type="stumble"}'), 4, 'as its workers measured it')
  assert.ok(numberAt(text, 'chasqui_run_seconds_sum{type="stumble"}') > 0)
  assert.equal(numberAt(text, 'chasqui_task_seconds_count{queue="default"}'), 52)
  assert.equal(numberAt(text, 'chasqui_confirmation_seconds_count{durability="disk"}'), 53)
  assert.ok(numberAt(text, 'chasqui_store_sync_seconds_count') >= 3)
  assert.equal(numberAt(text, 'chasqui_queue_tasks{queue="default",state="queued"}'), 1)
  assert.equal(numberAt(text, 'chasqui_type_unserved{queue="default",type="nobody-knows"}'), 1)
  assert.equal(numberAt(text, 'chasqui_requests_refused_total{reason="PARSE_ERROR"}'), 1)
  assert.equal(numberAt(text, 'chasqui_consumers'), 1)
  assert.ok(numberAt(text, 'chasqui_connections') >= 2)
  assert.equal(numberAt(text, 'chasqui_ready'), 1)
  assert.ok(numberAt(text, 'chasqui_store_wal_bytes') > 0)
  assert.ok(numberAt(text, 'chasqui_disk_free_bytes') > numberAt(text, 'chasqui_disk_reserve_bytes'))
  if (promtool.skip === false) {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    assert.equal(`${checked.stdout}${checked.stderr}`, '')
  }
  // What the table says of a distributor is there, and nothing else by our name.
  const shown = new Set([...text.matchAll(/^# TYPE (chasqui_\w+) /gm)].map(([, name]) => name!))
  const expected = Object.entries(METRICS as Readonly<Record<string, MetricEntry>>)
    .filter(([, { of }]) => of !== 'worker')
    .map(([name]) => name)
  assert.deepEqual([...shown].sort(), expected.sort())
})

test('/metrics takes the right to it, unless it is open', async (context) => {
  const folder = temporaryFolder(context, 'metrics')
  const tokens = `${folder}/tokens.json`
  const token = async (name: string, ...args: string[]) => {
    const [made] = await chasquiJson<{ token: string }>([
      'token',
      'create',
      name,
      '--tokens',
      tokens,
      ...args,
    ])
    return made!.token
  }
  const [monitor, viewer] = [
    await token('prom', '--roles', 'monitor'),
    await token('ana', '--roles', 'viewer'),
  ]
  const args = ['distributor', ...WITH_HTTP, '--engine', 'memory', '--tokens', tokens]
  const server = await startServer(context, args)
  const statusFor = async (http: string | null, shown?: string) => {
    const headers: Record<string, string> = shown === undefined ? {} : { authorization: `Bearer ${shown}` }
    return (await fetch(`${http}/metrics`, { headers })).status
  }
  assert.deepEqual(
    [
      await statusFor(server.http),
      await statusFor(server.http, viewer),
      await statusFor(server.http, monitor),
    ],
    [401, 403, 200],
  )
  const open = await startServer(context, [...args, '--metrics-access', 'open'])
  assert.deepEqual([await statusFor(open.http), await statusFor(open.http, viewer)], [200, 200])
  assert.equal((await fetch(`${open.http}/v1/stats`)).status, 401)
})

test('--metrics off: nothing is measured and there is nothing to read', async (context) => {
  const server = await startServer(context, [
    'distributor',
    ...WITH_HTTP,
    '--engine',
    'memory',
    '--metrics',
    'off',
  ])
  const client = await connect(server.address)
  atEnd(context, () => client.close())
  await client.submit('sumar', [1])
  assert.equal((await fetch(`${server.http}/metrics`)).status, 404)
  await eventually(
    'it answers',
    async () => (await fetch(`${server.http}/healthz`)).status === 200,
    DEADLINE_MS,
  )
})
