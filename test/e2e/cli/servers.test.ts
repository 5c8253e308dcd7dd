/** Starting and ending servers: what they say, and how they fail. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, startServer, startWorker } from './chasqui.ts'

test('a distributor says in one line where it listens and what holds the tasks, and ends cleanly on SIGTERM', async (context) => {
  const folder = temporaryFolder(context, 'store')
  const server = await startServer(context, ['distributor', '--engine', `embedded:${folder}`])
  assert.equal(server.lines.length, 1)
  assert.deepEqual(JSON.parse(server.lines[0]!), {
    role: 'distributor',
    address: server.address,
    engine: `embedded:${folder}`,
    pid: server.pid,
  })
  await server.kill('SIGTERM')
  assert.deepEqual(await server.exited, { code: 0, signal: null })
})

test('for people that line stands in the log', async (context) => {
  const folder = temporaryFolder(context, 'store')
  const port = await takenPort(context, { release: true })
  const args = [
    'distributor',
    '--port',
    String(port),
    '--http',
    'off',
    '--engine',
    `embedded:${folder}`,
    '--log-format',
    'text',
  ]
  const running = chasqui(args)
  // It has no input to end with: connect until it is there, then tell it to stop.
  const [settled] = await chasquiJson([
    'stats',
    '--connect',
    `chasqui://127.0.0.1:${port}`,
    '--connect-timeout',
    '20s',
  ])
  assert.equal(settled!.engine, 'embedded')
  process.kill(Number(JSON.parse(await ownerOf(folder)).pid), 'SIGINT')
  const { code, stdout, stderr } = await running
  assert.equal(code, 0)
  assert.equal(stdout, '')
  assert.match(
    stderr,
    new RegExp(`^\\S+Z \\d+ info  listening on 127\\.0\\.0\\.1:${port}, tasks held by embedded$`, 'm'),
  )
})

test('a port that is taken is one sentence and exit code 1', async (context) => {
  const port = await takenPort(context)
  for (const command of [['distributor'], ['up'], ['up', '--demo', '--once']]) {
    const ended = await chasqui([...command, '--engine', 'memory', '--port', String(port)])
    assert.equal(ended.code, 1)
    const lines = ended.stderr.trimEnd().split('\n')
    assert.equal(lines.length, 1, ended.stderr)
    assert.match(lines[0]!, new RegExp(`^chasqui: port ${port} on 127\\.0\\.0\\.1 is already taken: .*\\.$`))
    assert.equal(ended.stdout, '')
  }
})

test('a store that another process owns is one sentence and exit code 1', async (context) => {
  const folder = temporaryFolder(context, 'store')
  const owner = await startServer(context, ['distributor', '--engine', `embedded:${folder}`])
  const ended = await chasqui(['distributor', '--port', '0', '--engine', `embedded:${folder}`])
  assert.equal(ended.code, 1)
  assert.match(
    ended.stderr,
    new RegExp(`^chasqui: the store in .* is in use by process ${owner.pid} .*\\.\\n$`),
  )
})

test('a server that cannot be reached is one sentence and exit code 1, for commands and workers', async (context) => {
  const port = await takenPort(context, { release: true })
  const connect = ['--connect', `chasqui://127.0.0.1:${port}`, '--connect-timeout', '300ms']
  for (const command of [['list'], ['worker'], ['submit', 'sumar', '[1]']]) {
    const ended = await chasqui([...command, ...connect])
    assert.equal(ended.code, 1, ended.stderr)
    assert.match(
      ended.stderr,
      new RegExp(`^chasqui: no distributor could be reached at 127\\.0\\.0\\.1:${port}.*\\.\\n$`),
    )
  }
  const [error] = (await chasqui(['list', '--json', ...connect])).stderr.split('\n')
  assert.equal(JSON.parse(error!).error.code, 'CONNECTION_LOST')
})

test('a setting that cannot be used is one sentence that says where it stands, and exit code 2', async (context) => {
  const folder = temporaryFolder(context, 'config')
  writeFileSync(join(folder, 'chasqui.config.json'), '{"lease": "soon"}')
  const refused = async (args: readonly string[], message: RegExp, env: Record<string, string> = {}) => {
    const ended = await chasqui(args, { env, cwd: folder })
    assert.equal(ended.code, 2, ended.stderr)
    assert.match(ended.stderr, message)
    assert.equal(ended.stderr.trimEnd().split('\n').length, 1)
  }
  await refused(
    ['distributor', '--port', 'x'],
    /^chasqui: --port must be a whole number from 0 to 65535, not "x"\.\n$/,
  )
  await refused(
    ['distributor'],
    /^chasqui: "lease" in .*chasqui\.config\.json must be a duration .*, not "soon"\.\n$/,
  )
  await refused(['get', 'a'], /^chasqui: CHASQUI_CONNECT must be chasqui:\/\/HOST:PORT/, {
    CHASQUI_CONNECT: 'x',
  })
  await refused(['up', '--config', 'nowhere.json'], /^chasqui: --config names a file that does not exist/)
})

test('a command line that cannot be used is exit code 2', async () => {
  for (const args of [
    [],
    ['fly'],
    ['get'],
    ['list', '--limit', 'many'],
    ['submit', 'a', '{'],
    ['up', '--once'],
  ]) {
    const ended = await chasqui(args)
    assert.equal(ended.code, 2, args.join(' '))
    assert.doesNotMatch(ended.stderr, /^\s+at /m)
  }
  assert.equal((await chasqui(['--help'])).code, 0)
  assert.match((await chasqui(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

test('a module that cannot be used ends a worker with exit code 2, and up with 1', async (context) => {
  const server = await startServer(context, ['distributor', '--engine', 'memory'])
  const ended = await chasqui(['worker', './nowhere.ts', ...server.connect])
  assert.equal(ended.code, 2)
  assert.match(
    ended.stderr,
    /^chasqui: handler module \.\/nowhere\.ts was not found: there is no file .*nowhere\.ts\.\n$/m,
  )
  const up = await chasqui(['up', './nowhere.ts', '--port', '0', '--engine', 'memory', '--workers', '1'])
  assert.equal(up.code, 1)
  assert.match(up.stderr, /^chasqui: handler module .* was not found/m)
  assert.match(up.stderr, /^chasqui: the workers cannot start; the line above says why\.$/m)
})

test('a worker runs TypeScript as it is, from the working directory, and only the types asked for', async (context) => {
  const folder = temporaryFolder(context, 'modules')
  const definition = new URL('../../../src/task/definition.ts', import.meta.url).href
  writeFileSync(
    join(folder, 'own-tasks.ts'),
    `import { defineTask } from '${definition}'
     type Name = { name: string }
     export const greet = defineTask({ type: 'greet', run: ({ name }: Name) => \`hello \${name}\` })
     export const other = defineTask({ type: 'other', run: () => null })\n`,
  )
  const server = await startServer(context, ['distributor', '--engine', 'memory'])
  await startWorker(context, [
    join(folder, 'own-tasks.ts'),
    '--types',
    'greet',
    '--concurrency',
    '1',
    ...server.connect,
  ])
  const ended = await chasqui(['submit', 'greet', '{"name":"world"}', '--wait', ...server.connect])
  assert.deepEqual([ended.code, ended.stdout], [0, '"hello world"\n'])
  const [worker] = await chasquiJson<{ types: string[] }>(['workers', ...server.connect])
  assert.deepEqual(worker!.types, ['greet'])
})

/** A port with a listener of ours, or one that was free a moment ago. */
async function takenPort(
  context: Parameters<typeof atEnd>[0],
  { release = false }: { readonly release?: boolean } = {},
): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  if (release) await close()
  else atEnd(context, close)
  return port
}

async function ownerOf(folder: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return readFile(join(folder, 'owner.json'), 'utf8')
}
