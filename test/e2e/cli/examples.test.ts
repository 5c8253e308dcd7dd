/** The examples run as they stand, and say what they promise. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { runLines } from '../../support/lines.ts'
import { needProgram } from '../../support/real-parts.ts'
import { chasqui, root, startServer, startUp, startWorker } from './chasqui.ts'

const python = needProgram('python3')

// Examples import the package by its name, which is what was built.
before(() => {
  const built = spawnSync(process.execPath, [join(root, 'scripts/bootstrap.mjs')], { encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)
})

test('tasks.ts and client.ts', async (context) => {
  const server = await startServer(context, ['distributor', '--engine', 'memory'])
  await startWorker(context, [join(root, 'examples/tasks.ts'), ...server.connect])
  const client = runLines(context, process.execPath, [join(root, 'examples/client.ts'), server.address])
  assert.deepEqual(await client.exited, { code: 0, signal: null }, client.lines.join('\n'))
  const { lines } = client
  assert.equal(lines[0], 'total: 1120 cents')
  assert.ok(lines.includes('report: succeeded'))
  assert.ok(lines.includes('flaky: succeeded in attempt 3'))
  assert.match(
    lines.at(-2)!,
    /^hopeless: TASK_FAILED: task \S+ failed: PermanentError: there is no point in trying again$/,
  )
  assert.equal(lines.at(-1), 'long: canceled')
})

test('middleware.ts and middleware-client.ts', async (context) => {
  const server = await startServer(context, ['distributor', '--engine', 'memory'])
  await startWorker(context, [join(root, 'examples/middleware.ts'), ...server.connect])
  const script = join(root, 'examples/middleware-client.ts')
  const client = runLines(context, process.execPath, [script, server.address])
  assert.deepEqual(await client.exited, { code: 0, signal: null }, client.lines.join('\n'))
  assert.equal(client.lines[0], 'Allinllachu, Ana! (sent by the example)')
  assert.match(client.lines[1]!, /^took \d+ ms$/)
})

test('python_client.py', python, async (context) => {
  const server = await startUp(context)
  const { hostname, port } = new URL(server.address)
  const client = runLines(context, 'python3', [join(root, 'examples/python_client.py'), hostname, port])
  assert.deepEqual(await client.exited, { code: 0, signal: null })
  assert.equal(client.lines.length, 2)
  for (const line of client.lines) assert.match(line, /^ok Tarea [0-9a-f-]{36} recibida y encolada$/)
})

test('python_worker.py', python, async (context) => {
  const server = await startServer(context, ['distributor', '--engine', 'memory', '--lease', '3s'])
  const { hostname, port } = new URL(server.address)
  const worker = runLines(context, 'python3', [join(root, 'examples/python_worker.py'), hostname, port])
  await worker.line('that it takes tasks', (line) => line.endsWith(' takes contar'))
  const good = await chasqui(['submit', 'contar', '{"text":"a b a"}', '--wait', '--json', ...server.connect])
  assert.deepEqual(JSON.parse(good.stdout).result, { a: 2, b: 1 })
  const bad = await chasqui(['submit', 'contar', '{}', '--attempts', '1', '--wait', ...server.connect])
  assert.equal(bad.code, 3)
  assert.match(bad.stderr, /failed {2}KeyError: 'text'/)
})
