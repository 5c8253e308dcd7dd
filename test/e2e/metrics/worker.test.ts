/** The small HTTP server of a worker: alive, ready or why not, and its metrics. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { eventually } from '../../support/eventually.ts'
import { type LineProcess, runLines } from '../../support/lines.ts'
import { needProgram } from '../../support/real-parts.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { main, startServer } from '../cli/chasqui.ts'

const promtool = needProgram('promtool')
const DEADLINE_MS = 60_000

async function startMeasured(
  context: TestContext,
  args: readonly string[],
): Promise<LineProcess & { readonly http: string }> {
  const worker = runLines(context, process.execPath, [
    ...[main, 'worker', '--json', '--worker-http-port', '0', '--concurrency', '2', '--threads', '2'],
    ...args,
  ])
  const line = await worker.line('that it takes tasks', (text) => text.startsWith('{"role"'), DEADLINE_MS)
  const { http } = JSON.parse(line) as { http: string }
  return Object.assign(worker, { http })
}

async function ready(http: string): Promise<{ status: number; reasons: string[] }> {
  const answer = await fetch(`${http}/readyz`)
  const { reasons } = (await answer.json()) as { reasons: { reason: string }[] }
  return { status: answer.status, reasons: reasons.map(({ reason }) => reason) }
}

test('a worker tells that it is ready, what it did, and why it is not ready any more', async (context) => {
  const folder = temporaryFolder(context, 'worker-metrics')
  const server = await startServer(context, ['distributor', '--engine', `embedded:${folder}`])
  const worker = await startMeasured(context, server.connect)
  assert.deepEqual(await (await fetch(`${worker.http}/healthz`)).json(), { alive: true })
  await eventually('ready', async () => (await ready(worker.http)).status === 200, DEADLINE_MS)

  const client = await connect(server.address)
  atEnd(context, () => client.close())
  const [one, two] = await Promise.all([
    client.submit('sumar', [5, 7]),
    client.submit('sumar', 'not a list', { maxAttempts: 1 }),
  ])
  assert.equal(await one!.result({ timeoutMs: DEADLINE_MS }), 12)
  await assert.rejects(two!.result({ timeoutMs: DEADLINE_MS }))
  const text = await (await fetch(`${worker.http}/metrics`)).text()
  for (const line of [
    'chasqui_worker_slots 2',
    'chasqui_worker_running 0',
    'chasqui_worker_connected 1',
    'chasqui_worker_threads{state="ready"} 2',
    'chasqui_worker_attempts_total{outcome="returned"} 1',
    'chasqui_worker_attempts_total{outcome="threw"} 1',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} in\n${text}`)
  }
  assert.match(text, /^chasqui_build_info\{version="[\d.]+",role="worker",engine="remote"\} 1$/m)
  assert.doesNotMatch(text, /chasqui_tasks_/)
  if (promtool.skip === false) {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    assert.equal(`${checked.stdout}${checked.stderr}`, '')
  }

  await server.kill()
  await eventually(
    'noticed that nothing can come',
    async () => (await ready(worker.http)).status === 503,
    DEADLINE_MS,
  )
  assert.deepEqual((await ready(worker.http)).reasons, ['disconnected'])
  assert.equal((await fetch(`${worker.http}/healthz`)).status, 200)
})

test('a worker that was told to stop says so while it finishes what it has', async (context) => {
  const folder = temporaryFolder(context, 'worker-metrics')
  const server = await startServer(context, ['distributor', '--engine', `embedded:${folder}`])
  const worker = await startMeasured(context, [...server.connect, '--drain', '5m', '--stop-grace', '100ms'])
  const client = await connect(server.address)
  atEnd(context, () => client.close())
  const task = await client.submit('dormir', 600_000)
  const isRunning = async () => (await client.get([task.id]))[0]?.state === 'running'
  await eventually('running', isRunning, DEADLINE_MS)
  worker.child.kill('SIGTERM')
  await eventually('draining', async () => (await ready(worker.http)).reasons[0] === 'draining', DEADLINE_MS)
  await client.cancel([task.id])
  assert.deepEqual(await worker.exited, { code: 0, signal: null })
})

test('a port that is taken is one sentence and not a stack', async (context) => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  context.after(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  const folder = temporaryFolder(context, 'worker-metrics')
  const server = await startServer(context, ['distributor', '--engine', `embedded:${folder}`])
  const worker = runLines(context, process.execPath, [
    ...[main, 'worker', ...server.connect, '--worker-http-port', String(port)],
  ])
  const { code } = await worker.exited
  assert.equal(code, 2)
  assert.match(
    worker.errorText,
    new RegExp(`the worker cannot listen on port ${port} of 127\\.0\\.0\\.1 for --worker-http-port`),
  )
  assert.doesNotMatch(worker.errorText, /^ {4}at /m)
})
