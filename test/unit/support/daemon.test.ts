/** Servers that tests start: they end with the process that started them, and their ports are nobody else's. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findProgram } from '../../../scripts/programs.mjs'
import { accepts, Daemon } from '../../support/daemon.ts'
import { eventually } from '../../support/eventually.ts'
import { processesOf } from '../../support/leftovers.ts'
import { freePorts } from '../../support/ports.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const linux =
  process.platform === 'linux' && findProgram('setpriv') !== null ? false : 'needs setpriv of Linux'
const support = join(import.meta.dirname, '../../support')

/** A process of its own that runs this text, and says one line when it has done so. */
async function runElsewhere(
  context: TestContext,
  text: string,
): Promise<{ line: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  context.after(kill)
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  return { line: String(line).trim(), kill }
}

test('a server does not outlive a process that is killed with -9', { skip: linux }, async (context) => {
  const folder = temporaryFolder(context, 'daemon')
  const owner = await runElsewhere(
    context,
    `import { Daemon } from ${JSON.stringify(join(support, 'daemon.ts'))}
     const daemon = Daemon.start({
       command: 'tail', parameters: ['-f', '/dev/null'], folder: ${JSON.stringify(folder)}, env: { MARK: ${JSON.stringify(folder)} },
     })
     await daemon.ready(async () => true)
     console.log(daemon.pid)
     setInterval(() => {}, 1000)`,
  )
  await eventually('the server runs', () => processesOf(folder).some((line) => line.includes('tail -f')))
  await owner.kill()
  await eventually('the server is gone', () => !processesOf(folder).some((line) => line.includes('tail -f')))
})

test('a server that ends early is told with its last words, at once', async (context) => {
  const folder = temporaryFolder(context, 'daemon')
  const daemon = Daemon.start({ command: 'sh', parameters: ['-c', 'echo no such luck; exit 3'], folder })
  await assert.rejects(
    daemon.ready(async () => false),
    /sh ended \(exit code 3\):\nno such luck/,
  )
  await daemon.kill()
})

test('a stopped server is ended by TERM as well', { skip: linux }, async (context) => {
  const folder = temporaryFolder(context, 'daemon')
  const setting = { command: 'tail', parameters: ['-f', '/dev/null'], folder, env: { MARK: folder } }
  const daemon = Daemon.start(setting)
  const stateOf = ({ pid }: Daemon) => processesOf(folder).find((line) => line.startsWith(`${pid} `)) ?? ''
  await eventually('it runs', () => stateOf(daemon).endsWith('tail -f /dev/null '))
  daemon.signal('SIGSTOP')
  await eventually('it is stopped', () => stateOf(daemon).includes(' T '))
  await daemon.kill('SIGTERM')
  assert.equal(daemon.ended, 'SIGTERM')
})

test('ports in a row are free, and another process does not get them', { skip: linux }, async (context) => {
  const text = `import { freePorts } from ${JSON.stringify(join(support, 'ports.ts'))}
    Math.random = () => 0.5
    console.log(await freePorts(3).catch((error) => error.message))
    setInterval(() => {}, 1000)`
  const first = await runElsewhere(context, text)
  assert.match(first.line, /^\d+$/)
  assert.equal(await accepts(Number(first.line)), false)
  // It always looks at the same place, and finds it taken.
  const second = await runElsewhere(context, text)
  assert.equal(second.line, 'found no 3 free ports in a row between 10100 and 32000')
})

test('a port that somebody listens on is not free', async (context) => {
  const server = net.createServer()
  // One within the range, found by the same means from another process' view: it is not held by this one yet.
  const { line, kill } = await runElsewhere(
    context,
    `import { freePorts } from ${JSON.stringify(join(support, 'ports.ts'))}
     console.log(await freePorts())
     setInterval(() => {}, 1000)`,
  )
  await kill()
  const port = Number(line)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  context.mock.method(Math, 'random', () => (port - 10_100 + 0.5) / (32_000 - 10_100 - 1))
  await assert.rejects(freePorts(), /found no 1 free ports/)
  server.close()
  await once(server, 'close')
  assert.equal(await freePorts(), port)
})
