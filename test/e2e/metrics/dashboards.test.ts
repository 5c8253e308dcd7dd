/** Every expression of every dashboard, asked of a Prometheus that scrapes a running system: each comes to something. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { DASHBOARDS } from '../../../deploy/grafana/dashboards.ts'
import { connect } from '../../../src/client/connect.ts'
import { METRICS } from '../../../src/telemetry/metrics/table.ts'
import { runLines } from '../../support/lines.ts'
import { openPrometheus } from '../../support/prometheus.ts'
import { needProgram } from '../../support/real-parts.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { main, startServer, WITH_HTTP } from '../cli/chasqui.ts'

const { skip } = needProgram('promtool')
const DEADLINE_MS = 90_000
const HANDLERS = join(import.meta.dirname, 'handlers.ts')

const expressions = Object.entries(DASHBOARDS).flatMap(([file, { rows }]) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ where: `${file}: ${title}`, expr }))),
  ),
)

/** With what Grafana puts in the place of its variables. */
function asked(expr: string): string {
  return expr.replaceAll('$__rate_interval', '10s').replaceAll('$queue', '.*')
}

test('promtool understands every expression', { skip }, (context) => {
  assert.ok(expressions.length > 40)
  const file = join(temporaryFolder(context, 'dashboards'), 'rules.yml')
  const rules = expressions.map(({ expr }, at) => ({ record: `expression_${at}`, expr: asked(expr) }))
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboards', rules }] }))
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
})

test('every metric of the tasks is on a dashboard, or is known not to be', () => {
  const text = expressions.map(({ expr }) => expr).join('\n')
  const unseen = Object.keys(METRICS).filter((name) => !new RegExp(`${name}(_bucket)?\\b`).test(text))
  assert.deepEqual(unseen, [
    'chasqui_tasks_duplicate_total',
    'chasqui_tasks_canceled_total',
    'chasqui_tasks_revived_total',
    'chasqui_queue_finished_tasks',
    'chasqui_type_unserved',
    'chasqui_store_commits_total',
    'chasqui_consumption_silent',
    'chasqui_ready',
    'chasqui_worker_held',
    'chasqui_worker_prefetch',
    'chasqui_worker_connected',
    'chasqui_worker_unrecorded_total',
    'chasqui_build_info',
  ])
})

test('every expression comes to something on a running system', { skip }, async (context) => {
  const folder = temporaryFolder(context, 'dashboards')
  const server = await startServer(context, ['distributor', ...WITH_HTTP, '--engine', `embedded:${folder}`])
  const worker = runLines(context, process.execPath, [
    ...[main, 'worker', '--json', '--worker-http-port', '0', ...server.connect, HANDLERS],
  ])
  const line = await worker.line('that it takes tasks', (text) => text.startsWith('{"role"'), DEADLINE_MS)
  const { http } = JSON.parse(line) as { http: string }
  const prometheus = await openPrometheus(context, {
    jobs: [
      { name: 'chasqui', targets: [new URL(server.http!).host] },
      { name: 'chasqui-worker', targets: [new URL(http).host] },
    ],
  })

  // A system at work, with some of everything that can go wrong.
  const client = await connect(server.address)
  const stop = new AbortController()
  const backoff = { kind: 'fixed', delayMs: 10 } as const
  const work = (async () => {
    for (let round = 0; !stop.signal.aborted; round++) {
      const tasks = await client.submitMany(
        'add',
        Array.from({ length: 20 }, (_, n) => [n, round]),
      )
      const retried = await client.submit('stumble', 1, { backoff })
      const lost = await client.submit('stumble', 9, { maxAttempts: 2, backoff })
      await client.submit('add', [round], { id: 'the same' }).catch(() => undefined)
      await badRequest(server.address)
      await Promise.all([...tasks, retried].map((task) => task.result({ timeoutMs: DEADLINE_MS })))
      await lost.result({ timeoutMs: DEADLINE_MS }).catch(() => undefined)
    }
  })()
  // A failure of it is told below, or is what the end of the system looks like.
  work.catch(() => undefined)
  // Before the system ends: what is made last is undone first.
  atEnd(context, async () => {
    stop.abort()
    await Promise.allSettled([work])
    await client.close()
  })

  // Some need two scrapes with work between them.
  let missing = expressions
  for (const untilMs = Date.now() + DEADLINE_MS; missing.length > 0 && Date.now() < untilMs; ) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const left: typeof missing = []
    for (const one of missing) {
      const samples = await prometheus.query(asked(one.expr))
      if (!samples.some(({ value }) => Number.isFinite(Number(value[1])))) left.push(one)
    }
    missing = left
  }
  assert.deepEqual(missing, [])
})

/** A connection that says something that is no message. */
async function badRequest(address: string): Promise<void> {
  const { hostname, port } = new URL(address.replace('chasqui:', 'http:'))
  const socket = net.connect(Number(port), hostname)
  socket.end('no JSON\n')
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
}
